# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Apply a release's migrations, once for the whole fleet."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import LOCKED, SITE, carry_out, run_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter

SPEC: dict[str, Any] = {
    **SITE,
    **LOCKED,
    "release": {"type": "str", "required": True},
    "lock_timeout_seconds": {"type": "int", "default": 10},
    "commands": {"type": "list", "elements": "str", "default": []},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, migrate)


def migrate(module: Call) -> dict[str, Any]:
    """Apply what is pending.

    :raises Trouble: a migration failed; says which ones the database has now.
    """
    site, release = site_of(module), module.params["release"]
    if module.check_mode:
        return {"changed": False, "applied": []}
    with site.step(wait_seconds=300, run=run_of(module)):
        interpreter = Interpreter(site, release)
        limit = module.params["lock_timeout_seconds"]
        options = {"PGOPTIONS": f"-c lock_timeout={limit * 1000}"} if limit else {}
        answer = interpreter.ask("migrate", options)
        if "failed" not in answer:
            printed = [interpreter.manage(command) for command in module.params["commands"]]
            return {"changed": bool(answer["applied"] or printed), "applied": answer["applied"], "printed": printed}
    failure = answer["failed"]
    detail = redact(f"{failure['type']}: {failure['text']} ({failure['place'].rpartition('/src/')[2]})", interpreter.hidden)
    left = answer.get("left", [])
    failing = f"The migration {left[0]} failed." if left else "The migrations could not be carried out to their end."
    if answer.get("applied"):
        without = f", and not {left[0]}" if left else ""
        state = f"The database has {', '.join(answer['applied'])}, applied before the failure{without}."
    else:
        state = "The database is as it was before."
    remedy = "Correct the migration, push, and deploy again."
    if "lock timeout" in failure["text"]:
        remedy = (
            f"It waited {limit} s for a lock that the running site holds: deploy at a quieter time, split the migration, "
            "or raise site_migration_lock_timeout_seconds."
        )
    raise Trouble(f"{failing} {state} The release that served before still serves.", remedy, detail)
