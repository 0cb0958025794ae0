# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clean up after a deployment, successful or not."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove
from ansible_collections.hotclub.django.plugins.module_utils.release import static_files
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import LOCKED, SITE, carry_out, run_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.commands import Commands
from ansible_collections.hotclub.django.plugins.module_utils.release.deployment import let_go
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import aliases, release_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.timers import Timers
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import Workers
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import look_at_once

SPEC: dict[str, Any] = {
    **SITE,
    **LOCKED,
    "keep": {"type": "int", "default": 5},
    "discard": {"type": "str", "default": ""},
    "unlock": {"type": "bool", "default": False},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, finish)


def finish(module: Call) -> dict[str, Any]:
    """Remove what is no longer needed."""
    site = site_of(module)
    keep, discard = module.params["keep"], module.params["discard"]
    if module.check_mode or not site.releases.is_dir():
        kept, removed = parted(site, keep, discard)
        return {"changed": bool(removed), "removed": removed, "kept": kept, "unlocked": False}
    with site.step(wait_seconds=300, run=run_of(module)):
        workers = Workers(site)
        workers.discard(discard)
        workers.tidy()
        # Looked at only now: another run may have ended while this one waited.
        kept, removed = parted(site, keep, discard)
        for release in removed:
            remove(site.release(release))
        for alias in aliases(site):
            if release_of(alias) not in kept:
                remove(site.release(alias))
        prune_virtualenvs(site, kept)
        static_files.prune(site, kept)
    unlock = module.params["unlock"]
    if unlock:
        let_go(site, run_of(module))
        look_at_once(site)
    return {"changed": bool(removed), "removed": removed, "kept": kept, "unlocked": unlock}


def parted(site: Site, keep: int, discard: str) -> tuple[list[str], list[str]]:
    """Return the releases to keep and those to remove.

    What is newer than this run's own release and the current one is another run's. One whose workers still finish their tasks, or
    in which a timer or a command runs, is kept besides: they may import more of it.
    """
    built = site.built()
    newest = max(site.current(), discard)
    wanted = {*to_keep(site, keep, discard), *Workers(site).in_use(), *Timers(site).in_use(), *Commands(site).in_use()}
    kept = [release for release in built if release in wanted or (newest and release > newest)]
    return kept, [release for release in built if release not in kept]


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
