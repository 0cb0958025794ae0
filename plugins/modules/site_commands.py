#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell of the management commands of a site that go on by themselves."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_commands
version_added: 0.1.0
short_description: Tell of the management commands that go on by themselves, show what one printed, or stop one
description:
  - Those that M(hotclub.django.manage) has begun with O(hotclub.django.manage#module:detach), on this host.
  - A host remembers how the last fifty have ended.
options:
  state:
    description:
      - V(listed) tells of all.
      - V(shown) shows the last lines of what one has printed, in which values of secrets are replaced.
      - V(stopped) stops one, and waits until it has ended.
    type: str
    choices: [listed, shown, stopped]
    default: listed
  identifier:
    description: Of the command that is shown or stopped. A host that has none of that name says nothing.
    type: str
    default: ""
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: See what goes on
  hotclub.django.site_commands:
    name: shop
    root: /srv/shop
"""

RETURN = r"""
commands:
  description: What is known of each, the newest last.
  type: list
  elements: dict
  returned: always
  contains:
    identifier:
      description: By which it is known.
      type: str
    command:
      description: As it was given.
      type: str
    release:
      description: In which it runs, or ran.
      type: str
    by:
      description: Who began it.
      type: str
    seconds:
      description: For which it may run.
      type: int
    began:
      description: When, in seconds since 1970.
      type: float
    state:
      description: C(runs), or in words how it ended.
      type: str
    ended:
      description: When, in seconds since 1970; nothing while it runs.
      type: float
output:
  description: The same for people.
  type: str
  returned: always
"""
