#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the SSH server with the settings on disk, on trial until a new connection has got in with them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ssh_server
version_added: 0.1.0
short_description: Run the SSH server with the settings on disk, on trial until a new connection has got in with them
description:
  - Loads settings that are newer than the server's.
  - Refuses those that the server would refuse, and those that another file overrules.
  - The settings before return by themselves, unless this module is called in time with O(proved) over a new connection.
options:
  proved:
    description: Whether this connection is a new one, which shows that the settings let it in.
    type: bool
    default: false
  seconds:
    description: How long new settings are on trial.
    type: int
    default: 60
notes:
  - Supports check mode.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Run the SSH server with the settings on disk
  hotclub.django.ssh_server:
  register: server

- name: Keep them
  hotclub.django.ssh_server:
    proved: true
  vars:
    ansible_control_path: none
  when: server.unproved
"""

RETURN = r"""
unproved:
  description: Whether the settings are on trial.
  returned: always
  type: bool
seconds:
  description: How long they are.
  returned: always
  type: int
"""
