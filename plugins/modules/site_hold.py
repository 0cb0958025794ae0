#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let all requests of a site wait on this host for some seconds, and go on."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_hold
version_added: 0.1.0
short_description: Let all requests of a site wait on this host for some seconds, and go on
description:
  - While they are held, the site's sockets are open and nothing accepts what comes, so that visitors wait and none is refused.
    What had been accepted is finished first.
  - Once released, the current release runs again, with the settings that are on the disk then.
  - Nothing happens on a host on which the site does not run.
options:
  state:
    description: Whether requests wait.
    type: str
    choices: [held, released]
    required: true
  seconds:
    description: After so long they go on by themselves, should the controller not come back.
    type: int
    default: 30
extends_documentation_fragment: [hotclub.django.site]
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Hold the requests
  hotclub.django.site_hold:
    name: shop
    root: /srv/shop
    state: held
"""

RETURN = r"""
held:
  description: Whether requests wait now.
  type: bool
  returned: always
held_seconds:
  description: How long they waited.
  type: float
  returned: with state=released
"""
