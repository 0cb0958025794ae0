#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have another member of a cluster take the primary's place."""

from __future__ import annotations

DOCUMENTATION = """
module: postgresql_switchover
short_description: Have another member of a PostgreSQL cluster take the primary's place
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Orders Patroni to make another member the primary, and waits until that one takes writes. Any member may be asked.
  - Refuses a member that hasn't every commit, where commits wait for other members, or one that doesn't follow the primary.
extends_documentation_fragment: [hotclub.django.postgresql]
options:
  to:
    description: Name of the member that shall be the primary. Empty for the one that is best prepared.
    type: str
    default: ""
attributes:
  check_mode:
    description: Says who would take whose place, and does nothing.
    support: full
"""

EXAMPLES = """
- name: Have db2 take the primary's place
  hotclub.django.postgresql_switchover:
    version: "17"
    to: db2
"""

RETURN = """
before:
  description: The member that was the primary.
  returned: always
  type: str
after:
  description: The member that is it now.
  returned: always
  type: str
"""
