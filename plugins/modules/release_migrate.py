#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a release's migrations, once for the whole fleet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_migrate
version_added: 0.1.0
short_description: Apply the migrations of a finished release
description:
  - Applies what the database lacks, with the release's own code and a limit on waiting for locks, so that a migration
    that can't get a lock fails instead of stopping the site.
  - Run it on one host only.
options:
  release:
    description: Id of the release. Empty in check mode on a fresh host.
    type: str
    required: true
  lock_timeout_seconds:
    description: How long a statement of a migration may wait for a lock; 0 for ever.
    type: int
    default: 10
  commands:
    description: Management commands to run in the release once its migrations are applied.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.locked]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Apply the migrations
  hotclub.django.release_migrate:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4
"""

RETURN = r"""
applied:
  description: Migrations that were applied.
  type: list
  returned: success
printed:
  description: What each of the commands printed.
  type: list
  returned: success
"""
