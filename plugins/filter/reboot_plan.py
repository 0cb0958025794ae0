# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a host reboots after its packages were upgraded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS

REBOOTS = ("when_needed", "always", "never")
PERMISSIONS = {tier.name: tier.reboot_permission for tier in TIERS.values() if tier.reboot_permission}


def reboot_plan(
    host: str, tiers: Mapping[str, Sequence[str]], wanted: str, needed: bool, permissions: Mapping[str, bool]
) -> dict[str, Any]:
    """Return whether a host reboots, and what to say of one that should and doesn't.

    :param tiers: the names of the hosts of each tier.
    :param wanted: when_needed, always or never.
    :param needed: whether the host itself asks for it.
    :param permissions: the variables by which the operator lets a tier's only host reboot, with their values.
    :returns: ``reboot``, and ``waits``, a sentence which is empty when nothing waits.
    """
    if not needed and wanted != "always":
        return {"reboot": False, "waits": ""}
    if wanted == "never":
        return {"reboot": False, "waits": f"{host} waits for a reboot, and patch_reboot is never."}
    alone = [tier for tier in PERMISSIONS if list(tiers[tier]) == [host]]
    # What a host keeps nobody else has, so that permission for that covers what else it does.
    alone.sort(key=lambda tier: not TIERS[tier].moved_by)
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
