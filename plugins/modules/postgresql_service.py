#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run PostgreSQL with the configuration that is on disk, and prove that it does."""

from __future__ import annotations

DOCUMENTATION = r"""
module: postgresql_service
version_added: 0.1.0
short_description: Run PostgreSQL with the configuration that is on disk
description:
  - Starts a cluster of Debian's kind. One that has never run gets checksums first.
  - >-
    Puts the access rules together from the files in C(pg_hba.d), lets the server read them, and puts the former ones back
    when it objects.
  - >-
    Reloads a running server whose files are newer than what it has loaded. Asks the server itself, so that a run which broke
    after a file was written is made good by the next one.
  - >-
    Restarts a running server for settings that need it only when no client is connected, or when told that it may.
    Otherwise they are returned. When told that it may, it is restarted for an upgraded program as well.
  - Refuses to start an empty cluster on a host whose data is in another version.
options:
  version:
    description: Major version.
    type: str
    required: true
  cluster:
    description: Name of the cluster.
    type: str
    default: main
  port:
    description: Port that it listens on.
    type: int
    default: 5432
  restart_allowed:
    description: Whether it may be restarted while clients are connected.
    type: bool
    default: false
notes:
  - Supports check mode and diff.
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Run PostgreSQL with the configuration on disk
  hotclub.django.postgresql_service:
    version: "17"
  register: __postgresql_server
"""

RETURN = r"""
actions:
  description:
    - What was, or in check mode would be, done.
    - Among C(create), C(access rules), C(checksums), C(start), C(reload) and C(restart).
  returned: always
  type: list
  elements: str
running:
  description: Whether the server runs. False only in check mode.
  returned: always
  type: bool
port:
  description: Port on which it listens. The former one while a change of it waits for a restart.
  returned: always
  type: int
pending:
  description: Settings that wait for a restart, with their present values.
  returned: always
  type: dict
"""

from ansible_collections.hotclub.django.plugins.module_utils.common.call import run_alone
from ansible_collections.hotclub.django.plugins.module_utils.steps import postgresql_service


def main() -> None:
    """Take the step by itself."""
    run_alone(postgresql_service)


if __name__ == "__main__":
    main()
