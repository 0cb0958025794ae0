# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What balancers need of one another to share virtual addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint

NAME = "site_virtual_addresses"
PEER = "private_address"


def complaints(addresses: Sequence[str], balancers: Mapping[str, str]) -> Iterator[tuple[Complaint, list[str]]]:
    """Yield what is in the way, and on which balancers.

    :param addresses: the virtual addresses with the sizes of their networks; those that are none are said elsewhere.
    :param balancers: where each balancer is reached by the others.
    """
    versions: dict[str, int] = {}
    for host, address in balancers.items():
        try:
            versions[host] = ipaddress.ip_address(address).version
        except ValueError:
            wrong = f'needs balancers that reach one another by addresses, and "{address}" is a name'
            yield Complaint(NAME, wrong, f"Set {PEER} to its address."), [host]
    if len(versions) < len(balancers):
        return
    used = sorted(set(versions.values()))
    if len(used) > 1:
        yield (
            Complaint(PEER, "is IPv4 on some balancers and IPv6 on others", "Have them reach one another by one of both."),
            list(versions),
        )
        return
    shared = {version_of(address) for address in addresses} - {None}
    if shared and used and used[0] not in shared:
        wrong = f"has none of IPv{used[0]}, in which the balancers reach one another"
        yield Complaint(NAME, wrong, f"Add one, or set {PEER} of the balancers to addresses of the other kind."), []


def version_of(address: str) -> int | None:
    """Return which kind of address it is, 4 or 6; None when it is none."""
    try:
        return ipaddress.ip_interface(address).version
    except ValueError:
        return None
