#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Upgrade PostgreSQL to a newer major version, go back to the old one, or remove that."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_upgrade
version_added: 0.1.0
short_description: Upgrade PostgreSQL to a newer major version
description:
  - >-
    V(planned) says what is to be done and what is in the way. V(rehearsed) upgrades a copy, looks through it and throws it away.
    V(carried) gives the new server what the old one was told. V(following) makes a copy that follows the old server.
  - >-
    V(switched) stops the old server, brings what the copy has into the new one, and starts that. V(finished) does what is left
    afterwards, and has the repositories of backups know the new server.
  - V(returned) has the old server serve again, as it was left. V(confirmed) removes it.
  - The old server stays whole and stopped, and goes on when the new one can't take its place.
options:
  state:
    description: What shall be done.
    type: str
    choices: [planned, rehearsed, carried, following, switched, finished, returned, confirmed]
    default: planned
  do:
    description: With V(planned), what the plan is for.
    type: str
    choices: [upgrade, back, confirm]
    default: upgrade
  site:
    description: The site for which it is done.
    type: str
    required: true
  old:
    description: Major version of the server that stops; with V(returned), of the one that serves again.
    type: str
    default: ""
  new:
    description: Major version of the server that takes its place.
    type: str
    default: ""
  cluster:
    description: Name of the cluster.
    type: str
    default: main
  port:
    description: Port that it listens on.
    type: int
    default: 5432
  others_allowed:
    description: Whether other sites of the server may be upgraded as well.
    type: bool
    default: false
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Rehearse an upgrade
  hotclub.django.postgresql_upgrade:
    state: rehearsed
    site: shop
    old: "15"
    new: "17"
"""

RETURN = r"""
step:
  description: What is to be done, upgrade, finish, nothing, back, returned or confirm.
  type: str
  returned: with V(planned)
old:
  description: The version that serves, or that was left behind.
  type: str
  returned: with V(planned)
new:
  description: The version that takes its place, or serves.
  type: str
  returned: with V(planned)
problems:
  description: What is in the way, each with its remedy.
  type: list
  elements: str
  returned: with V(planned)
packages:
  description: Of V(planned), packages with extensions that the new version needs; of V(confirmed), packages that nobody needs.
  type: list
  elements: str
  returned: with V(planned) and V(confirmed)
lost:
  description: What a way back loses.
  type: dict
  returned: with V(planned) for a way back
seconds:
  description: How long each part took.
  type: dict
  returned: with V(rehearsed) and V(switched)
analysis_seconds:
  description: How long the server looked through its tables.
  type: float
  returned: with V(finished)
"""
