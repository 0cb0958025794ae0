#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a service with the configuration that is on disk, by a reload where it runs already."""

from __future__ import annotations

DOCUMENTATION = """
module: reloaded_service
short_description: Run a service with the configuration that is on disk
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Starts a service at boot and now. One that runs, and has loaded its configuration before the newest change of it, is reloaded;
    one that knows no reload is restarted.
  - Or, with O(sites_path), stops it once no site needs it; with O(unused_path), keeps one that nobody uses from starting at boot.
  - Tells by times, so that a run that broke after a file was written is made good by the next one.
options:
  name:
    description: Name of the unit.
    type: str
    required: true
  configuration_path:
    description: The folder of its configuration.
    type: path
    required: true
  new_worker:
    description:
      - Whether a reload starts a new worker process, which then is the proof that the configuration was taken.
      - Such a service is reloaded for an upgraded program as well.
      - Otherwise the time of the last reload is kept in C(/run).
    type: bool
    default: false
  sites_path:
    description:
      - The folder with a file for each site, for a service that only sites need.
      - While there is none in it, the service is stopped and doesn't start at boot.
    type: path
  unused_path:
    description:
      - A configuration file of the package, for a service that came along with it and that no site needs.
      - While the file is as the package brought it, and nobody has started the service or written for its unit, it doesn't start
        at boot. Otherwise somebody uses it, and it is left alone. Nothing is started or stopped.
    type: path
  timeout_seconds:
    description: How long to wait for that worker.
    type: int
    default: 15
attributes:
  check_mode:
    description: Says what would be done, and does nothing.
    support: full
"""

EXAMPLES = """
- name: Run HAProxy with the configuration on disk
  hotclub.django.reloaded_service:
    name: haproxy.service
    configuration_path: /etc/haproxy
    new_worker: true
"""

RETURN = """
actions:
  description: What was done, among C(daemon-reload), C(enable), C(start), C(restart), C(reload), C(disable) and C(stop).
  returned: always
  type: list
  elements: str
"""
