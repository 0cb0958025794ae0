"""Versions of a project to go to and fro between."""

from __future__ import annotations

from tests.behaviour.kit.sites import Site

# Good ones, between which any deploy and any rollback must work.
GOOD = ("v1", "v2", "v3")


def versions(site: Site) -> tuple[str, str, str]:
    """The version that the site serves, and two others.

    A test that needs a change rather than a certain version asks for these, which saves a deploy beforehand. A site that a failed
    test has left at something else is brought back to the first one.
    """
    serving = site.serves()
    if serving not in GOOD:
        site.at(GOOD[0])
        serving = GOOD[0]
    second, third = (version for version in GOOD if version != serving)
    return serving, second, third
