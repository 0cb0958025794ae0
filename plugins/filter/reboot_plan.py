# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a host reboots after its packages were upgraded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

REBOOTS = ("when_needed", "always", "never")
# What a database host keeps nobody else has, so that permission for it covers what else it does.
PERMISSIONS = {"db": "patch_database_reboot", "lb": "patch_only_host_reboot", "app": "patch_only_host_reboot"}


def reboot_plan(
    host: str, tiers: Mapping[str, Sequence[Mapping[str, Any]]], wanted: str, needed: bool, permissions: Mapping[str, bool]
) -> dict[str, Any]:
    """Return whether a host reboots, and what to say of one that should and doesn't.

    :param tiers: the tiers of the topology.
    :param wanted: when_needed, always or never.
    :param needed: whether the host itself asks for it.
    :param permissions: the variables by which the operator lets a tier's only host reboot, with their values.
    :returns: ``reboot``, and ``waits``, a sentence which is empty when nothing waits.
    """
    if not needed and wanted != "always":
        return {"reboot": False, "waits": ""}
    if wanted == "never":
        return {"reboot": False, "waits": f"{host} waits for a reboot, and patch_reboot is never."}
    alone = [tier for tier in PERMISSIONS if [peer["name"] for peer in tiers[tier]] == [host]]
    if not alone or permissions[PERMISSIONS[alone[0]]]:
        return {"reboot": True, "waits": ""}
    return {
        "reboot": False,
        "waits": f"{host} waits for a reboot, which would interrupt the site: it is the only host of the group "
        f"{' and '.join(alone)}. At a quiet time, run playbooks/patch.yml -e {PERMISSIONS[alone[0]]}=true.",
    }


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the filters of this file by name."""
        return {"reboot_plan": reboot_plan}
