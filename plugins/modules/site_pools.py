#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remove the pools of database connections that a site no longer uses on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_pools
version_added: 0.1.0
short_description: Remove the pools of database connections that a site no longer uses on this host
description:
  - >-
    Stops each PgBouncer of the site that is not kept, once the server has answered what it was asked by it, and removes its
    folder. With none kept, their unit and the file of their account go as well.
options:
  name:
    description: Name of the site.
    type: str
    required: true
  kept:
    description: Names of the pools that stay.
    type: list
    elements: str
    required: true
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Remove the pools that the site no longer uses
  hotclub.django.site_pools:
    name: shop
    kept: [transaction-shop]
"""

RETURN = r"""
stopped:
  description: The pools that were, or in check mode would be, stopped.
  returned: always
  type: list
  elements: str
removed:
  description: Absolute paths that were, or in check mode would be, removed.
  returned: always
  type: list
  elements: str
"""
