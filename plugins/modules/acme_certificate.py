#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a site's certificate issued where there is a reason to, and renewed by a timer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: acme_certificate
version_added: 0.1.0
short_description: Have a certificate by ACME for a site
author: The hotclub.django authors (@hotclub)
description:
  - >-
    Works with what the role acme has written. Looks whether the certificate is there, for the right names, of the right
    authority and not about to end, which asks nobody. Only if not, starts the service that asks the authority.
  - >-
    A failure leaves the certificate that is served as it is. The step fails when visitors are warned, since what is served is
    no authority's or not for every name, and warns when there is time left until it ends.
  - An authority that asked for a pause is left alone until it is over.
  - >-
    Where the site has several balancers, each takes the newest certificate that one of them has, and asks the authority where
    none has one that will do. Run it on one after another, so that the first asks for all.
options:
  site:
    description: The site's name.
    type: str
    required: true
  state:
    description: Whether there shall be a certificate by ACME. What is served stays in place when there shall be none.
    type: str
    choices: [present, absent]
    default: present
  renew_now:
    description: Whether to get a new certificate although nothing asks for it.
    type: bool
    default: false
  first:
    description: >-
      Whether this host is the first of the site's balancers in this run. With O(renew_now), it alone asks the authority, and the
      others look what it was given.
    type: bool
    default: true
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = r"""
- name: Have a certificate, and a timer that renews it
  hotclub.django.acme_certificate:
    site: shop
"""

RETURN = r"""
actions:
  description: What was done, among C(daemon-reload), C(enable), C(disable),
    C(listen), C(listen-no-more), C(issue) and C(remove).
  returned: always
  type: list
  elements: str
reasons:
  description: Why a certificate was asked for.
  returned: when there shall be one
  type: list
  elements: str
expires:
  description: The day on which the certificate ends that is served.
  returned: when there shall be one
  type: str
"""
