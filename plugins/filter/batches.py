# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts in batches, one after another."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from ansible.errors import AnsibleFilterError

SIZE = re.compile(r"(?P<number>[1-9]\d*)(?P<percent>%)?")


def batches(hosts: Sequence[str], sizes: Sequence[str | int] | str | int) -> list[list[str]]:
    """Return the hosts in batches.

    :param sizes: of each batch, as numbers or as percentages of all hosts; the last one repeats.
    """
    wanted = [sizes] if isinstance(sizes, (str, int)) else list(sizes)
    rest, divided = list(hosts), []
    for number in range(len(rest)):
        if not rest:
            break
        size = _size(wanted[min(number, len(wanted) - 1)], len(hosts))
        divided.append(rest[:size])
        rest = rest[size:]
    return divided


def _size(wanted: str | int, hosts: int) -> int:
    found = SIZE.fullmatch(str(wanted).strip())
    if not found:
        raise AnsibleFilterError(f"site_deploy_batch has {wanted!r}. Write numbers such as 2, or percentages such as 25%.")
    number = int(found["number"])
    return max(1, math.ceil(hosts * number / 100)) if found["percent"] else number


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[list[str]]]]:
        """Return the filters of this file by name."""
        return {"batches": batches}
