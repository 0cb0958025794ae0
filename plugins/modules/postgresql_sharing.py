#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look what other sites need of a PostgreSQL that a site shares with them, or take the site's own part away."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_sharing
version_added: 0.1.0
short_description: Look at, or leave, a PostgreSQL that several sites share
description:
  - >-
    A server has one certificate and one file of settings for all its sites. Each site's part is in C(hotclub.d) of its
    configuration.
  - >-
    Returns what other sites need of the certificate, or removes what the site needed, with its access rules, from every server of
    the host. Databases and accounts stay, and so does what any other site needs.
options:
  site:
    description: Name of the site.
    type: str
    required: true
  state:
    description: V(read) to look only, V(absent) to leave.
    type: str
    choices: [read, absent]
    default: read
  version:
    description: Major version of the server to look at. Needed to look.
    type: str
    default: ""
  cluster:
    description: Name of the cluster to look at.
    type: str
    default: main
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Read which names other sites need in PostgreSQL's certificate
  hotclub.django.postgresql_sharing:
    site: shop
    version: "17"
  register: __postgresql_others

- name: Remove the site's needs from PostgreSQL
  hotclub.django.postgresql_sharing:
    site: shop
    state: absent
"""

RETURN = r"""
others:
  description:
    - What other sites need of the certificate.
    - >-
      C(sites) are those that reach the server by TLS, C(names) the names under which they do, C(authority) the certificates of
      the authorities that they trust.
  returned: when O(state=read)
  type: dict
  sample: {sites: [blog], names: [db1, 10.0.0.31], authority: ""}
actions:
  description: What was, or in check mode would be, done.
  returned: when O(state=absent)
  type: list
  elements: str
"""
