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
  - With O(state=packed), packs the static files of a release on a host that has built it.
  - With O(state=present), serves them here beside those of the releases before, from such a pack or from a release of
    this host's own. Without either it says that they are missing.
options:
  release:
    description: Id of the release. Without it, the newest on the host.
    type: str
    default: ""
  state:
    description: What to do.
    type: str
    choices: [present, packed]
    default: present
  pack:
    description: What O(state=packed) returned.
    type: str
    default: ""
  keep:
    description: The static files of how many releases stay.
    type: int
    default: 5
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Pack the static files
  hotclub.django.release_static:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4
    state: packed
"""

RETURN = r"""
missing:
  description: Whether this host still lacks the release's static files.
  type: bool
  returned: when O(state=present)
pack:
  description: The files, packed and in base64.
  type: str
  returned: when O(state=packed)
"""
