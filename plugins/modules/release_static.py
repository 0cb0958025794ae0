#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the static files of a release to a balancer that runs no release itself."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_static
version_added: 0.1.0
short_description: Bring the static files of a release to a balancer
description:
  - With O(state=listed) and O(state=packed), fetches from a host that has built a release the list of its static files, or a
    pack of those in one part of the list, into a folder of the run on the controller.
  - With O(state=present), serves them here beside those of the releases before. A release of this host's own is served as
    it is. Of another one's, this says without O(list) that it is missing; with it, it takes what older releases have, and
    either publishes the files or returns the parts of the list that are lacking.
options:
  release:
    description: Id of the release. Without it, the newest on the host.
    type: str
    default: ""
  state:
    description: What to do.
    type: str
    choices: [present, listed, packed]
    default: present
  list:
    description: SHA-256 of the list that O(state=listed) fetched, which is sent along unless there is a O(part).
    type: str
    default: ""
  description:
    description: What O(state=listed) returned of the release.
    type: str
    default: ""
  part:
    description: The part of the list whose files are packed, or were packed and are sent along.
    type: str
    default: ""
  file:
    description: Where the list or the pack is on the host meanwhile, which the controller's side chooses.
    type: path
  keep:
    description: The static files of how many releases stay.
    type: int
    default: 5
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: List the static files
  hotclub.django.release_static:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4
    state: listed
"""

RETURN = r"""
missing:
  description: Whether this host still lacks the release's static files.
  type: bool
  returned: when O(state=present)
list:
  description: SHA-256 of the list of files.
  type: str
  returned: when not O(state=present)
description:
  description: What is known of the release, as JSON.
  type: str
  returned: when not O(state=present)
parts:
  description: Parts of the list that this host lacks, each of them small enough for one pack.
  type: list
  elements: str
  returned: when O(state=present)
"""
