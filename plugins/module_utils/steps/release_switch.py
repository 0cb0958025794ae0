# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let a release serve on this host."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import (
    HEALTH,
    LOCKED,
    LOCKING,
    SITE,
    asking_of,
    carry_out,
    health_of,
    run_of,
    site_of,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.deployment import held
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site, fleet_view
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter, reverse_command
from ansible_collections.hotclub.django.plugins.module_utils.release.static_files import publish
from ansible_collections.hotclub.django.plugins.module_utils.release.timers import Timers
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import Workers

SPEC: dict[str, Any] = {
    **SITE,
    **HEALTH,
    **LOCKED,
    **LOCKING,
    "what": {"type": "str", "default": "site"},
    "release": {"type": "str", "default": ""},
    "state": {"type": "str", "choices": ["switched", "restored", "proved", "workers", "ready", "settled"], "default": "switched"},
    "action": {"type": "str", "default": "deploy"},
    "proved": {"type": "bool", "default": False},
    "migrations_allowed": {"type": "bool", "default": True},
    "by": {"type": "str", "default": ""},
}


# Of the statuses, the first that says that something is wrong.
FIRST_ERROR = 400


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, settle if module.params["state"] == "settled" else switch)


def settle(module: Call) -> dict[str, Any]:
    """Run what is current, with its present settings."""
    site = site_of(module)
    current = site.current()
    instances = Instances(site, health_of(module))
    result: dict[str, Any] = {**fleet_view(site), "changed": False, "previous": current}
    if not current:
        return result
    if module.check_mode:
        follows = not site.fill_in(current, checking=True)
        result["changed"] = (
            not follows
            or not instances.settled()
            or instances.stale(instances.pointed())
            or not Workers(site).settled()
            or not Timers(site).settled()
        )
        return result
    with held(site, asking_of(module)) as answer:
        if answer.held_by:
            return {"changed": False, "held_by": answer.held_by}
        with site.step(wait_seconds=300, run=run_of(module)):
            result["changed"] = instances.settle()
            # An address for balancers that is closed is opened for an instance that holds it.
            if instances.stale(instances.pointed()) or instances.sockets.closed():
                instances.switch(current, "settings", module.params["by"])
                result["changed"] = True
            if Workers(site).change_over(current):
                result["changed"] = True
            if Timers(site).settle():
                result["changed"] = True
    return result


def switch(module: Call) -> dict[str, Any]:
    """Let a release serve, or return to it, or see whether it could, or make it ready to.

    :raises Trouble: there is no such release, or migrations stand in the way.
    """
    site = site_of(module)
    release, previous = module.params["release"], site.current()
    if release == "previous":
        release = site.previous()
        if not release:
            raise Trouble(
                f"This host has no release to return to from {previous or 'none'}.",
                f"It has: {', '.join(site.runnable()) or 'none'}. Name one with -e rollback_release=<release>, or deploy.",
            )
    action = module.params["action"]
    ways: dict[str, Callable[[Instances, str], object]] = {
        "proved": partial(prove, action=action),
        "workers": partial(change_workers, action=action),
        "ready": Instances.ready,
    }
    preparing = ways.get(module.params["state"])
    if module.check_mode:
        return {"changed": release != previous and not preparing, "release": release, "previous": previous}
    with site.step(wait_seconds=300, run=run_of(module)):
        if release not in site.runnable():
            raise Trouble(f"This host has no release {release!r}.", f"It has: {', '.join(site.runnable()) or 'none'}.")
        notes = [] if module.params["migrations_allowed"] else refuse_newer_database(site, release)
        instances = Instances(site, health_of(module))
        if preparing:
            preparing(instances, release)
            return {"changed": False, "release": previous, "previous": previous, "warnings": notes}
        publish(site, release)
        if module.params["state"] == "restored":
            changed = instances.restore(release)
            changed = Workers(site).change_over(release, back=True) or changed
        else:
            serve(instances, release, action, module.params["by"], module.params["proved"])
            changed = True
    return {"changed": changed, "release": release, "previous": previous, "warnings": [*notes, *remarks(instances)]}


