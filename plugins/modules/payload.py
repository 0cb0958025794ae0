#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The only module that runs on hosts: every other is an action plugin, which sends its steps by this one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: payload
version_added: 0.1.0
short_description: Carry out on a host what the other modules of this collection ask of it
description:
  - Not for use in tasks. The action plugins of the other modules, such as M(hotclub.django.steps), send their steps by it.
  - Ansible assembles an archive for each module that a run uses. With one for all steps it does so once, and not at all for a
    host that has kept their code.
options:
  payload:
    description: The steps with their arguments, as JSON.
    type: str
    required: true
  keep:
    description: By which key the code of all steps stays on the host until it starts again. By default it doesn't stay.
    type: str
    default: ""
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Look at the host
  hotclub.django.payload:
    payload: '{"comparing": false, "steps": [{"step": "look", "arguments": {}}]}'
"""

RETURN = r"""
results:
  description: The result of each step that was taken.
  returned: always
  type: list
  elements: dict
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.batch import answer
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Process
from ansible_collections.hotclub.django.plugins.module_utils.common.kept import keep
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import PATH

OPTIONS = {"payload": {"type": "str", "required": True, "no_log": True}, "keep": {"type": "str", "default": "", "no_log": False}}


def main() -> None:
    """Take the steps, and return the result of each that was taken."""
    # su leaves the one of who has signed in, which has no programs of root's.
    os.environ["PATH"] = PATH
    # One text which Ansible neither logs nor prints: it holds the content of every file.
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    keep(module.params["keep"])
    process = Process(check_mode=module.check_mode, diff=module._diff)
    result = answer(process, json.loads(module.params["payload"]))
    for text in process.warnings:
        module.warn(text)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
