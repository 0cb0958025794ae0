# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the application does on one host."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import properties
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck, ask
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import Instances, release_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.project import Interpreter


def look_at_app(site: Site, check: HealthCheck, migrations: bool, status: dict[str, Any]) -> None:
    """Say which release runs, since when, and how it answers.

    :param status: gets in ``unsettled`` those of its problems that are none while somebody deploys.
    """
    current = site.current()
    described = site.describe(current) if current else {}
    status.update(release=current, commit=described.get("commit", "")[:12], version=described.get("version", ""))
    if not current:
        status["problems"].append("no release yet: run playbooks/site.yml")
        return
    instances = Instances(site, check)
    waiting, pointed = instances.waiting(), instances.pointed()
    running = [instance for instance in instances.running() if instance not in waiting]
    status["since"] = properties(instances.service(pointed), "ActiveEnterTimestamp").get("ActiveEnterTimestamp", "")
    status["app"] = "running" if running == [pointed] else "not running"
    unsettled = []
    if release_of(pointed) != current:
        unsettled.append(f"traffic wakes {release_of(pointed)} instead of {current}: run playbooks/site.yml")
    if running != [pointed]:
        unsettled.append(f"running: {', '.join(running) or 'nothing'}, expected {pointed}: run playbooks/site.yml")
    if waiting:
        unsettled.append(f"{', '.join(waiting)} waits for its turn to serve: run playbooks/site.yml, unless somebody deploys")
    status["problems"] += unsettled
    if running:
        status["unsettled"] += unsettled
    if pointed in running:
        # Asked only where it runs: a question over its socket would wake it, and a look must change nothing.
        look_at_instance(site, check, pointed, status)
    if migrations:
        look_at_migrations(site, current, status)


def look_at_instance(site: Site, check: HealthCheck, pointed: str, status: dict[str, Any]) -> None:
    """Ask the instance that serves for an answer, past the web server."""
    try:
        status["health"] = ask(f"/run/{site.name}/{pointed}.sock", check, 10)
        if not check.accepts(status["health"]):
            status["problems"].append(f"the application answers {status['health']} to GET {check.path}")
    except OSError as error:
        status["health"] = None
        status["problems"].append(f"the application gives no answer ({error})")


def look_at_migrations(site: Site, current: str, status: dict[str, Any]) -> None:
    """Compare the migrations of the current release with the database."""
    try:
        interpreter = Interpreter(site, current)
        answer = interpreter.ask("migrations", {"SITE_TRY_MAIL": "1"})
    except Trouble as error:
        status["problems"].append(error.cause)
        return
    if failure := answer.get("failed"):
        told = " ".join(redact(f"{failure['type']}: {failure['text']}", interpreter.hidden).split())
        status["problems"].append(f"the database can't be asked for its migrations ({told})")
        return
    status["pending_migrations"] = answer["pending"]
    if status.get("pending_migrations"):
        status["problems"].append(f"migrations pending: {', '.join(status['pending_migrations'])}")
    # Releases built by an older version of the collection say nothing of mail.
    status["problems"] += [redact(text, interpreter.hidden) for text in answer.get("mail", [])]
