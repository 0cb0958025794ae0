#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a site's uploaded files saved, now or by a timer, and bring back those of an earlier moment."""

from __future__ import annotations

DOCUMENTATION = r"""
module: uploads_backup
version_added: 0.1.0
short_description: Save a site's uploaded files, and bring them back
description:
  - Works with the units that the role uploads_backup has written, and with copies that restic has made by them.
  - >-
    A restore brings back what is missing, and replaces what has changed since the wanted moment by what the newest copy before it
    has. It removes nothing, since what was uploaded after that copy may be what the database of the moment names.
options:
  site:
    description: The site's name.
    type: str
    required: true
  repository:
    description: The folder with the site's copies.
    type: path
    required: true
  state:
    description:
      - V(present) has them saved every hour, V(absent) no more; the copies stay. V(saved) makes one now.
      - V(planned) says what V(restored) would do to the folder of uploads. V(beside) brings a copy into a new folder beside it.
    type: str
    choices: [present, absent, saved, planned, restored, beside]
    default: present
  name:
    description: What a copy is called, for V(saved).
    type: str
    default: ""
  needed:
    description: Whether it is a failure if no copy can be made, for V(saved); else a warning.
    type: bool
    default: true
  folder:
    description: The folder of uploads. Required for V(planned), V(restored) and V(beside).
    type: path
  moment:
    description: The moment to go back to, in seconds since 1970.
    type: float
    default: 0.0
  beside_name:
    description: The last part of the new folder's name, C(<folder>-restored-<name>).
    type: str
    default: ""
author: The hotclub.django authors (@hotclub)
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = r"""
- name: Save the uploads
  hotclub.django.uploads_backup:
    site: shop
    repository: /var/lib/hotclub-uploads/shop
    state: saved
    name: before-the-sale
"""

RETURN = r"""
actions:
  description: What was done, paths that were made among them.
  returned: with V(present) and V(absent)
  type: list
  elements: str
saved:
  description: Whether the copy was made.
  returned: with V(saved)
  type: bool
copy:
  description: When the copy was made that leads to the moment, by the host's clock; empty where none does.
  returned: with V(planned), V(restored) and V(beside)
  type: str
missing:
  description: How many files come back.
  returned: with V(planned), V(restored) and V(beside)
  type: int
replaced:
  description: How many files of today are replaced by what they were.
  returned: with V(planned), V(restored) and V(beside)
  type: int
folder:
  description: The folder that has the files.
  returned: with V(planned), V(restored) and V(beside)
  type: str
"""
