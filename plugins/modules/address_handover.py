#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let the requests under way end, and give virtual addresses to another host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: address_handover
version_added: 0.1.0
short_description: Let the requests under way end, and give virtual addresses to another host
description:
  - An address that leaves a host cuts off the requests under way. So new connections to it are left unanswered for a moment, and
    nginx finishes what it has. Visitors who come in between ask again after a second, as TCP does, and reach the next host.
  - Then keepalived gives the addresses away, in the same step. Visitors ask again after one second, after two more and after four
    more, so a controller that is far away or busy would cost them seconds between two steps.
  - New connections are let in again when the addresses are gone, and ten seconds after that was due in any case, so that an
    address that stayed is not lost to visitors.
  - Nothing happens on a host that has none of the addresses.
options:
  addresses:
    description: The virtual addresses, with their prefix lengths.
    type: list
    elements: str
    required: true
  seconds:
    description: For how long requests under way are waited for, at most. New visitors wait as long.
    type: float
    default: 2
  keepalived:
    description:
      - Whether keepalived ends, or reads its files again, which no longer name the addresses. Without files of sites it ends.
    type: str
    choices: [stopped, reloaded]
    default: stopped
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Hand over the virtual addresses once requests are answered
  hotclub.django.address_handover:
    addresses: [203.0.113.10/24]
"""

RETURN = r"""
addresses:
  description: The addresses that this host has.
  type: list
  elements: str
  returned: success
waited_seconds:
  description: How long the requests under way took to end.
  type: float
  returned: success
"""
