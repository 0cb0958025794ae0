#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the accounts that may sign in with a key and become root."""

from __future__ import annotations

DOCUMENTATION = r"""
module: administrators
version_added: 0.1.0
short_description: Keep the accounts that may sign in with a key and become root
description:
  - Makes accounts, writes their public keys beside those that they have already, and lets them become root without a password.
  - An account that is no longer named loses its right and the keys that were written for it, and keeps its files.
  - Tells which account the connection has signed in as, and what the SSH server allows.
options:
  name:
    description: The site whose administrators they are. Those of other sites on the host stay as they are.
    type: str
    required: true
  administrators:
    description: The accounts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The account.
        type: str
        required: true
      keys:
        description: Its public keys.
        type: list
        elements: str
        required: true
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Keep the administrators
  hotclub.django.administrators:
    name: shop
    administrators:
      - name: alice
        keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI... alice@laptop"]
"""

RETURN = r"""
steps:
  description: What was, or in check mode would be, changed.
  returned: always
  type: list
  elements: str
  sample: [account alice, keys of alice]
login:
  description:
    - The account that has signed in, and the server's words on root and on passwords as they are now.
    - Empty where the server is not there yet.
  returned: always
  type: dict
  sample: {account: root, root: prohibit-password, passwords: "yes"}
"""
