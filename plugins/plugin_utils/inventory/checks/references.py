# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with the names in ``${}`` by which the values of site_env refer to others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release import environment
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint, nearest

# A password is hardly ever written like that.
PLAIN_NAME = re.compile(r"[A-Z][A-Z_]{2,}")


def check_references(inventory: Inventory, findings: Findings) -> None:
    """Refuse names that mean nothing, and values that wait for one another."""
    for setting in inventory.by_name("site_env"):
        for complaint in complaints(setting.value, inventory.environment):
            findings.add(complaint, setting.place, [setting.host])


def complaints(mapped: Any, given: Collection[str]) -> Iterator[Complaint]:
    """Yield what is wrong. A part of a value is shown only when it can be nothing but a name."""
    if not given or not isinstance(mapped, Mapping):
        return
    names = sorted({*given, *environment.OF_RELEASE, *environment.OPTIONAL})
    nothing = environment.unknown(given, mapped)
    for name, references in nothing.items():
        shown = dict.fromkeys(_shown(reference) for reference in references)
        near = next((found for reference in references if (found := nearest(reference, [*names, *map(str, mapped)]))), "")
        meant = f"Did you mean ${{{near}}}? There are" if near else "Write one of"
        yield Complaint(
            "site_env",
            f"the value of {name} refers to {' and '.join(shown)}, which no variable of the site is called",
            f"{meant} {', '.join(names)}, and those of site_env; or $${{ where ${{ shall stay as it is.",
        )
    if nothing:
        return
    try:
        environment.resolve(dict.fromkeys(given, ""), mapped)
    except ValueError as error:
        yield Complaint("site_env", str(error), "Write out one of the two.")


def _shown(name: str) -> str:
    return f"${{{name}}}" if PLAIN_NAME.fullmatch(name) else "a name in ${} (hidden)"
