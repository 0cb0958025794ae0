#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a Django management command in the release that serves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: manage
short_description: Run a Django management command in the release that serves
description:
  - Runs the command as the site's account, with the site's environment, in the folder of the project.
  - Values of secrets are replaced in what it prints.
options:
  command:
    description: The command and its arguments, as after C(manage.py).
    type: str
    required: true
  environment:
    description: Environment besides the site's own.
    type: dict
    default: {}
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Create an administrator
  hotclub.django.manage:
    name: shop
    root: /srv/shop
    command: createsuperuser --noinput
    environment:
      DJANGO_SUPERUSER_USERNAME: ada
      DJANGO_SUPERUSER_EMAIL: ada@example.org
      DJANGO_SUPERUSER_PASSWORD: "{{ vault_ada_password }}"
"""

RETURN = r"""
output:
  description: What the command printed.
  type: str
  returned: always
"""

import shlex
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **SITE,
            "command": {"type": "str", "required": True},
            "environment": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    carry_out(module, manage)


def manage(module: AnsibleModule) -> dict[str, Any]:
    """Run the command.

    :raises Trouble: nothing serves yet, or the command failed.
    """
    site, command = site_of(module), module.params["command"]
    current = site.current()
    if module.check_mode:
        return {"changed": False, "output": "(not run in check mode)"}
    if not current:
        raise Trouble(f"{site.name} has no release on this host.", "Run playbooks/site.yml first.")
    interpreter = Interpreter(site, current)
    extra = {name: str(value) for name, value in module.params["environment"].items()}
    interpreter.hidden += [value for value in extra.values() if len(value) >= 6]
    done = interpreter.run(["manage.py", *shlex.split(command)], extra)
    output = "\n".join(part.rstrip() for part in (done.stdout, done.stderr) if part.strip())
    if done.code:
        raise Trouble(
            f"manage.py {shlex.split(command)[0]} ended with code {done.code}.",
            f"It ran in release {current}; correct the command or the project.",
            output,
        )
    return {"changed": True, "output": output or "(it printed nothing)"}


if __name__ == "__main__":
    main()
