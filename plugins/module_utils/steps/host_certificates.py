# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at certificates, make keys with requests, and install what was signed; the action plugin of the same name decides."""

from __future__ import annotations

import shutil
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_certificates import Folder

CERTIFICATE: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "key_mode": {"type": "str", "default": "0600", "no_log": False},
    "combined": {"type": "bool", "default": False},
    "chain": {"type": "str", "default": ""},
    "authority": {"type": "str", "default": ""},
    "private_key": {"type": "str", "default": "", "no_log": True},
}

SPEC: dict[str, Any] = {
    "step": {"type": "str", "choices": ["look", "request", "install"], "required": True},
    "certificates": {"type": "list", "elements": "dict", "options": CERTIFICATE, "required": True},
}


def take(module: Call) -> None:
    """Take the step that the action plugin asks for.

    :raises Trouble: the host can't make keys, or the step failed.
    """
    if not shutil.which("openssl") and not module.check_mode:
        raise Trouble("This host has no openssl, which makes the keys of its certificates.", "Install the package openssl.")
    module.exit_json(**STEPS[module.params["step"]](module.params["certificates"], module.check_mode))


def look(wanted: list[dict[str, Any]], checking: bool) -> dict[str, Any]:
    """Return what is there, and give files the permissions that they should have."""
    folders = [Folder.of(item, run) for item in wanted]
    wrong = {folder: files for folder in folders if (files := list(folder.wrong_permissions()))}
    if not checking:
        for folder in wrong:
            folder.permit()
    return {
        "changed": bool(wrong),
        "permitted": [file for files in wrong.values() for file in files],
        "found": [folder.look() for folder in folders],
    }


def request(wanted: list[dict[str, Any]], _checking: bool) -> dict[str, Any]:
    """Make keys, and return the requests for their certificates."""
    return {"changed": True, "requests": [Folder.of(item, run).request() for item in wanted]}


def install(wanted: list[dict[str, Any]], _checking: bool) -> dict[str, Any]:
    """Put certificates in place."""
    for item in wanted:
        Folder.of(item, run).install(item["chain"], item["authority"], item["private_key"])
    return {"changed": True}


STEPS = {"look": look, "request": request, "install": install}
