# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell which releases a host has, for the other hosts of its fleet."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import fleet_view

SPEC: dict[str, Any] = SITE


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, look)


def look(module: Call) -> dict[str, Any]:
    """Read the releases."""
    return {"changed": False, **fleet_view(site_of(module))}
