#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the accounts of services as their file says."""

from __future__ import annotations

DOCUMENTATION = r"""
module: system_accounts
version_added: 0.1.0
short_description: Keep the accounts of services as a file for systemd-sysusers says
description:
  - >-
    C(systemd-sysusers) makes accounts that are missing, and leaves those that are there as they are. This compares them with
    the file: the account and its group, its shell, its first group, and the groups that the file has it be in.
  - >-
    Its home stays, since C(usermod) changes none of an account that runs programs. So do further groups, for which somebody
    may have a reason.
options:
  path:
    description: The file in C(/etc/sysusers.d).
    type: path
    required: true
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Keep the accounts of the site
  hotclub.django.system_accounts:
    path: /etc/sysusers.d/shop.conf
"""

RETURN = r"""
steps:
  description: What was, or in check mode would be, changed.
  returned: always
  type: list
  elements: str
  sample: [shell of shop]
"""
