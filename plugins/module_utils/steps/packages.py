# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install the Debian packages that are missing."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal, Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.packages import install, missing, rehearse

SPEC: dict[str, Any] = {
    "names": {"type": "list", "elements": "str", "required": True},
    "held": {"type": "list", "elements": "str", "default": []},
}


def take(module: Call) -> None:
    """Compare the wanted packages with dpkg's list, and install what is missing."""
    wanted = module.params
    needed = missing(wanted["names"])
    try:
        if needed and not module.check_mode:
            install(needed, [name for name in wanted["held"] if name in needed])
        elif needed and not module.comparing:
            rehearse(needed)
    except Trouble as trouble:
        module.fail_json(msg=str(trouble), missing=needed, refuses=isinstance(trouble, Refusal))
    diff = {"diff": {"before": "", "after": "".join(f"{name}\n" for name in needed)}} if module._diff and needed else {}
    module.exit_json(changed=bool(needed), missing=needed, **diff)
