#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report_status
version_added: 0.1.0
short_description: Print the status of all hosts of a play together
description:
  - Gathers what each host of the play registered from M(hotclub.django.site_status), prints it, and fails when
    something is wrong. Hosts that could not be reached count as in trouble, and so do application hosts of different releases.
options:
  site:
    description: Name of the site.
    type: str
    required: true
  step:
    description: Name of the variable that each host registered.
    type: str
    required: true
  backups:
    description: What backs up the site, in the operator's words; empty where nothing is known of backups.
    type: str
    default: ""
  backups_obstacle:
    description: Why the database has no backups, in a few words; empty where it has.
    type: str
    default: ""
  format:
    description: How to print it.
    type: str
    choices: [table, json]
    default: table
  path:
    description: File on the controller that gets the report as JSON; empty for none.
    type: str
    default: ""
  page:
    description: File on the controller that gets the report as an HTML page, which needs nothing else to be read; empty for none.
    type: str
    default: ""
  flows:
    description: Who talks to whom, for the drawing on the page.
    type: list
    elements: dict
    default: []
  placed:
    description: The hosts of each tier, each with its name and address, for the drawing on the page.
    type: dict
    default: {}
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Report
  hotclub.django.report_status:
    site: shop
    step: __site_status
"""

RETURN = r""""""
