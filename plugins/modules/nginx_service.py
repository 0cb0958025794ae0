#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run nginx with the configuration that is on disk, and prove that it does."""

from __future__ import annotations

DOCUMENTATION = """
module: nginx_service
short_description: Run nginx with the configuration that is on disk
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Starts nginx at boot and now. A running nginx whose workers are older than the newest file of its configuration is reloaded.
  - Asks nginx itself, so that a run that broke after a file was written is made good by the next one.
  - A reload counts only when workers with the new configuration have started. Until then, and when it is refused,
    nginx serves with the old one.
options:
  configuration_path:
    description: The folder of the configuration.
    type: path
    default: /etc/nginx
  certificate_paths:
    description: Folders of certificates, which nginx reads as it does its configuration.
    type: list
    elements: path
    default: []
  ports:
    description:
      - Ports that nginx listens on. When hosts are compared, another program that holds one is named before anything changes.
    type: list
    elements: int
    default: []
  writable_paths:
    description:
      - Folders beside its own that nginx may write to. When hosts are compared for the first time, a site of others that writes
        elsewhere is named.
    type: list
    elements: str
    default: []
  timeout_seconds:
    description: How long to wait for the workers of a new configuration.
    type: int
    default: 15
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = """
- name: Run nginx with the configuration on disk
  hotclub.django.nginx_service:
"""

RETURN = """
actions:
  description: What was done, among C(daemon-reload), C(enable), C(start), C(restart) and C(reload).
  returned: always
  type: list
  elements: str
"""
