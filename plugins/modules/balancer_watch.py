#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Watch what visitors get from application hosts that have just switched."""

from __future__ import annotations

DOCUMENTATION = r"""
module: balancer_watch
short_description: Fail when application hosts answer visitors with too many server errors
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Counts on a balancer what the hosts answer within a time. Changes nothing.
options:
  site:
    description: Name of the site.
    type: str
    required: true
  servers:
    description: The application hosts to watch, by inventory name.
    type: list
    elements: str
    required: true
  seconds:
    description: How long to watch.
    type: float
    default: 3
  error_percent:
    description: The share of server errors that is too much.
    type: int
    default: 5
  minimum:
    description: With fewer answers than that, nothing is concluded.
    type: int
    default: 10
attributes:
  check_mode:
    description: It only reads.
    support: full
"""

EXAMPLES = r"""
- name: Watch what the balancer gets
  hotclub.django.balancer_watch:
    site: shop
    servers: [app1]
"""

RETURN = r"""
answers:
  description: How many answers were counted.
  type: int
  returned: success
errors:
  description: How many of them were server errors.
  type: int
  returned: success
"""
