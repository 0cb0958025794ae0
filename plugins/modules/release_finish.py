#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clean up after a deployment, successful or not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_finish
short_description: Remove what a site no longer needs of its releases
description:
  - Keeps the release that serves and the newest others that have served. Removes the rest, the virtualenvs that no
    kept release uses, and the static files that no kept release has.
options:
  keep:
    description: How many releases to keep, the one that serves among them.
    type: int
    default: 5
  discard:
    description: Id of a release to remove because its deployment failed.
    type: str
    default: ""
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Keep the last five releases
  hotclub.django.release_finish:
    name: shop
    root: /srv/shop
"""

RETURN = r"""
removed:
  description: Ids of the releases that were removed.
  type: list
  returned: always
kept:
  description: Ids of the releases that are kept, oldest first.
  type: list
  returned: always
"""

import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove
from ansible_collections.hotclub.django.plugins.module_utils.release import static_files
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import aliases, release_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={**SITE, "keep": {"type": "int", "default": 5}, "discard": {"type": "str", "default": ""}},
        supports_check_mode=True,
    )
    carry_out(module, finish)


def finish(module: AnsibleModule) -> dict[str, Any]:
    """Remove what is no longer needed."""
    site = site_of(module)
    kept = to_keep(site, module.params["keep"], module.params["discard"])
    removed = [release for release in site.built() if release not in kept]
    if not module.check_mode and site.releases.is_dir():
        with site.step(wait_seconds=300):
            for release in removed:
                remove(site.release(release))
            for alias in aliases(site):
                if release_of(alias) not in kept:
                    remove(site.release(alias))
            prune_virtualenvs(site, kept)
            static_files.prune(site, kept)
    return {"changed": bool(removed), "removed": removed, "kept": kept}


def to_keep(site: Site, keep: int, discard: str) -> list[str]:
    """Return the releases to keep, oldest first: the current one, the way back, and the newest others that have served."""
    current = site.current()
    served = {entry["release"] for entry in site.history()}
    candidates = [release for release in site.built() if release in served and release not in (current, discard)]
    newest = candidates[-(keep - 1) :] if keep > 1 else []
    previous = site.previous()
    if newest and previous in candidates and previous not in newest:
        newest[0] = previous
    return sorted([*newest, *([current] if current else [])])


def prune_virtualenvs(site: Site, kept: list[str]) -> None:
    """Remove the virtualenvs that no kept release points to."""
    used = {os.path.basename(os.path.realpath(site.release(release) / "venv")) for release in kept}
    for entry in site.venvs.iterdir():
        if entry.name not in used:
            remove(entry)


if __name__ == "__main__":
    main()
