#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let this balancer not ask a site's servers how they are for some seconds."""

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_checks
version_added: 0.1.0
short_description: Let this balancer not ask a site's servers how they are for some seconds
description:
  - While the requests of a site are held, its servers answer no check either. A balancer that took them out for it would end
    the requests that wait there.
  - Nothing happens on a host without HAProxy.
options:
  name:
    description: Name of the site.
    type: str
    required: true
  state:
    description: Whether the servers are asked.
    type: str
    choices: [paused, resumed]
    required: true
  seconds:
    description: After so long they are asked again, should the controller not come back.
    type: int
    default: 60
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Don't ask the servers for a while
  hotclub.django.balancer_checks:
    name: shop
    state: paused
"""

RETURN = r""""""
