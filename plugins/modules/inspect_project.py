#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of an action that runs on the controller."""

from __future__ import annotations

DOCUMENTATION = """
module: inspect_project
short_description: Say what a project is and what its inventory needs
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Reads the source that C(site_source) and C(site_version) name, on the controller, and prints what the project is, why a run
    would stop, what the collection does not do for it, and the lines that the inventory needs. No host is connected to.
  - Nothing of the project is run. A git repository is fetched without its history into a temporary folder, and not checked out.
options: {}
attributes:
  check_mode:
    description: Reads only, so that it does the same in check mode.
    support: full
"""

EXAMPLES = """
- name: Read the project's source
  hotclub.django.inspect_project:
"""

RETURN = """
stops:
  description: Why a run would stop, or the site would not work.
  returned: success
  type: list
  elements: str
  sample: []
lines:
  description: The variables that the inventory needs besides those that it has.
  returned: success
  type: dict
  sample: {site_packages: [file]}
"""
