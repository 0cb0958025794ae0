#!/usr/bin/python
# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a release's migrations, once for the whole fleet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_migrate
short_description: Apply the migrations of a finished release
description:
  - Applies what the database lacks, with the release's own code and a limit on waiting for locks, so that a migration
    that can't get a lock fails instead of stopping the site.
  - Run it on one host only.
options:
  release:
    description: Id of the release. Empty in check mode on a fresh host.
    type: str
    required: true
  lock_timeout_seconds:
    description: How long a statement of a migration may wait for a lock; 0 for ever.
    type: int
    default: 10
extends_documentation_fragment: [hotclub.django.site]
author: The hotclub.django authors (@hotclub)
"""

EXAMPLES = r"""
- name: Apply the migrations
  hotclub.django.release_migrate:
    name: shop
    root: /srv/shop
    release: 20261123T081500-1a2b3c4
"""

RETURN = r"""
applied:
  description: Migrations that were applied.
  type: list
  returned: success
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **SITE,
            "release": {"type": "str", "required": True},
            "lock_timeout_seconds": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    carry_out(module, migrate)


def migrate(module: AnsibleModule) -> dict[str, Any]:
    """Apply what is pending.

    :raises Trouble: a migration failed; says which ones the database has now.
    """
    site, release = site_of(module), module.params["release"]
    if module.check_mode:
        return {"changed": False, "applied": []}
    with site.step(wait_seconds=300):
        interpreter = Interpreter(site, release)
        limit = module.params["lock_timeout_seconds"]
        options = {"PGOPTIONS": f"-c lock_timeout={limit * 1000}"} if limit else {}
        answer = interpreter.ask("migrate", options)
    if "failed" not in answer:
        return {"changed": bool(answer["applied"]), "applied": answer["applied"]}
    failure = answer["failed"]
    detail = redact(f"{failure['type']}: {failure['text']} ({failure['place'].rpartition('/src/')[2]})", interpreter.hidden)
    failing = answer.get("left", ["a migration"])[0]
    if answer.get("applied"):
        state = f"The database has {', '.join(answer['applied'])}, applied before the failure, and not {failing}."
    else:
        state = "The database is as it was before."
    remedy = "Correct the migration, push, and deploy again."
    if "lock timeout" in failure["text"]:
        remedy = (
            f"It waited {limit} s for a lock that the running site holds: deploy at a quieter time, split the migration, "
            "or raise site_migration_lock_timeout_seconds."
        )
    raise Trouble(f"The migration {failing} failed. {state} The release that served before still serves.", remedy, detail)


if __name__ == "__main__":
    main()
