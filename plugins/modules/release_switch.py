#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let a release serve on this host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_switch
version_added: 0.1.0
short_description: Switch a site to a finished release without losing a request
description:
  - The release is proved on a socket that no visitor reaches, then started beside the one that serves, asked again,
    and only then is the other one stopped, after it has answered what it had accepted.
  - With O(state=settled) nothing is released. The site is made to run what C(current) says, with its present settings.
options:
  release:
    description:
      - Id of a finished release; needed unless O(state=settled).
      - V(previous) stands for the release that served before the current one.
    type: str
    default: ""
  state:
    description:
      - V(switched) lets the release serve, V(restored) the same as the way back of a failed deployment,
        V(proved) only sees whether it could, V(workers) lets its workers take over, which V(switched) does as well where they
        have not yet, V(ready) starts what was proved so that it waits, with the project loaded, for the switch, V(settled)
        brings what runs in line with what is on the disk.
    type: str
    choices: [switched, restored, proved, workers, ready, settled]
    default: switched
  action:
    description: What the history calls this. With V(rollback), it is not refused because older workers finish their tasks.
    type: str
    default: deploy
  proved:
    description: Whether this release was proved on this host a moment ago, so that it isn't once more.
    type: bool
    default: false
  migrations_allowed:
    description: Whether a release may serve that doesn't know migrations which the database has.
    type: bool
    default: true
  by:
    description: Who asked. Set by the action plugin.
    type: str
    default: ""
  what:
    description: What is going on, for whoever meets the deployment lock, which O(state=settled) takes by itself.
    type: str
    default: site
extends_documentation_fragment:
  - hotclub.django.site
  - hotclub.django.site.health
  - hotclub.django.site.locked
  - hotclub.django.site.locking
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Switch to the release
  hotclub.django.release_switch:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4
    health:
      host: shop.example.org
"""

RETURN = r"""
release:
  description: The release that serves now.
  type: str
  returned: always
previous:
  description: The release that served before; empty when there was none.
  type: str
  returned: always
"""
