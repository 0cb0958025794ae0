#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a member of an etcd cluster."""

from __future__ import annotations

DOCUMENTATION = """
module: etcd_member
short_description: Run a member of an etcd cluster
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Begins a cluster when it is called for all members at the same time and none of them has data. A host that comes later, or has
    lost its data, is added to the cluster that the others have, and members that are named no more are removed from it.
  - Starts a stopped member, and waits until it can take part in a decision.
  - Restarts one whose settings are newer than it is, once all others answer.
  - Expects the settings in C(/etc/default/etcd), the certificate in C(/etc/etcd/certificate), and a unit that reads
    C(/run/hotclub/etcd.env), which is there for a first start only.
options:
  name:
    description: Name of the member on this host.
    type: str
    required: true
  members:
    description: All members.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the member.
        type: str
        required: true
      address:
        description: Where the others reach it.
        type: str
        required: true
  port:
    description: Where each listens for clients.
    type: int
    default: 2379
  peer_port:
    description: Where each listens for the others.
    type: int
    default: 2380
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = """
- name: Run the etcd member
  hotclub.django.etcd_member:
    name: db1
    members:
      - {name: db1, address: 10.0.0.31}
      - {name: db2, address: 10.0.0.32}
      - {name: db3, address: 10.0.0.33}
"""

RETURN = """
actions:
  description: What was done, among C(enable), C(join), C(start) and C(restart).
  returned: always
  type: list
  elements: str
"""
