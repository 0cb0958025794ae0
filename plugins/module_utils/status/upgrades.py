# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which updates wait on one host."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine.updates import (
    interrupting,
    services_with_replaced_code,
    waiting,
)
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools, is_brought, newer_known, patch_release
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


def look_at_updates(site: Site, days_at_most: int, status: dict[str, Any]) -> None:
    """Say which upgrades wait and since when, and what still runs code that one has replaced."""
    if found := waiting(run):
        status["updates"] = found.facts()
        if found.security_days > days_at_most:
            names = ", ".join(found.security)
            status["problems"].append(
                f"upgrades for security wait, the first for {found.security_days} days ({names}): run playbooks/patch.yml"
            )
    if services := interrupting(services_with_replaced_code(), site.name):
        status["remarks"].append(f"{', '.join(services)} still runs code that an upgrade has replaced: run playbooks/patch.yml")


def look_at_interpreter(site: Site, tools: Tools, python: str, status: dict[str, Any]) -> None:
    """Say whether there is a newer patch release of an interpreter that uv has brought."""
    if known := newer_known(tools, python):
        status["remarks"].append(
            f"Python {patch_release(run, python)} was brought by uv, which knows {known}: run playbooks/patch.yml, "
            "then playbooks/deploy.yml"
        )
        return
    current = site.current()
    served = str(site.describe(current).get("python", "")) if current else ""
    here = patch_release(run, python) if served else ""
    if is_brought(tools, python) and here != served:
        status["remarks"].append(f"the release runs with Python {served}, and {here} is there: run playbooks/deploy.yml")
