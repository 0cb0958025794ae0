#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let the workers and timers of a site on this host finish, or have others take over from them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_workers
version_added: 0.1.0
short_description: Let the workers and timers of a site finish, or replace them
description:
  - Starting the workers of a new release is the business of M(hotclub.django.release_switch). This is for work on a host.
options:
  state:
    description:
      - >-
        V(finished) tells all workers to finish and waits until they have, at most as long as each of them may take. They start
        again with the host, or with the next run. No timer begins any more meanwhile, and those that run are waited for, too.
      - >-
        V(renewed) starts others of the same release beside them, and tells the present ones to finish, without waiting for it
        and however many of older releases are at it still. Timers begin again when they are due.
    type: str
    choices: [finished, renewed]
    required: true
notes:
  - A run that holds the deployment lock keeps it for as long as this waits.
extends_documentation_fragment:
  - hotclub.django.site
  - hotclub.django.site.locked
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Let the workers finish their tasks
  hotclub.django.site_workers:
    name: shop
    root: /srv/shop
    state: finished
"""

RETURN = r"""
"""
