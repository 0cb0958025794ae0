#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of an action that runs on the controller."""

from __future__ import annotations

DOCUMENTATION = """
module: check_inventory
short_description: List everything that is wrong with the inventory
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Reads the variables of all hosts on the controller and compares them with the argument specs of the collection's roles.
    No host is connected to.
  - Fails with all problems at once. Each names the variable, where it is set, what is wrong with it and what to write instead.
  - Warns of secrets that the inventory, or the folder of generated ones, has in plain text, and of a rotation that has not ended.
  - Values that need facts of a host are left to the roles, which check them on the host.
options: {}
attributes:
  check_mode:
    description: Reads only, so that it does the same in check mode.
    support: full
"""

EXAMPLES = """
- name: Check the inventory
  hotclub.django.check_inventory:
  run_once: true
"""

RETURN = """
msg:
  description: All problems in one text, or how many hosts each tier has.
  returned: always
  type: str
  sample: "The inventory is in order: lb 1, app 1, db 1."
"""
