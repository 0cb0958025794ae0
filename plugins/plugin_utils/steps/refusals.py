# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What must be true of a host and of a role's variables before anything changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble


def refused(conditions: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what to say about each condition that does not hold.

    :param conditions: dictionaries with `that`, a condition that has been worked out, and `msg`.
    """
    for condition in conditions:
        if not boolean(condition["that"]):
            yield " ".join(str(condition["msg"]).split("\n")).strip()


def refuse(conditions: Iterable[Mapping[str, Any]]) -> None:
    """Let nothing begin unless all conditions hold.

    :raises Trouble: says all that does not.
    """
    if found := list(refused(conditions)):
        raise Trouble("\n".join(found))
