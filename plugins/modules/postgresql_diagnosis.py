#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say what slows a database down, without changing anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_diagnosis
version_added: 0.1.0
short_description: Say what slows a database down, without changing anything
description:
  - Asks the server of the host, in one session that can only read, for the queries that cost most, for locks, old transactions,
    bloat, unused and missing indexes, and settings that are not as sites have given them.
  - Values in the text of queries are left out.
notes:
  - Supports check mode.
options:
  version:
    description: Major version of the server, where the host runs several; empty for the newest.
    type: str
    default: ""
  database:
    description: Name of the database.
    type: str
    required: true
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Diagnose PostgreSQL
  hotclub.django.postgresql_diagnosis:
    database: shop
  register: __postgresql_diagnosis
"""

RETURN = r"""
diagnosis:
  description:
    - What was found, among it C(version), C(megabytes), C(connections), C(max_connections), and C(findings), each with
      C(subject), C(what) and C(advice).
  type: dict
  returned: success
"""
