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
  - Ansible assembles an archive for each module that a run uses. With one for all steps it does so once.
options:
  payload:
    description: The steps with their arguments, as JSON.
    type: str
    required: true
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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.call import result_of
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import PATH
from ansible_collections.hotclub.django.plugins.module_utils.common.registry import step_of

AT_ONCE = 4


def main() -> None:
    """Take the steps, and return the result of each that was taken."""
    # su leaves the one of who has signed in, which has no programs of root's.
    os.environ["PATH"] = PATH
    # One text which Ansible neither logs nor prints: it holds the content of every file.
    module = AnsibleModule(argument_spec={"payload": {"type": "str", "required": True, "no_log": True}}, supports_check_mode=True)
    wanted = json.loads(module.params["payload"])
    results = compared(module, wanted["steps"]) if wanted["comparing"] else list(taken(module, wanted["steps"]))
    module.exit_json(changed=any(result.get("changed") for result in results), results=results)


def taken(module: AnsibleModule, steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Take steps in order, up to one that fails or has to wait for the controller."""
    for item in steps:
        result = asked(module, item, comparing=False)
        yield result
        if result.get("failed") or result.get("waits"):
            return


def compared(module: AnsibleModule, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask all steps whether they would change anything, several at once: most of the time they wait for programs."""

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(lambda item: asked(module, item, comparing=True), steps))


def asked(module: AnsibleModule, item: dict[str, Any], comparing: bool) -> dict[str, Any]:
    """Take one step, or ask whether it would change anything; return its result, also where there is no such step."""
    return result_of(lambda: step_of(item["step"]), module, item["arguments"], comparing)


if __name__ == "__main__":
    main()
