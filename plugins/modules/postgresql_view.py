#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a database server without changing anything."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_view
version_added: 0.1.0
short_description: Look at a database server without changing anything
description:
  - Returns what has to be known of two servers before one takes the place of the other.
notes:
  - Supports check mode.
options:
  is_alone:
    description:
      - Whether the host is to be the only one of the database; refused while it is a member of a cluster that others need.
    type: bool
    default: false
  site:
    description: Name of the site that wants to know, which needs no refusal for its own sake.
    type: str
    default: ""
extends_documentation_fragment: [hotclub.django.postgresql]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Look at PostgreSQL
  hotclub.django.postgresql_view:
    version: "17"
  register: __postgresql_view
"""

RETURN = r"""
server:
  description:
    - What was found, among it C(exists), C(running), C(outdated), C(is_copy), C(disabled), C(system), C(databases) with the
      number of their tables, C(bytes) and C(free_bytes).
  type: dict
  returned: always
"""
