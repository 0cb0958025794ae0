#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have PostgreSQL backed up by a timer, or now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_backups
version_added: 0.1.0
short_description: Have PostgreSQL backed up by a timer, or now
description:
  - Tells pgBackRest where the backups go, and has a timer look every hour which of them is due. Works with what the
    role pgbackrest has written.
  - A server that several sites share is backed up for the one that was there first, until it leaves.
options:
  state:
    description:
      - V(present) has backups made, V(absent) makes no more for the site and leaves those that there are.
      - V(backup) makes one now, V(drill) rehearses a restore now.
      - V(point) names this moment, so that a restore can go back to it; where that fails, it warns.
    type: str
    choices: [present, absent, backup, drill, point]
    default: present
  site:
    description: The site's name.
    type: str
    default: ""
  version:
    description: Major version of PostgreSQL.
    type: str
    default: ""
  port:
    description: Port on which it listens.
    type: int
    default: 5432
  passphrase:
    description: What the backups are encrypted with.
    type: str
    default: ""
  repositories:
    description: Where the backups are, in the order in which a restore looks for one.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: A folder of the host, the host that O(host) names, or a storage that speaks S3.
        type: str
        choices: [local, host, s3]
        default: local
      path:
        description: The folder in which the site has one, or the path in the bucket.
        type: str
      kept_fulls:
        description: Full backups that are kept there.
        type: int
      bucket:
        description: The bucket.
        type: str
      endpoint:
        description: The storage's host name, with a port where it needs one.
        type: str
      region:
        description: The storage's region.
        type: str
      access_key_id:
        description: The name of the key.
        type: str
      secret_access_key:
        description: The secret of the key.
        type: str
      ca_path:
        description: A file with the authorities of the storage's certificate.
        type: path
  host:
    description: The host that takes backups, with the role backup_server.
    type: dict
    suboptions:
      name:
        description: What it is called where people read of it.
        type: str
        default: ""
      address:
        description: Where it is reached.
        type: str
        default: ""
      port:
        description: The port on which it listens.
        type: int
        default: 8432
      path:
        description: Its folder in which each site has one.
        type: path
        default: /var/lib/hotclub-backup
  hour:
    description: The hour from which on a day's backup is due.
    type: int
    default: 2
  full_days:
    description: Days from one full backup to the next.
    type: int
    default: 7
  kept_fulls:
    description: Full backups that are kept.
    type: int
    default: 2
  drill_days:
    description: Days from one rehearsed restore to the next; 0 for none.
    type: int
    default: 7
  queue_mb:
    description: MiB of changes that wait for a repository before they are dropped; 0 for never.
    type: int
    default: 0
  processes:
    description: Processes that a backup uses at a time.
    type: int
    default: 1
  anew:
    description: >-
      Whether the site has new secrets on purpose. Local backups that are encrypted by another passphrase are then set aside,
      where it is refused otherwise.
    type: bool
    default: false
  kind:
    description: What V(backup) makes.
    type: str
    choices: [full, diff]
    default: full
  name:
    description: What this moment is named.
    type: str
    default: ""
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Back up PostgreSQL now
  hotclub.django.postgresql_backups:
    state: backup
    name: before-the-import
"""

RETURN = r"""
actions:
  description: What was done, or would be.
  type: list
  returned: with V(present) and V(absent)
keeper:
  description: The site of which the server's backups are.
  type: str
  returned: with V(present) and V(absent)
backups:
  description: How the backups are now.
  type: dict
  returned: with V(backup)
drill:
  description: How the drill went.
  type: dict
  returned: with V(drill)
left:
  description: Whether that is left to another member of a cluster, the primary or for V(drill) one that follows it.
  type: bool
  returned: with V(backup) and V(drill)
point:
  description: The name and the moment.
  type: dict
  returned: with O(name)
"""
