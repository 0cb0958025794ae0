#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: barrier
version_added: 0.1.0
short_description: Go on only when a step has ended well on every host of the play
description:
  - Fails on every host when the step has failed on one of them, or one could not be reached.
options:
  step:
    description: Name of the variable that the step registered.
    type: str
    required: true
  what:
    description: What the step is, for the message.
    type: str
    required: true
  hosts:
    description: The hosts on which it must have ended well, when these are not all hosts of the play.
    type: list
    elements: str
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Go on only when every host has built
  hotclub.django.barrier:
    step: __django_build
    what: the build
"""

RETURN = r""""""
