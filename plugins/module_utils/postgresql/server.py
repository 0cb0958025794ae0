# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server brought to what its files and its site say: it runs with them, and has the accounts, databases and extensions."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import told
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import accounts, others, sharing
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.accounts import ACCOUNTS, EXTENSIONS, Change, Plan
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    STATE,
    Cluster,
    PostgresqlError,
    Step,
    assembled_rules,
    is_installed,
    is_running,
    present_port,
    read,
    refuse_beside_older,
    refuse_masked,
    steps_while_running,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.patroni import ACCOUNTS as OF_MEMBERS
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.patroni import Patroni, keeper_of
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.session import QUIETLY, Talk, answer, connect, speak, step
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import Outcome, Part

NOTHING: Mapping[str, Any] = {"users": [], "databases": []}
# The administrator's own database, which every server has.
HOME = "postgres"


def serve(arguments: Mapping[str, Any], check: bool, run: Talk) -> dict[str, Any]:
    """Bring a server to what is wanted, or in check mode say what would be done.

    :param arguments: as in the step's SPEC, with its defaults.
    :param check: whether to look only.
    :param run: how programs are run.
    :raises PostgresqlError: it can't be done; the message says why and what to do.
    """
    cluster = Cluster(arguments["version"], arguments["cluster"], arguments["port"], run)
    if cluster.is_member:
        arguments = {**arguments, "users": [*OF_MEMBERS, *arguments["users"]]}
    of_others = regard_others(cluster, arguments["users"], check)
    if any(finding["refused"] for finding in of_others.get("first_contact", [])):
        return _result(cluster, Outcome((), {}, ()), ["settings"]) | of_others
    return _served(cluster, arguments, check, run) | of_others


def regard_others(cluster: Cluster, users: Sequence[Mapping[str, Any]], check: bool) -> dict[str, Any]:
    """Keep what others need of a server that no site has used yet, or in check mode tell what becomes of it."""
    if not is_installed(cluster) or not others.are_there(cluster):
        return {}
    if check:
        return told(others.findings(cluster, users))
    others.keep(cluster)
    return {}


def refuse_to_leave(cluster: Cluster, site: str) -> None:
    """Refuse to take a member out of its cluster for a site while another member, or another site, needs it there.

    :raises PostgresqlError: with what to do first.
    """
    Patroni(cluster).refuse_to_leave(sorted(set(sharing.parts_of(cluster, tuple)) - {site}))


def _served(cluster: Cluster, arguments: Mapping[str, Any], check: bool, run: Talk) -> dict[str, Any]:
    if not is_installed(cluster) and not check:
        raise PostgresqlError(
            f"PostgreSQL {cluster.version} is not installed on this host. Run the role without --tags or --skip-tags."
        )
    leaves = arguments["state"] != "configured" and arguments["is_alone"] and cluster.is_member
    if leaves:
        # Before its files change.
        refuse_to_leave(cluster, arguments["site"])
    outcome = shared(cluster, arguments, check)
    if arguments["state"] == "configured":
        return _result(cluster, outcome)
    if not is_installed(cluster):
        return _result(cluster, outcome, ["start"], accounts.plan(arguments, {}))
    if leaves:
        if check:
            return _result(cluster, outcome, ["leave the cluster"])
        if not arguments["restart_allowed"]:
            raise PostgresqlError(
                f"Patroni runs PostgreSQL {cluster.version}, which is to run by itself; application hosts may need Patroni.",
                "Run playbooks/site.yml without --limit and --tags first: it leads them to the server itself.",
            )
        Patroni(cluster).leave()
    refuse_beside_older(cluster)
    keeper = keeper_of(cluster)
    keeper.refuse_others(arguments["members"])
    was_running = is_running(cluster)
    if check and not was_running:
        refuse_start(cluster, [path for path, *_texts in outcome.changes])
    former_rules = read(cluster.access_rules)
    survey = Survey(cluster, run, arguments, keeper.pending)
    needs = itertools.chain(
        keeper.steps_at_boot(),
        keeper.steps_while_running(arguments["restart_allowed"], survey.state, outcome.settings)
        if was_running
        else keeper.steps_to_run(arguments["is_first"]),
    )
    actions = list(_taken(needs, survey, check))
    running = was_running or not check
    # A member that follows the primary has what that one has.
    follows = cluster.is_member and (survey.found()["in_recovery"] if running else not arguments["is_first"])
    planned = accounts.plan(NOTHING if follows else arguments, survey.found() if running else {})
    planned = with_statements(planned, survey if running and not follows else None)
    if planned.changes and not check:
        make(cluster, run, planned.changes, bool(survey.found()["in_recovery"]))
    actions += _taken(keeper.steps_of_primary() if running and not follows else (), survey, check)
    result = _result(cluster, outcome, actions, planned)
    result["diff"].append(_difference(cluster.access_rules, former_rules, assembled_rules(cluster)))
    pending = survey.found()["server"]["pending"] if running else {}
    return result | {"running": running, "pending": pending, "follows": bool(follows)}


