#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stop a site on this host for good, and remove its releases and secrets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_departure
version_added: 0.1.0
short_description: Stop a site on this host for good
description:
  - Closes the site's sockets, lets its instances finish what they have accepted, and leaves nothing that would wake them or start
    them at boot.
  - Removes everything from the site's folder, its environment with the secrets among it, but not C(shared) with uploaded files.
  - Other sites of the host are left alone.
options:
  uploads_path:
    description:
      - Where uploaded files are moved, after which the site's folder is removed; empty to leave them where they are.
      - Files on a file system of their own stay there.
    type: path
    default: ""
extends_documentation_fragment: [hotclub.django.site]
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Stop the site and remove it from the host
  hotclub.django.site_departure:
    name: shop
    root: /srv/shop
"""

RETURN = r"""
stopped:
  description: The units that were, or in check mode would be, stopped.
  type: list
  elements: str
  returned: always
removed:
  description: The paths that were, or in check mode would be, removed.
  type: list
  elements: str
  returned: always
uploads:
  description: The folder in which uploaded files are; empty when there are none.
  type: str
  returned: always
"""
