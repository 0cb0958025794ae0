#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: new_inventory
version_added: 0.1.0
short_description: Make a new inventory
description:
  - Makes a folder with the hosts, Ansible's settings, and secrets that are encrypted with a vault password.
  - Nothing that is there is overwritten. When something is wrong with the options, all of it is listed and nothing is made.
options:
  name:
    description: The site's name, as in C(site_name).
    type: str
    default: ""
  domain:
    description: The domain name, as in C(site_domain).
    type: str
    default: ""
  source:
    description: The project, as in C(site_source).
    type: str
    default: ""
  topology:
    description: V(single) for one server, or V(cluster) for an example of six. One server when empty.
    type: str
    default: ""
  address:
    description: The address of the one server. When empty, an example is to be replaced.
    type: str
    default: ""
  path:
    description: The folder to make. When empty, one called like the site in the present folder.
    type: str
    default: ""
  vault_password_path:
    description:
      - The file of the vault password, made with a new one unless it is there.
      - When empty, one called like the site in C(~/.config/hotclub).
    type: str
    default: ""
attributes:
  check_mode:
    description: Looks for mistakes alone.
    support: full
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Make the inventory of a shop
  hotclub.django.new_inventory:
    name: shop
    domain: shop.example.org
    source: https://git.example.org/you/shop.git
    address: 203.0.113.10
"""

RETURN = r"""
path:
  description: The folder.
  type: str
  returned: success
"""