def _taken(needs: Iterable[Step], survey: Survey, check: bool) -> Iterator[str]:
    """Take steps, or in check mode none, and tell their names."""
    for needed in needs:
        if not check:
            needed.take()
            survey.forget()
        yield needed.name


def with_statements(planned: Plan, survey: Survey | None) -> Plan:
    """Add what shows the counted queries, in the database of the administrator, so that no dump of a site has it."""
    if survey is None or survey.found()["server"]["statements"] or survey.found()["in_recovery"]:
        return planned
    statement = f"create extension if not exists {sharing.STATEMENTS};"
    made = Change(f"create extension {sharing.STATEMENTS} in {HOME}", EXTENSIONS, statement, HOME)
    return replace(planned, changes=(*planned.changes, made))


def refuse_start(cluster: Cluster, written: Sequence[str]) -> None:
    """Refuse a server that could not be started, before anything else on the host is changed.

    :param written: the files that this run would write.
    :raises Refusal: says what is in the way.
    """
    _code, said = cluster.run(["systemctl", "is-enabled", cluster.unit])
    refuse_masked(cluster.unit, f" {said.strip()}")
    complaint = sharing.complaint(cluster)
    if complaint and not any(path in complaint for path in written):
        raise Refusal(
            f"PostgreSQL {cluster.version} does not run on {os.uname().nodename}, and refuses its configuration:",
            "Correct that file on the host, or take the line out, then run this again.",
            complaint,
        )


def shared(cluster: Cluster, arguments: Mapping[str, Any], check: bool) -> Outcome:
    """Have the settings of all sites include what this one needs, where it says so."""
    site, connections = arguments["site"], arguments["connections"]
    said = {**arguments["needs"], "port": arguments["port"]} if arguments["needs"] else {}
    if connections and not said:
        said = sharing.said_by(cluster, site)
    return sharing.share(cluster, site, Part.of({**said, "connections": connections}), check) if said else Outcome((), {}, ())


def leave(site: str, check: bool, run: Talk, root: str = "/") -> dict[str, Any]:
    """Have every server of this host forget a site's settings and access rules; its databases and accounts stay."""
    results = []
    for version, name in clusters(root):
        cluster = Cluster(version, name, 5432, run, root)
        outcome = sharing.leave(cluster, site, check)
        actions = []
        if outcome.changes and is_installed(cluster) and is_running(cluster):
            for needed in steps_while_running(cluster, restart_allowed=False):
                actions.append(needed.name)
                if not check:
                    needed.take()
        results.append(_result(cluster, outcome, actions))
    return {
        "changed": any(result["changed"] for result in results),
        "actions": [action for result in results for action in result["actions"]],
        "diff": [difference for result in results for difference in result["diff"]],
    }


def look_at_others(arguments: Mapping[str, Any], run: Talk) -> dict[str, Any]:
    """Return what other sites need of the server's certificate."""
    if not arguments["version"]:
        raise PostgresqlError("To look at a server, say its version.")
    cluster = Cluster(arguments["version"], arguments["cluster"], 5432, run)
    return {"changed": False, "others": sharing.seen_by_others(cluster, arguments["site"])}


def clusters(root: str) -> list[tuple[str, str]]:
    """Return the clusters of a host by version and name."""
    found = sorted(glob.glob(os.path.join(root, "etc/postgresql/*/*/postgresql.conf")))
    return [(os.path.basename(os.path.dirname(folder)), os.path.basename(folder)) for folder in map(os.path.dirname, found)]


def _result(cluster: Cluster, outcome: Outcome, actions: Sequence[str] = (), planned: Plan | None = None) -> dict[str, Any]:
    done = [*(["settings"] if outcome.changes else []), *actions]
    diff = [_difference(path, before, after) for path, before, after in outcome.changes]
    if planned:
        done += [change.what for change in planned.changes]
        diff.append(_difference(f"accounts and databases of PostgreSQL {cluster.version}", planned.before, planned.after))
    return {
        "changed": bool(done),
        "actions": done,
        "running": False,
        "port": present_port(cluster),
        "pending": {},
        "contested": list(outcome.contested),
        "diff": diff,
    }


def _difference(name: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": name, "after_header": name, "before": before, "after": after}


class Survey:
    """Everything that a server is asked, in one session; asked again only after something was done to it."""

    def __init__(
        self, cluster: Cluster, talk: Talk, arguments: Mapping[str, Any], pending: Callable[[], Mapping[str, str]] = dict
    ) -> None:
        self._cluster = cluster
        self._talk = talk
        self._pending = pending
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
            server["server"]["pending"] |= self._pending()
            self._found = {**server, **accounts.answers_together(others)}
        return self._found

    def state(self, cluster: Cluster) -> dict[str, Any]:
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
