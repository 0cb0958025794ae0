# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install the program uv, and an interpreter that the distribution doesn't have."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run_for_everybody
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools, steps_of

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
SPEC: dict[str, Any] = {
    "version": {"type": "str", "required": True},
    "hashes": {"type": "list", "elements": "str", "default": []},
    "path": {"type": "path", "default": "/opt/uv"},
    "python_version": {"type": "str", "default": ""},
    "newest": {"type": "bool", "default": False},
    "python_path": {"type": "path", "default": "/opt/python"},
    "python_mirror_url": {"type": "str", "default": ""},
    "index_url": {"type": "str", "default": "", "no_log": True},
    "ca_bundle_path": {"type": "str", "default": ""},
}


def take(module: Call) -> None:
    """Find what is missing, install it, and report."""
    wanted = module.params
    # What root installs here, everybody uses.
    os.umask(0o022)

    tools = Tools(wanted["path"], wanted["python_path"], run_for_everybody, environment_of(wanted))
    installed = []
    for step in steps_of(tools, wanted["version"], wanted["python_version"], wanted["hashes"], wanted["newest"]):
        installed.append(step.name)
        if not module.check_mode:
            step.take()
    module.exit_json(changed=bool(installed), installed=installed)


def environment_of(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return what pip and uv are told through their environment, where no process list shows it."""
    given = {
        "PIP_INDEX_URL": wanted["index_url"],
        "PIP_CERT": wanted["ca_bundle_path"],
        "SSL_CERT_FILE": wanted["ca_bundle_path"],
        "UV_PYTHON_INSTALL_MIRROR": wanted["python_mirror_url"],
    }
    # A proxy that the play's environment names is for them as well.
    proxies = {name: value for name, value in os.environ.items() if name.lower() in PROXIES}
    return proxies | {name: value for name, value in given.items() if value}
