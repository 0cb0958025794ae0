# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server brought to what its files and its site say: it runs with them, and has the accounts, databases and extensions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql import accounts
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.accounts import ACCOUNTS, Change, Plan
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    STATE,
    Cluster,
    PostgresqlError,
    assembled_rules,
    is_installed,
    is_running,
    present_port,
    read,
    refuse_beside_older,
    steps_to_run,
    steps_while_running,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.session import QUIETLY, Talk, answer, connect, speak, step

SPEC: dict[str, Any] = {
    "version": {"type": "str", "required": True},
    "cluster": {"type": "str", "default": "main"},
    "port": {"type": "int", "default": 5432},
    "restart_allowed": {"type": "bool", "default": False},
    "users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "attributes": {"type": "str"},
            "acts_for": {"type": "str"},
            "connection_limit": {"type": "int"},
        },
    },
    "databases": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "encoding": {"type": "str"},
            "locale": {"type": "str"},
            "extensions": {"type": "list", "elements": "str"},
        },
    },
}


def serve(arguments: Mapping[str, Any], check: bool, run: Talk) -> dict[str, Any]:
    """Bring a server to what is wanted, or in check mode say what would be done.

    :param arguments: as in SPEC, with its defaults.
    :param check: whether to look only.
    :param run: how programs are run.
    :raises PostgresqlError: it can't be done; the message says why and what to do.
    """
    cluster = Cluster(arguments["version"], arguments["cluster"], arguments["port"], run)
    if not is_installed(cluster):
        if not check:
            raise PostgresqlError(
                f"PostgreSQL {cluster.version} is not installed on this host. Run the role without --tags or --skip-tags."
            )
        return _result(cluster, ["start"], accounts.plan(arguments, {}), running=False, pending={}, former_rules="")
    refuse_beside_older(cluster)
    former_rules = read(cluster.access_rules)
    survey = Survey(cluster, run, arguments)
    was_running = is_running(cluster)
    actions = []
    for needed in (
        steps_while_running(cluster, arguments["restart_allowed"], survey.state) if was_running else steps_to_run(cluster)
    ):
        actions.append(needed.name)
        if not check:
            needed.take()
            survey.forget()
    running = was_running or not check
    planned = accounts.plan(arguments, survey.found() if running else {})
    if planned.changes and not check:
        make(cluster, run, planned.changes, bool(survey.found()["in_recovery"]))
    pending = survey.found()["server"]["pending"] if running else {}
    return _result(cluster, actions, planned, running, pending, former_rules)


def _result(
    cluster: Cluster, actions: Sequence[str], planned: Plan, running: bool, pending: Mapping[str, str], former_rules: str
) -> dict[str, Any]:
    rules = cluster.access_rules
    where = f"accounts and databases of PostgreSQL {cluster.version}"
    done = [*actions, *(change.what for change in planned.changes)]
    return {
        "changed": bool(done),
        "actions": done,
        "running": running,
        "port": present_port(cluster),
        "pending": pending,
        "diff": [
            {"before_header": rules, "after_header": rules, "before": former_rules, "after": assembled_rules(cluster)},
            {"before_header": where, "after_header": where, "before": planned.before, "after": planned.after},
        ],
    }


class Survey:
    """Everything that a server is asked, in one session; asked again only after something was done to it."""

    def __init__(self, cluster: Cluster, talk: Talk, arguments: Mapping[str, Any]) -> None:
        self._cluster = cluster
        self._talk = talk
        self._users = arguments["users"]
        self._databases = arguments["databases"]
        self._found: dict[str, Any] | None = None

    def found(self) -> dict[str, Any]:
        """Return what the server says."""
        if self._found is None:
            script = [answer(f"json_build_object('server', ({STATE}))"), *accounts.questions(self._users, self._databases)]
            spoken = speak(self._cluster, self._talk, script)
            if not spoken.succeeded:
                raise PostgresqlError(f"PostgreSQL {self._cluster.version} can't be asked: {spoken.complaint}")
            server, *others = spoken.answers
            self._found = {**server, **accounts.answers_together(others)}
        return self._found

    def state(self, _: Cluster) -> dict[str, Any]:
        """Return what the server says of itself."""
        state: dict[str, Any] = self.found()["server"]
        return state

    def forget(self) -> None:
        """Ask again the next time."""
        self._found = None


def make(cluster: Cluster, talk: Talk, changes: Sequence[Change], is_copy: bool) -> None:
    """Make accounts, databases and extensions as planned; the accounts all or none."""
    if is_copy:
        raise PostgresqlError(
            "This server is a copy that follows another one, so nothing can be made in it: "
            f"{', '.join(change.what for change in changes)}. Run this for the server that it follows."
        )
    spoken = speak(cluster, talk, _script(changes))
    if not spoken.succeeded:
        raise _explained(cluster, changes[max(spoken.last_step, 0)], spoken.complaint)


def _script(changes: Sequence[Change]) -> Iterator[str]:
    yield QUIETLY
    yield "begin;"
    is_open, database = True, ""
    for number, change in enumerate(changes):
        if is_open and change.kind != ACCOUNTS:
            # A database can't be made in a transaction.
            yield "commit;"
            is_open = False
        yield step(number)
        if change.database != database:
            yield connect(change.database)
            database = change.database
        yield change.statement
    if is_open:
        yield "commit;"


def _explained(cluster: Cluster, change: Change, complaint: str) -> PostgresqlError:
    remedy = accounts.REMEDIES[change.kind].format(
        version=cluster.version, log=f"/var/log/postgresql/postgresql-{cluster.version}-{cluster.name}.log"
    )
    return PostgresqlError(f"PostgreSQL can't {change.what}: {complaint}\n{remedy}")
