#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy a site's uploaded files into the storage that its settings name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: media_move
version_added: 0.1.0
short_description: Copy a site's uploaded files into the storage that its settings name
description:
  - Runs in the release that serves, as the site's account, and goes through Django's own storage.
  - A file that is there with the same size is left alone, so it may run again at any time.
  - Goes through the files in their order, for a minute in each call, and tells after each how far it is. Of millions of files
    some ten thousand names are in memory at a time.
  - Holds the deployment lock of the site on the host meanwhile, however long it takes.
options:
  what:
    description: What is going on, for whoever meets the lock.
    type: str
    default: move_media
  folder:
    description: The folder that the files are in.
    type: path
    required: true
  environment:
    description: Environment besides the site's own, such as where the new storage is.
    type: dict
    default: {}
  remove:
    description: Remove the files of the folder that the storage has, instead of copying.
    type: bool
    default: false
  after:
    description: Where the call before has come to. Set by the action plugin.
    type: str
    default: ""
  seconds:
    description: For how long a call goes on, about.
    type: int
    default: 60
  locked:
    description: Whether an earlier call has taken the lock. Set by the action plugin.
    type: bool
    default: false
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.locked, hotclub.django.site.locking]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Copy the uploaded files into the bucket
  hotclub.django.media_move:
    name: shop
    root: /srv/shop
    folder: /srv/shop/shared/media
"""

RETURN = r"""
files:
  description: Files that the folder has.
  type: int
  returned: always
bytes:
  description: What they hold.
  type: int
  returned: always
copied:
  description: Files that were copied now; in check mode, that would be.
  type: int
  returned: always
copied_bytes:
  description: What these hold.
  type: int
  returned: always
removed:
  description: Files that were removed from the folder.
  type: int
  returned: always
unmoved:
  description: Files that could not be copied or removed.
  type: int
  returned: always
"""
