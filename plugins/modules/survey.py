#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of survey; the action plugin of the same name does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: survey
version_added: 0.1.0
short_description: Compare a host with all that its roles say, in one call
description:
  - Asks the host about every step of the roles at once, and changes nothing.
  - Asks for the state itself, such as the content of files and what a service runs with, so that whatever differs is found.
  - Refuses what a role refuses, before anything changes on any host.
options:
  roles:
    description:
      - Roles of this collection, whose variables the play has. Their steps are in C(__<role>_steps), their conditions in
        C(__<role>_refusals).
      - C(<role>.<entry>) stands for the steps in C(__<role>_<entry>_steps).
    type: list
    elements: str
    required: true
  first_contact:
    description:
      - What to do about a host that is used for something else, too, and that none of these roles has configured yet.
      - V(ask) refuses it and says what would be cut off or replaced, with the remedy for each. V(accept) goes on, except where
        something can't be had beside a site.
    type: str
    choices: [ask, accept]
    default: ask
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Compare the host with what its roles say
  hotclub.django.survey:
    roles: [os, ssh, nginx]
  register: __site_survey
"""

RETURN = r"""
settled:
  description: Whether no step would change anything.
  returned: success
  type: bool
differing:
  description: The steps that would.
  returned: success
  type: list
  elements: str
missing:
  description: The packages of all roles that are not installed.
  returned: success
  type: list
  elements: str
held:
  description: Those of them whose services start only once they are configured.
  returned: success
  type: list
  elements: str
answers:
  description: What each step said.
  returned: success
  type: dict
"""
