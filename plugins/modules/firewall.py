#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Load the rules of a firewall; the action plugin of the same name renders them, and comes back to confirm them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall
version_added: 0.1.0
short_description: Load the rules of a firewall, and let them go again when they shut the controller out
description:
  - Renders the role's templates and compares them with the files on the host and with what the kernel has.
  - >-
    What differs is loaded as one, beside a timer that brings the old rules back. Then a new connection is made.
    Once that has come through the new rules, the timer is stopped, and the rules are written where a restart finds them.
  - Only the table C(inet hotclub) is touched. The rules of several sites are one table, each with a file of its own.
options:
  site:
    description: Name of the site.
    type: str
    required: true
  state:
    description:
      - V(closed) lets in whom the rules name, and nobody else.
      - V(opened) keeps what the site has let in before as well, and says in RV(surplus) whether that is more than wanted.
      - V(admitted) adds the rules to those of the site, where the host has a firewall, and changes nothing else.
      - V(left) removes the rules of the site, and with those of the last site the firewall.
    type: str
    choices: [closed, opened, admitted, left]
    default: closed
  return_seconds:
    description: How long new rules wait for their confirmation.
    type: int
    default: 30
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Load the site's rules and no others into nftables
  hotclub.django.firewall:
    site: shop
"""

RETURN = r"""
files:
  description: Absolute paths of the files that changed.
  returned: success
  type: list
  elements: str
actions:
  description: What was done with the kernel and with systemd.
  returned: success
  type: list
  elements: str
surplus:
  description: Whether the site lets in more than is wanted.
  returned: success
  type: bool
"""
