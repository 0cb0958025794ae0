#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Clean up after a deployment, successful or not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_finish
version_added: 0.1.0
short_description: Remove what a site no longer needs of its releases
description:
  - Keeps the release that serves and the newest others that have served. Removes the rest, the virtualenvs that no
    kept release uses, and the static files that no kept release has.
options:
  keep:
    description: How many releases to keep, the one that serves among them.
    type: int
    default: 5
  discard:
    description: Id of a release to remove because its deployment failed.
    type: str
    default: ""
  unlock:
    description: Whether the deployment lock is removed at the end, because no other host is waited for.
    type: bool
    default: false
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.locked]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Keep the last five releases
  hotclub.django.release_finish:
    name: shop
    root: /srv/shop
"""

RETURN = r"""
removed:
  description: Ids of the releases that were removed.
  type: list
  returned: always
kept:
  description: Ids of the releases that are kept, oldest first.
  type: list
  returned: always
unlocked:
  description: Whether the deployment lock was removed.
  type: bool
  returned: always
"""
