#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report_logs
version_added: 0.1.0
short_description: Print what all hosts of a play have written about a site
description:
  - Gathers what each host of the play registered from M(hotclub.django.site_logs), prints it in order of time, and fails when a
    host could not be asked.
options:
  site:
    description: Name of the site.
    type: str
    required: true
  step:
    description: Name of the variable that each host registered.
    type: str
    required: true
  lines:
    description: How many entries at most, the newest.
    type: int
    default: 200
  format:
    description: How to print it.
    type: str
    choices: [text, json]
    default: text
  path:
    description: File on the controller that gets the report as JSON; empty for none.
    type: str
    default: ""
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Report
  hotclub.django.report_logs:
    site: shop
    step: __site_logs
"""

RETURN = r""""""
