#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take PostgreSQL back to an earlier moment, in place or beside the live data."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_restore
version_added: 0.1.0
short_description: Take PostgreSQL back to an earlier moment
description:
  - >-
    Looks for the newest backup before that moment, from which nothing is missing, and has PostgreSQL follow its log of changes up
    to it.
  - Without O(time), O(backup) and O(name) it goes to the newest moment that is archived.
  - In place, the moment before is named, so that another restore leads back to it.
options:
  state:
    description:
      - V(planned) says what would be lost, and changes nothing.
      - V(in_place) takes the server itself back. V(beside) makes a server of its own, which archives nothing.
    type: str
    choices: [planned, in_place, beside]
    default: planned
  time:
    description: A moment such as C(2026-11-30 14:05:00), by the host's clock where no other is named behind it.
    type: str
    default: ""
  backup:
    description: The label of a backup.
    type: str
    default: ""
  name:
    description: The name of a moment.
    type: str
    default: ""
  beside_name:
    description: The name of the cluster beside the live one.
    type: str
    default: restored
  beside_port:
    description: Its port.
    type: int
    default: 5433
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Have a look at yesterday
  hotclub.django.postgresql_restore:
    state: beside
    time: "2026-11-30 14:05:00"
"""

RETURN = r"""
follows:
  description: Whether the host is a member of a cluster that another one leads, to which everything is left.
  type: bool
  returned: with V(planned)
moment:
  description: The moment, by the host's clock.
  type: str
  returned: when it does not follow
seconds_since_1970:
  description: The same moment, in seconds since 1970.
  type: float
  returned: with V(planned)
backup:
  description: The backup from which the way there begins.
  type: str
  returned: when it does not follow
lost:
  description: What a restore in place loses; empty for nothing.
  type: str
  returned: with V(planned)
databases:
  description: The databases of the server.
  type: str
  returned: with V(planned)
former:
  description: The name of the moment before the restore; empty where the server did not run.
  type: str
  returned: with V(in_place)
cluster:
  description: The cluster that is at that moment now.
  type: str
  returned: with V(in_place) and V(beside)
version:
  description: Its major version.
  type: str
  returned: with V(in_place) and V(beside)
port:
  description: Its port.
  type: int
  returned: with V(in_place) and V(beside)
seconds:
  description: How long that took.
  type: float
  returned: with V(in_place) and V(beside)
"""
