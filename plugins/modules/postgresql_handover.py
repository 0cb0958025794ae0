#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let one database server take the place of another."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_handover
version_added: 0.1.0
short_description: Let one database server take the place of another
description:
  - On the new server, V(following) copies everything from the old one and follows it, V(promoted) lets it take over once it
    has all that the old one wrote, and V(tidied) removes what only the copy needed.
  - On the old server, V(followed) waits until the copy is close behind, V(stopped) stops it for good, and V(running)
    lets it go on after all.
  - Each state is left alone where it is reached already, so that an interrupted move can be taken up again.
options:
  state:
    description: What this server shall do or be.
    type: str
    choices: [following, promoted, tidied, followed, stopped, running]
    required: true
  primary:
    description: The old server; needed with O(state=following).
    type: dict
    suboptions:
      address:
        description: Where it is.
        type: str
        required: true
      port:
        description: Port that it listens on.
        type: int
        default: 5432
      at_least:
        description: Its values of settings of which a copy must not have less.
        type: dict
        default: {}
  certificate_path:
    description: >-
      The folder of this server's certificate and key and of its authority's certificate, with which it reaches the old server.
      Without it, it goes there without TLS.
    type: path
  user:
    description: The account with which the copy gets in.
    type: str
    default: ""
  password:
    description: Its password.
    type: str
    default: ""
  last:
    description: Place of the last thing that the old server wrote, as O(state=stopped) returned it.
    type: str
    default: ""
  seconds:
    description: How long to wait for what has to come first.
    type: int
    default: 15
notes:
  - Supports check mode.
extends_documentation_fragment: [hotclub.django.postgresql]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Copy the database and follow the old server
  hotclub.django.postgresql_handover:
    state: following
    version: "17"
    primary: {address: 10.0.0.2}
    user: hotclub_copy
    password: "{{ vault_replication_password }}"
"""

RETURN = r"""
last:
  description: Place of the last thing that the server wrote.
  type: str
  returned: with state=stopped
"""
