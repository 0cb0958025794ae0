#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say on a host who is releasing a site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_lock
version_added: 0.1.0
short_description: Hold or release the deployment lock of a site
description:
  - One deployment at a time. The lock says who holds it, from where, since when and for what.
  - A lock whose controller process is known to be dead, or that nobody has renewed for O(lease_seconds), is taken over. Each step
    that works under it renews it for as long as it works.
  - An action plugin of the same name adds who is asking.
options:
  state:
    description: Whether the lock is to be held or let go.
    type: str
    choices: [present, absent]
    default: present
  what:
    description: What is going on, for whoever meets the lock.
    type: str
    default: deploy
  wait_seconds:
    description: How long to wait for a step that an interrupted deployment left running on the host.
    type: int
    default: 300
  silent_seconds:
    description:
      - For how long the holder may give no sign of life, such as while packages are upgraded and the host reboots. Until then
        nobody counts it as dead, unless with O(lease_seconds=0); less than O(lease_seconds) changes nothing.
    type: int
    default: 0
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.locked, hotclub.django.site.locking]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Take the deployment lock
  hotclub.django.release_lock:
    name: shop
    root: /srv/shop
    what: deploy v1.4
"""

RETURN = r"""
held_by:
  description: The present holder, when somebody else holds the lock.
  type: dict
  returned: when the lock was refused
serving:
  description: The release that serves while the lock is taken, which is the one to return to; empty when there is none.
  type: str
  returned: when the lock was taken
taken_over:
  description: The dead holder from whom the lock was taken.
  type: dict
  returned: always
"""
