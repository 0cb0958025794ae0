# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at the fingerprints of a site's secrets on a host, or keep them."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.machine.secret_fingerprints import forget, keep, look

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "state": {"type": "str", "choices": ["looked", "compared", "kept", "absent"], "default": "looked"},
    "certificate_folders": {"type": "list", "elements": "str", "default": []},
    # For the controller alone.
    "path": {"type": "str", "default": ""},
    "authorities": {"type": "dict", "default": {}},
    "tiers": {"type": "list", "elements": "str", "default": []},
    "step": {"type": "str", "default": "", "no_log": False},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "anew": {"type": "bool", "default": False},
    # Set by it.
    "salt": {"type": "str", "default": "", "no_log": False},
    "known": {"type": "dict", "default": {}, "no_log": False},
}


def take(module: Call) -> None:
    """Look, keep or forget."""
    asked = module.params
    if asked["state"] == "looked":
        module.exit_json(changed=False, **look(asked["name"], asked["root"], asked["certificate_folders"]))
    elif asked["state"] == "kept":
        module.exit_json(changed=keep(asked["name"], asked["salt"], asked["known"], module.check_mode))
    elif asked["state"] == "absent":
        module.exit_json(changed=forget(asked["name"], module.check_mode))
    module.fail_json(msg="Secrets are compared on the controller, by the action plugin of this name.")
