#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a timer of a site now, pause it, or have it run again."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_timer
version_added: 0.1.0
short_description: Run a timer of a site now, pause it, or resume it
description:
  - What a pause stops is said in the site's database, so that it holds for all hosts of the fleet.
options:
  timer:
    description: Name of the timer, as C(site_timers) has it.
    type: str
    required: true
  state:
    description:
      - V(run) runs it now, on this host, also while it is paused, and as its C(overlap) says beside another run.
      - V(paused) has it begin nowhere any more; what runs goes on.
      - V(resumed) has it begin again when it is due next.
    type: str
    choices: [run, paused, resumed]
    required: true
  by:
    description: Who pauses it, for the status.
    type: str
    default: ""
  wait_seconds:
    description: Seconds for which the end of a run is waited for; it goes on after them.
    type: int
    default: 60
extends_documentation_fragment:
  - hotclub.django.site
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Run the timer now
  hotclub.django.site_timer:
    name: shop
    root: /srv/shop
    timer: clearsessions
    state: run
"""

RETURN = r"""
output:
  description: What became of it, in words.
  returned: always
  type: str
"""
