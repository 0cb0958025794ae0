#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: other_site
version_added: 0.1.0
short_description: Read what the inventory of another site says, and add its hosts to the run
description:
  - >-
    For a run with the inventory of one site that reads something of another one. Inventories of two sites can't be given
    together: what one says of its site would take the place of what the other says.
options:
  inventory:
    description: The inventory of the other site, as it would be given with C(-i).
    type: path
    required: true
  add:
    description:
      - >-
        Add the first of its database or application hosts to the run, to the group C(copied_database) or C(copied_application),
        with the variables of its connection alone.
    type: str
    choices: ["", database, application]
    default: ""
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Read the inventory of the site to copy
  hotclub.django.other_site:
    inventory: inventories/production
  register: other
"""

RETURN = r"""
site:
  description: Variables of the site by their names, such as C(site_name).
  type: dict
  returned: always
folder:
  description: A folder on the controller that goes with the run, for what is copied.
  type: str
  returned: always
"""
