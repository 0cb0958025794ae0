#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name the services of a site that run code which an upgrade has replaced."""

from __future__ import annotations

DOCUMENTATION = r"""
module: replaced_code
version_added: 0.1.0
short_description: Name the services of a site that run code which an upgrade has replaced
description:
  - >-
    A program goes on with the libraries that it was started with, however often they are upgraded. Asks the kernel which services
    of the site, its web server, balancer and database do so. Changes nothing.
options:
  site:
    description: Name of the site.
    type: str
    required: true
attributes:
  check_mode:
    description: It only reads.
    support: full
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Look for services with replaced code
  hotclub.django.replaced_code:
    site: shop
  register: replaced
"""

RETURN = r"""
services:
  description: Their units.
  type: list
  elements: str
  returned: success
"""
