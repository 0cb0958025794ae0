#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Export a site's database, and drop it with its accounts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_departure
version_added: 0.1.0
short_description: Export a site's database, and drop it with its accounts
description:
  - Writes the database into a file of pg_dump's custom format, sees that it can be read, and only then drops the database.
  - Accounts that own something else stay.
  - Is refused while somebody is connected to the database.
options:
  database:
    description: Name of the database.
    type: str
    required: true
  accounts:
    description: Names of the site's accounts.
    type: list
    elements: str
    default: []
  path:
    description: The file of the export. Its folder is made, and only root and the server's account may read it.
    type: path
    required: true
notes:
  - Supports check mode.
extends_documentation_fragment: [hotclub.django.postgresql]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Export the database and drop it
  hotclub.django.postgresql_departure:
    version: "17"
    database: shop
    accounts: [shop]
    path: /var/backups/hotclub/shop-20261129T120000/database.dump
"""

RETURN = r"""
path:
  description: The file of the export; empty where there was no database.
  type: str
  returned: always
accounts_left:
  description: Accounts that are still there, since they own something else.
  type: list
  returned: always
"""
