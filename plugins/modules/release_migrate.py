#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a release's migrations, once for the whole fleet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_migrate
version_added: 0.1.0
short_description: Apply the migrations of a finished release
description:
  - Applies what the database lacks, with the release's own code and a limit on waiting for locks, so that a migration
    that can't get a lock fails instead of stopping the site.
  - A migration that gets no lock is tried again after a pause, each twice as long as the one before. One with C(atomic = False)
    may leave something behind when it fails, and is tried once.
  - With O(state=planned), nothing is applied. The plan is shown, with what in it locks, rewrites or destroys something, or breaks
    the code that serves until the switch, as squawk reads the SQL. Squawk is installed once, into a virtualenv of its own in the
    site's cache. What can't be looked through is told, and no reason to stop. A database without any migration is not looked at.
  - Run it on one host only.
options:
  release:
    description: Id of the release. Empty in check mode on a fresh host.
    type: str
    required: true
  state:
    description: Whether to apply the migrations, or to look through them.
    type: str
    choices: [applied, planned]
    default: applied
  pending:
    description: Names of the migrations to apply, as the plan shows them.
    type: list
    elements: str
    default: []
  policy:
    description: What becomes of a plan in which something hurts a site that serves. C(ask) goes on with what O(confirmed) names.
    type: str
    choices: [tell, ask, refuse]
    default: tell
  confirmed:
    description: Names of migrations that may be applied nevertheless.
    type: list
    elements: str
    default: []
  ignored:
    description: Rules of squawk that don't count.
    type: list
    elements: str
    default: []
  linter:
    description: A requirements file for squawk, with hashes or without.
    type: str
    default: ""
  python:
    description: Interpreter for squawk's virtualenv.
    type: path
    default: /usr/bin/python3
  uv:
    description: The program uv, which installs squawk.
    type: path
    default: /opt/uv/bin/uv
  environment:
    description: Environment of the installation.
    type: dict
    default: {}
  lock_timeout_seconds:
    description: How long a statement of a migration may wait for a lock; 0 for ever.
    type: int
    default: 10
  lock_attempts:
    description: How often a migration is tried that gets no lock.
    type: int
    default: 5
  lock_pause_seconds:
    description: Seconds between the first attempt and the second; each pause is twice as long as the one before, and at most 60.
    type: int
    default: 2
  commands:
    description: Management commands to run in the release once its migrations are applied.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [hotclub.django.site, hotclub.django.site.locked]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Apply the migrations
  hotclub.django.release_migrate:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4

- name: Look through the migrations
  hotclub.django.release_migrate:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4
    state: planned
    pending: [shop.0003_prices]
    policy: ask
    linter: squawk-cli==2.70.0
"""

RETURN = r"""
applied:
  description: Migrations that were applied.
  type: list
  returned: success
attempts:
  description: How often it was tried.
  type: int
  returned: when O(state=applied)
seconds:
  description: How long it took, with the commands.
  type: float
  returned: when O(state=applied), outside of check mode
findings:
  description: What in the plan hurts a site that serves, with C(migration), C(kind), C(statement), C(advice) and C(rule).
  type: list
  returned: when O(state=planned)
remarks:
  description: What could not be looked through.
  type: list
  returned: when O(state=planned)
printed:
  description: What each of the commands printed.
  type: list
  returned: success
"""
