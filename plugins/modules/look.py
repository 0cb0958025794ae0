#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a host; the first step of every run that needs facts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: look
version_added: 0.1.0
short_description: Return the facts that the roles of this collection use
description:
  - A small part of what M(ansible.builtin.setup) returns, under the same names, in a fraction of its time.
  - Also returns the account that the run has signed in as and the port at which it did, the addresses that the host knows for
    other hosts' names, and which daemon keeps the time there.
  - Waits on a host that no run has configured yet until cloud-init is done.
  - Refuses a host on which nothing could be done, with the remedy.
options:
  names:
    description: Names of hosts whose addresses are looked up on the host.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - A site, of whose secrets the host keeps fingerprints. They are returned as by M(hotclub.django.secret_fingerprints).
      - The fact C(hotclub_ignores_pools) says whether it serves a release that was built before pools of database connections
        were known, and goes straight to the server.
    type: dict
    suboptions:
      name:
        description: Name of the site.
        type: str
        required: true
      root:
        description: The site's folder.
        type: path
        required: true
      certificate_folders:
        description: Folders with certificates of its authority.
        type: list
        elements: str
        default: []
  database:
    description:
      - A database that somebody else runs. The host logs in there, and what it finds is the fact C(hotclub_database), which is
        empty where the host has no C(psql), or no certificates to compare the server's with. Refused where the database can't be
        used, with the remedy; but not where the site serves from it and no connection is free at the moment.
    type: dict
    suboptions:
      host:
        description: Name or address of the server.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        required: true
      name:
        description: The database.
        type: str
        required: true
      user:
        description: The account.
        type: str
        required: true
      password:
        description: Its password.
        type: str
        required: true
      tls_mode:
        description: Whether the server's certificate must have its name (V(verify-full)), or need only be signed (V(verify-ca)).
        type: str
        choices: [verify-full, verify-ca]
        default: verify-full
      authority:
        description: Certificate of who signs the server's. Without it, those that the host trusts.
        type: str
        default: ""
      extensions:
        description: Extensions that the database must have.
        type: list
        elements: str
        default: []
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Look at the host
  hotclub.django.look:
"""

RETURN = r"""
ansible_facts:
  description: The facts.
  returned: success
  type: dict
"""
