#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: show
version_added: 0.1.0
short_description: Print text for a person
description:
  - Prints a text on the controller, without the frame that Ansible puts around results.
options:
  text:
    description: What to print.
    type: str
    required: true
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Show which release serves
  hotclub.django.show:
    text: shop serves v1.4
"""

RETURN = r""""""
