#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put into effect what the files of a system say."""

from __future__ import annotations

DOCUMENTATION = r"""
module: os_settings
version_added: 0.1.0
short_description: Put into effect what the files of a system say
description:
  - >-
    Compares the running system with what is wanted and changes what differs: kernel settings, swap, the locale, trusted
    certificate authorities, and services which run with older settings than their files hold.
  - Asks the system itself, so that a run which broke after a file was written is made good by the next one.
  - What a kernel doesn't have, or doesn't let a container change, is reported as a warning and fails nothing.
options:
  sysctl:
    description: Kernel settings by name.
    type: dict
    default: {}
  swap_path:
    description: File for swap. A unit of that name starts it at boot.
    type: path
    required: true
  swap_mb:
    description: Its size in MiB. 0 for no such file.
    type: int
    default: 0
  locale:
    description: Locale that shall be there.
    type: str
    default: C.UTF-8
  has_own_memory:
    description: Whether the memory is the host's own. That of a container is its machine's, and nobody is asked about it.
    type: bool
    default: true
  services:
    description: Daemons of systemd that shall run, with the settings of their drop-in files.
    type: list
    elements: str
    default: []
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Put the settings into effect
  hotclub.django.os_settings:
    sysctl: {net.core.somaxconn: 4096}
    swap_path: /var/lib/hotclub/swapfile
    swap_mb: 1024
    locale: de_DE.UTF-8
    services: [systemd-journald, systemd-timesyncd]
"""

RETURN = r"""
steps:
  description: What was, or in check mode would be, changed.
  returned: always
  type: list
  elements: str
  sample: [swap]
"""
