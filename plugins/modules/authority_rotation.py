#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: authority_rotation
version_added: 0.1.0
short_description: Let a new internal authority take the old one's place
description:
  - Works on the folder on the controller in which M(hotclub.django.host_certificates) finds its authority.
  - >-
    Takes one of three steps. After each, every host must get its certificates anew before the next one is taken. So each host
    trusts whatever its peers show at any time.
  - A step that is done already is left alone, so that a rotation which broke off goes on.
options:
  authority_path:
    description: The authority's folder.
    type: path
    required: true
  authority_name:
    description: How the new authority calls itself.
    type: str
    default: Internal authority
  authority_passphrase:
    description: What the keys of both are encrypted with.
    type: str
    required: true
  step:
    description:
      - V(prepare) makes the new authority. From then on both are trusted, and the old one signs.
      - V(switch) lets the new one sign.
      - V(finish) ends the trust in the old one.
    type: str
    choices: [prepare, switch, finish]
    required: true
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Make the next authority
  hotclub.django.authority_rotation:
    authority_path: "{{ site_authority_path }}"
    authority_passphrase: "{{ site_authority_passphrase }}"
    step: prepare
"""

RETURN = r""""""
