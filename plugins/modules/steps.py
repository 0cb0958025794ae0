#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take several steps on a host in one call; the action plugin of the same name prepares them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: steps
version_added: 0.1.0
short_description: Take several steps of this collection in one call
description:
  - Takes steps one after the other on the host, each of which is a module of this collection with its options.
  - A call to a host costs more than what most steps do there, so a role that has several takes them together.
  - Ends at the first step that fails. What a step needs of the controller, such as a signature, is done in between.
options:
  steps:
    description:
      - The steps in order.
      - >-
        Each has a C(name), which messages carry, and the name of one module, such as C(host_files), with its options below it.
        Where it has C(tags), a run with C(--tags) chooses by them. A C(when) that is false leaves the step out.
    type: list
    elements: dict
    required: true
  refuse:
    description:
      - What must be true before the first step, as a list of dictionaries.
      - C(that) is a condition that has been worked out. C(msg) is what to say when it does not hold.
    type: list
    elements: dict
    default: []
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Install, configure and run nginx
  hotclub.django.steps:
    steps:
      - name: Install nginx
        packages: {names: [nginx], started: false}
        tags: [install]
      - name: Write the nginx configuration
        host_files: {check: nginx -t}
        tags: [configure]
"""

RETURN = r"""
steps:
  description: The results of the steps that were taken, by their names.
  returned: always
  type: dict
"""
