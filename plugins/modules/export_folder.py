#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: export_folder
version_added: 0.1.0
short_description: Make the folder of an export on the controller, or look into one
description:
  - While it is filled, the folder is called like it will be, with C(.part) behind its name.
options:
  path:
    description: The folder. It is never overwritten.
    type: path
    required: true
  state:
    description:
      - V(begun) makes it, for nobody else to read. V(finished) gives it its name. V(dropped) removes it unless it is finished.
      - V(read) says what is in a finished one.
    type: str
    choices: [begun, finished, dropped, read]
    required: true
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Make the folder of the export
  hotclub.django.export_folder:
    path: /home/ada/shop
    state: begun
"""

RETURN = r"""
path:
  description: The folder.
  type: str
  returned: always
part:
  description: The folder while it is filled.
  type: str
  returned: always
sizes:
  description: How many bytes C(database) and C(uploads) have; 0 for one that is not there.
  type: dict
  returned: with V(read)
"""
