# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Packages that come from git without a lock: all hosts of a fleet take the commits that the first one found.

Other hosts say nothing but which commit: where it is fetched from, this host's own requirements say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

# The version of such a package, in what is written about a release.
PIN = re.compile(
    r"git\+(?P<url>[a-z]+://(?:[\w.-]+@)?[^\s@#]+)@(?P<commit>[0-9a-f]{40,64})(?P<part>#subdirectory=\w[\w./-]*)?", re.ASCII
)
# In requirements as a line, in pyproject.toml also as a table.
ADDRESS = re.compile(r"""git(?:\+|["']?\s*=\s*["'])([a-z]+://[^\s"'#;,]+)""")
# Whoever signs in, the host, the path; and the branch, tag or commit, which may have slashes.
PARTS = re.compile(r"([a-z]+://(?:[^/@]*@)?[^/@]*/[^@]*)(?:@.*)?")
SIGNED_IN = re.compile(r"(://)[^/@\s]*@")
VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def is_pin(version: str) -> bool:
    """Say whether a version is a commit of git."""
    return version.startswith("git+")


def pin(url: str, commit: str, subdirectory: str = "") -> str:
    """Return the version of a package that comes from git, without what signs in."""
    return f"git+{bare(url)}@{commit}" + (f"#subdirectory={subdirectory}" if subdirectory else "")


def bare(url: str) -> str:
    """Return an address without passwords and tokens; by SSH the account is part of it."""
    if not url.startswith("ssh:"):
        return SIGNED_IN.sub(r"\1", url)
    return re.sub(r"(://[^/@:]*):[^/@]*@", r"\1@", url)


def overrides(pins: Mapping[str, str], asked: str, environment: Mapping[str, str]) -> str:
    """Return requirements in place of those that name the same repositories: with the commits of the fleet.

    :param pins: versions by name that the fleet has.
    :param asked: all requirements that are known here, as text.
    :param environment: what lines of a requirements file may refer to.
    """
    addresses = {bare(_filled_in(address, environment)): address for address in _addresses(asked)}
    lines = []
    for name, version in sorted(pins.items()):
        found = PIN.fullmatch(version)
        if found and found["url"] in addresses:
            wanted = f"{addresses[found['url']]}@{found['commit']}{found['part'] or ''}"
            lines.append(f"{name}{_extras(name, asked)} @ git+{wanted}\n")
    return "".join(lines)


def _addresses(asked: str) -> Iterator[str]:
    for address in ADDRESS.findall(asked):
        parts = PARTS.fullmatch(address)
        if parts:
            yield parts[1]


def _filled_in(text: str, environment: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: environment.get(found[1], found[0]), text)


def _extras(name: str, asked: str) -> str:
    """Return the extras of a package that anything asks for: what replaces a requirement replaces its extras too."""
    spelt = "[-_.]+".join(map(re.escape, re.split(r"[-_.]+", name)))
    groups = re.findall(rf"(?<![\w.-]){spelt}\s*\[([\w\s.,-]+)\]", asked, re.IGNORECASE)
    extras = sorted({extra.strip() for group in groups for extra in group.split(",") if extra.strip()})
    return f"[{','.join(extras)}]" if extras else ""
