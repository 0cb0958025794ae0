# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a rendered set of files in place; the action plugin of the same name renders it."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import is_first, replaced, told
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import (
    apply,
    changes_of,
    of_others,
    unpack,
)
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files_diff import diff_of

SPEC: dict[str, Any] = {
    # One text which Ansible neither logs nor prints: it holds the content of every file.
    "payload": {"type": "str", "required": True, "no_log": True},
    "check": {"type": "str", "default": ""},
    "remedy": {"type": "str", "default": ""},
}


def take(module: Call) -> None:
    """Compare, write and prove the set of files that the action plugin sends."""
    try:
        changes = changes_of(unpack(module.params["payload"]))
        if not module.check_mode:
            apply(changes, module.params["check"], module.params["remedy"])
    except Trouble as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(changes),
        files=[change.path for change in changes],
        **(told(replaced(change.path) for change in of_others(changes)) if module.comparing and is_first() else {}),
        **({"diff": diff_of(changes)} if module._diff else {}),
    )
