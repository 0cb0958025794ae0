# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An address as PostgreSQL's access rules want it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any


def postgresql_address(address: str) -> str:
    """Return an address with the mask of one host; networks and host names stay as they are.

    :param address: address, network or host name of a client.
    :returns: what stands in the column ADDRESS of ``pg_hba.conf``.
    """
    try:
        return (
            str(ipaddress.ip_interface(address)) if "/" in address else f"{address}/{ipaddress.ip_address(address).max_prefixlen}"
        )
    except ValueError:
        return address


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"postgresql_address": postgresql_address}
