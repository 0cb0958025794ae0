#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at the fingerprints of a site's secrets on a host, or keep them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_fingerprints
version_added: 0.1.0
short_description: Never make new secrets for a site that hosts have already
description:
  - >-
    Hosts keep fingerprints of a site's generated secrets, in a file that only root can read. They are short, salted and slow to
    work out, so that no secret can be found by them.
  - >-
    With them a run finds out that the controller lacks the secrets of a site that exists, or has others, before anything
    changes. A host without the file, converged by an older version, is judged by the site's own files.
  - An action plugin of the same name compares, on the controller.
options:
  name:
    description: Name of the site.
    type: str
    required: true
  root:
    description: Folder that holds everything of the site.
    type: path
    required: true
  state:
    description:
      - V(looked) reads what the host knows.
      - >-
        V(compared) refuses to go on with other secrets than the hosts have, or with none where one of them has the site. It
        connects to no host, and looks at what V(looked) has returned for all of them.
      - V(kept) writes the fingerprints of the secrets in use. Where the host has them, it is not connected to.
      - V(absent) removes them, on a host that the site leaves.
    type: str
    choices: [looked, compared, kept, absent]
    default: looked
  certificate_folders:
    description: Where the host has certificates of the site's authority, patterns among them. For O(state=looked).
    type: list
    elements: str
    default: []
  path:
    description: The folder of the generated secrets on the controller.
    type: str
    default: ""
  authorities:
    description: Folders of authorities on the controller, by name.
    type: dict
    default: {}
  tiers:
    description: The tiers of the host. For O(state=kept).
    type: list
    elements: str
    default: []
  step:
    description: Name of the variable that O(state=looked) was registered in.
    type: str
    default: ""
  hosts:
    description: The hosts that may have the site. For O(state=compared).
    type: list
    elements: str
    default: []
  anew:
    description: Whether whatever the controller has, or makes, is right. For O(state=compared).
    type: bool
    default: false
  salt:
    description: Salt of the host. Set by the action plugin.
    type: str
    default: ""
  known:
    description: What the host is to keep. Set by the action plugin.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Tells whether it would change something.
    support: full
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Look at the fingerprints of the site's secrets
  hotclub.django.secret_fingerprints:
    name: shop
    root: /srv/shop
  register: fingerprints

- name: Refuse other secrets than the hosts have
  hotclub.django.secret_fingerprints:
    name: shop
    root: /srv/shop
    state: compared
    path: "{{ inventory_dir }}/.secrets/shop"
    step: fingerprints
    hosts: "{{ groups['app'] }}"
  run_once: true
"""

RETURN = r"""
exists:
  description: Whether the site is on the host.
  type: bool
  returned: when O(state=looked)
source:
  description: What told the fingerprints, V(kept) or V(derived); empty when there are none.
  type: str
  returned: when O(state=looked)
salt:
  description: The salt of the host's fingerprints.
  type: str
  returned: when O(state=looked)
known:
  description: For each secret the fingerprints of which one has to fit.
  type: dict
  returned: when O(state=looked)
"""
