#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a host look at itself by a timer, and tell of trouble."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_watch
version_added: 0.1.0
short_description: Have a host look at itself by a timer, and tell of trouble
description:
  - Works with the units that the role watch has written. Keeps on the host, as its program, the very code by which
    M(hotclub.django.site_status) decides what is wrong, and what to look at and whom to tell in a file that root alone reads.
options:
  site:
    description: The site's name.
    type: str
    required: true
  state:
    description: Whether the host looks at itself for the site.
    type: str
    choices: [present, absent]
    default: present
  host:
    description: What messages call the host.
    type: str
    default: ""
  look:
    description: What to look at, as the options of M(hotclub.django.site_status).
    type: dict
    default: {}
  urls:
    description: Whom to tell, each as Apprise has it.
    type: list
    elements: str
    default: []
  heartbeat_url:
    description: What to ask for at each look while all is well; empty for nothing.
    type: str
    default: ""
  interval_minutes:
    description: Minutes from one look to the next, as the timer has them.
    type: int
    default: 5
  after_looks:
    description: For how many looks a trouble must last until it is told, and be gone until it is over.
    type: int
    default: 2
  metrics:
    description:
      - Whether what a look finds is written as metrics, too.
      - They are where the textfile collector of Debian's C(prometheus-node-exporter) reads them.
    type: bool
    default: false
  deploys:
    description: Whether it also tells which releases begin to serve.
    type: bool
    default: false
author: The hotclub.django authors (@hotclub)
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = r"""
- name: Have the host tell of trouble
  hotclub.django.site_watch:
    site: shop
    host: web1
    urls: ["{{ vault_alert_url }}"]
    look:
      name: shop
      root: /srv/shop
      tiers: [lb, app, db]
      database: shop
      health:
        host: shop.example.org
"""

RETURN = r"""
actions:
  description: What was done, paths that were written among them.
  returned: always
  type: list
  elements: str
"""
