#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell which releases a host has, for the other hosts of its fleet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_state
version_added: 0.1.0
short_description: Tell which releases of a site a host has
description:
  - Changes nothing.
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Look which release serves
  hotclub.django.release_state:
    name: shop
    root: /srv/shop
"""

RETURN = r"""
release:
  description: The release that serves; empty when there is none.
  type: str
  returned: always
before:
  description: The release to go back to; empty when there is none.
  type: str
  returned: always
built:
  description: All finished releases, oldest first.
  type: list
  returned: always
known:
  description: Version and commit of the first two, by release.
  type: dict
  returned: always
"""
