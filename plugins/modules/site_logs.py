#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say what a host has written about a site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: site_logs
version_added: 0.1.0
short_description: Say what a host has written about a site
description:
  - Reads the journal of the site's units and of the programs in front of it and below it, nginx's files of the site, and in
    PostgreSQL's files what is of its database. The lines of a failure are one entry.
notes:
  - Supports check mode.
options:
  name:
    description: Name of the site.
    type: str
    required: true
  root:
    description: Folder of the site on the host; what is secret in its environment is not shown.
    type: path
    required: true
  database:
    description: Name of its database, of whose sessions PostgreSQL's files tell.
    type: str
    required: true
  since:
    description: From when on, so long ago as in V(15m), V(2h) or V(3d), or a moment as in V(2026-11-30T12:00), in UTC.
    type: str
    required: true
  up_to:
    description: Up to when, in the same words; empty for now.
    type: str
    default: ""
  level:
    description: How bad it must be at least; empty for all.
    type: str
    choices: ["", debug, info, warning, error]
    default: ""
  request:
    description: Id of a request that an entry has to name; empty for all.
    type: str
    default: ""
  release:
    description: Release whose instances or workers have written it; empty for all.
    type: str
    default: ""
  programs:
    description:
      - Programs that have written it, such as V(nginx), V(gunicorn), V(worker), V(haproxy) and V(postgresql); empty for all.
    type: list
    elements: str
    default: []
  lines:
    description: How many entries at most, the newest.
    type: int
    default: 200
  follow:
    description: Whether what is written from then on is printed as it comes.
    type: bool
    default: false
  follow_seconds:
    description: For how long, in seconds; 0 until somebody interrupts it.
    type: int
    default: 0
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Read what the host has written in the last hour
  hotclub.django.site_logs:
    name: shop
    root: /srv/shop
    database: shop
    since: 1h
    level: warning
  register: __site_logs
"""

RETURN = r"""
logs:
  description:
    - C(entries) in order of time, each with C(when) in seconds since 1970, C(program), C(source), C(level) and C(text), and how
      many C(more) there were.
  type: dict
  returned: success
"""