def prove(instances: Instances, release: str, action: str) -> None:
    """See whether a release could serve, and whether its workers could take over."""
    instances.prove(release)
    if not leads_back(action):
        Workers(instances.site).refuse_too_many()


def change_workers(instances: Instances, release: str, action: str) -> None:
    """Let the workers of a release take over from those of the one that serves."""
    Workers(instances.site).change_over(release, back=leads_back(action))


def leads_back(action: str) -> bool:
    """Say whether somebody leaves a release that may be broken, which waits for no older workers."""
    return action == "rollback"


def serve(instances: Instances, release: str, action: str, by: str, proved: bool) -> None:
    """Let a release serve. Its workers take over first: none of the older ones may take a task that it queues.

    :raises Trouble: it doesn't start, or doesn't answer well, or its workers don't live; what served before still does.
    """
    workers, previous = Workers(instances.site), instances.site.current()
    if workers.known.units and not proved:
        instances.prove(release)
        proved = True
    workers.change_over(release, back=leads_back(action))
    try:
        instances.switch(release, action, by, proved)
    except Trouble:
        # What failed first says more; what is left of it, the status tells.
        with contextlib.suppress(Trouble):
            workers.change_over(previous, back=True)
        raise
    # Those of a first release. What goes on in another one goes on.
    Timers(instances.site).settle()


def remarks(instances: Instances) -> list[str]:
    """Return what the operator should know of a good answer that visitors would not call one."""
    if instances.answered < FIRST_ERROR:
        return []
    asked = f"{instances.answered} to GET {instances.check.path}"
    return [
        f"{instances.site.name} answers {asked}, which site_health_statuses accepts. If visitors are to find a page, correct "
        "the project; else name a page that answers 200 in site_health_path, so that a deploy proves more."
    ]


def refuse_newer_database(site: Site, release: str) -> list[str]:
    """Refuse a release whose code doesn't know migrations that the database has, unless these only add what it can do without.

    :returns: what is worth knowing of a database that is newer than the release.
    :raises Trouble: names these migrations.
    """
    interpreter = Interpreter(site, release)
    answer = interpreter.ask("migrations")
    if failure := answer.get("failed"):
        raise Trouble(
            f"Nobody can tell whether the database has migrations that release {release} doesn't know. Nothing was changed.",
            "See that every database of the project's settings runs and lets the site in (playbooks/status.yml); "
            "or run this again with -e rollback_ignore_migrations=true, and nobody asks.",
            redact(f"{failure['type']}: {failure['text']}", interpreter.hidden),
        )
    unknown = answer["unknown"]
    if not unknown:
        return []
    hurting = sorted(set(unknown) - additive(site, release, unknown))
    if hurting:
        raise Trouble(
            f"The database has migrations that release {release} doesn't know, and that do more than add what it can do without: "
            f"{', '.join(hurting)}. Nothing was changed.",
            "If the old code works with the newer tables nevertheless, run this again with "
            "-e rollback_ignore_migrations=true. Otherwise reverse them first with the current code, by playbooks/manage.yml "
            + " and ".join(f"-e 'manage_command=\"{command}\"'" for command in dict.fromkeys(map(reverse_command, hurting)))
            + ".",
        )
    return [
        f"The database has migrations that release {release} doesn't know: {', '.join(unknown)}. They only add what its code can "
        "do without, so it may serve."
    ]


def additive(site: Site, release: str, unknown: Sequence[str]) -> set[str]:
    """Return which migrations only add what a release can do without that doesn't know them, as the newest release tells.

    :param release: the one that doesn't know them.
    """
    newest = max(site.runnable(), default=release)
    if newest == release:
        return set()
    try:
        answer = Interpreter(site, newest).ask("additive", {"SITE_MIGRATIONS": json.dumps(list(unknown))})
    except Trouble:
        return set()
    return set(answer.get("additive", []))
