#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install the program uv, and an interpreter that the distribution doesn't have."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uv
version_added: 0.1.0
short_description: Install the program uv, and another Python
description:
  - >-
    Installs one version of uv into a folder of its own with the pip that Debian packs for virtualenvs (C(python3-pip-whl)),
    so that no virtualenv has to be made for it. Another version takes its place in one moment.
  - Asks the program itself for its version.
  - >-
    Another Python than the distribution's comes as a build of its own through uv. Whichever it is, it is found as
    C(bin/python3.12) below O(python_path).
options:
  version:
    description: Version of uv.
    type: str
    required: true
  hashes:
    description: SHA-256 of the files of that version, of which one is installed. With none, whatever the index gives.
    type: list
    elements: str
    default: []
  path:
    description: Folder of uv, which is C(bin/uv) in it.
    type: path
    default: /opt/uv
  python_version:
    description: Another Python, such as 3.12. Empty for none.
    type: str
    default: ""
  python_path:
    description: Folder of other Pythons.
    type: path
    default: /opt/python
  python_mirror_url:
    description: Mirror of the builds which uv brings. Empty for their own place.
    type: str
    default: ""
  index_url:
    description: Package index that uv comes from. Empty for PyPI.
    type: str
    default: ""
  ca_bundle_path:
    description: File on the host with certificate authorities. Empty for what packages bring.
    type: str
    default: ""
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Install uv
  hotclub.django.uv:
    version: "0.13.9"
"""

RETURN = r"""
installed:
  description: What was, or in check mode would be, installed.
  returned: always
  type: list
  elements: str
"""

import os
from collections.abc import Mapping

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools, steps_of


def main() -> None:
    """Find what is missing, install it, and report."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str", "required": True},
            "hashes": {"type": "list", "elements": "str", "default": []},
            "path": {"type": "path", "default": "/opt/uv"},
            "python_version": {"type": "str", "default": ""},
            "python_path": {"type": "path", "default": "/opt/python"},
            "python_mirror_url": {"type": "str", "default": ""},
            "index_url": {"type": "str", "default": "", "no_log": True},
            "ca_bundle_path": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    # What root installs here, everybody uses.
    os.umask(0o022)

    def run(command: list[str], environment: Mapping[str, str]) -> tuple[int, str]:
        code, out, err = module.run_command(command, environ_update={"LC_ALL": "C.UTF-8", **environment})
        return code, out + err

    tools = Tools(wanted["path"], wanted["python_path"], run, environment_of(wanted))
    installed = []
    try:
        for step in steps_of(tools, wanted["version"], wanted["python_version"], wanted["hashes"]):
            installed.append(step.name)
            if not module.check_mode:
                step.take()
    except Trouble as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or wanted['path']} can't be written: {error.strerror}.")
    module.exit_json(changed=bool(installed), installed=installed)


def environment_of(wanted: Mapping[str, str]) -> dict[str, str]:
    """Return what pip and uv are told through their environment, where no process list shows it."""
    given = {
        "PIP_INDEX_URL": wanted["index_url"],
        "PIP_CERT": wanted["ca_bundle_path"],
        "SSL_CERT_FILE": wanted["ca_bundle_path"],
        "UV_PYTHON_INSTALL_MIRROR": wanted["python_mirror_url"],
    }
    return {name: value for name, value in given.items() if value}


if __name__ == "__main__":
    main()
