# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a member of an etcd cluster."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.etcd import Member, steps_of

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "members": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {"name": {"type": "str", "required": True}, "address": {"type": "str", "required": True}},
    },
    "port": {"type": "int", "default": 2379},
    "peer_port": {"type": "int", "default": 2380},
}


def take(module: Call) -> None:
    """Bring the member to where it should be.

    :raises Trouble: it can't take part in a decision.
    """
    wanted = module.params
    addresses = {one["name"]: one["address"] for one in wanted["members"]}
    member = Member(wanted["name"], addresses, wanted["port"], wanted["peer_port"], run)
    actions = module.take_steps(steps_of(member))
    module.exit_json(changed=bool(actions), actions=actions)
