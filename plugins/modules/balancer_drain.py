#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let this balancer send application hosts no more requests for a while, and send them some again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_drain
version_added: 0.1.0
short_description: Let this balancer send application hosts no more requests for a while
description:
  - A drained host gets no new request and finishes those that it has. HAProxy goes on asking it how it is.
  - This lasts until the host is made ready, or HAProxy loads its configuration anew. What the inventory drains is left alone.
  - Refuses to drain hosts when no other one is up.
  - Nothing happens on a host without HAProxy, or for servers that HAProxy doesn't know.
options:
  site:
    description: Name of the site.
    type: str
    required: true
  servers:
    description:
      - The application hosts, by inventory name.
      - Without it, all of them are meant, even if none is left that is up. For a balancer that takes no more requests itself.
    type: list
    elements: str
  state:
    description: Whether they shall get requests.
    type: str
    choices: [drained, ready]
    required: true
  seconds:
    description:
      - With V(drained), how long to wait until they have no request any more. What takes longer is told and does no harm here.
      - With V(ready), how long to wait until they are up. V(0) does not wait.
    type: int
    default: 60
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Let the balancer send it no more requests
  hotclub.django.balancer_drain:
    site: shop
    servers: [app1]
    state: drained
"""

RETURN = r"""
servers:
  description: The hosts of these that the balancer knows.
  type: list
  elements: str
  returned: success
sessions:
  description: How many requests they still have from this balancer.
  type: int
  returned: success
"""
