# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server that Patroni runs as a member of a cluster: how a cluster begins, how a host joins it, and what a member needs.

A cluster begins with the data of its first member, which may be new or years old. Everybody else copies it. Patroni's own
way to make an empty cluster is closed, so that nothing can ever take the place of data that is away for a moment.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import processes
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    PostgresqlError,
    Step,
    answers,
    assembled_rules,
    create,
    explained,
    has_ever_run,
    is_created,
    protect_with_checksums,
    read,
    refuse_masked,
    refuse_taken_port,
    steps_while_running,
    until,
    write,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.etcd import SILENT, UNIT, Etcd
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.keeper import Keeper, Look
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import settings_in, settings_path

# Of what Patroni passes on by the command line, whatever the server's files say: these must be the same on all members.
AGREED = (
    *("max_connections", "max_locks_per_transaction", "max_prepared_transactions", "max_replication_slots"),
    *("max_wal_senders", "max_worker_processes", "track_commit_timestamp", "wal_level", "wal_log_hints"),
)
# And what Patroni says by itself, unless all agree on something else.
KEPT = (*AGREED, "wal_keep_size")
REPLICATION, REWIND = "hotclub_replication", "hotclub_rewind"
# With a certificate of a member, and without a password.
ACCOUNTS = ({"name": REPLICATION, "attributes": "REPLICATION"}, {"name": REWIND})
OF_REWIND = (
    *("pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)"),
    "pg_read_binary_file(text, bigint, bigint, boolean)",
)
_NAMES = ", ".join(f"'{name}'" for name in AGREED)
IN_USE = f"select json_object_agg(name, setting) from pg_settings where name in ({_NAMES})"  # noqa: S608 - constants
_FUNCTIONS = ", ".join(f"'{function}'" for function in OF_REWIND)
MAY_REWIND = f"""
select coalesce(bool_and(has_function_privilege(rolname, function, 'execute')), false)
from pg_roles, unnest(array[{_FUNCTIONS}]) function where rolname = '{REWIND}'
"""  # noqa: S608 - constants
ANSWER_SECONDS = 120.0
CATCH_UP_SECONDS = 60.0
COPY_SECONDS = processes.DAY_SECONDS
LOST = (
    "{host} was a member of a cluster of PostgreSQL that etcd knows nothing of any more, so what it has may be older than what "
    "another member has.\nBring back etcd's data (/var/lib/etcd on its hosts). If that is lost, find the member with the newest "
    "data (pg_controldata tells the latest checkpoint), put it first in the group db, remove patroni.dynamic.json from its "
    "data's folder, and run this again."
)


@dataclass(frozen=True)
class Known:
    """What etcd knows of a cluster."""

    # The number of the system; empty where no cluster has begun.
    system: str = ""
    leader: str = ""
    settings: Mapping[str, Any] | None = None
    members: Mapping[str, Mapping[str, Any]] | None = None

    @classmethod
    def of(cls, kept: Mapping[str, str]) -> Known:
        """Return it as Patroni keeps it."""
        members = {name.partition("/")[2]: json.loads(text) for name, text in kept.items() if name.startswith("members/")}
        standby = json.loads(kept.get("sync") or "{}").get("sync_standby") or ""
        settings = json.loads(kept.get("config") or "{}")
        return cls(kept.get("initialize", ""), kept.get("leader", ""), settings, members, tuple(filter(None, standby.split(","))))

    def may_follow(self) -> list[str]:
        """Return the members that may take the leader's place now without losing a commit, the best first."""
        runs = [
            (-int(said.get("xlog_location") or 0), name)
            for name, said in (self.members or {}).items()
            if name != self.leader and said.get("state") in ("running", "streaming")
        ]
        waits = bool((self.settings or {}).get("synchronous_mode"))
        return [name for _position, name in sorted(runs) if name in self.synchronous or not waits]

    def late(self) -> list[str]:
        """Return the members that follow the leader, and for which no commit waits."""
        follow = [name for name, said in (self.members or {}).items() if said.get("state") in ("running", "streaming")]
        return sorted(set(follow) - {self.leader, *self.synchronous}) if self.synchronous else []

    # The members that have every commit, besides the leader; empty where no commit waits for another member.
    synchronous: tuple[str, ...] = ()

    def state_of(self, member: str) -> str:
        """Return what a member says that it does."""
        return str((self.members or {}).get(member, {}).get("state", ""))

    def waits(self, member: str) -> bool:
        """Say whether a member waits for a restart."""
        return bool((self.members or {}).get(member, {}).get("pending_restart"))


@dataclass(frozen=True)
class Patroni(Keeper):
    """What a member of a cluster needs."""

    run: processes.Run = processes.run

    @cached_property
    def said(self) -> dict[str, Any]:
        """What Patroni's file says, read by what Patroni itself reads it with."""
        import yaml

        return dict(yaml.safe_load(read(self.cluster.patroni)))

    @property
    def name(self) -> str:
        """The name of this member."""
        return str(self.said["name"])

    @property
    def etcd(self) -> Etcd:
        """Whom it asks who may be the primary."""
        asked = self.said["etcd3"]
        return Etcd(tuple(f"https://{host}" for host in asked["hosts"]), os.path.dirname(asked["cert"]), self.run)

    @property
    def prefix(self) -> str:
        """Where in etcd the cluster is kept."""
        return f"{self.said['namespace']}{self.said['scope']}/"

    def known(self) -> Known:
        """Return what etcd knows of the cluster.

        :raises PostgresqlError: it doesn't answer.
        """
        kept = self.etcd.below(self.prefix)
        if kept is None:
            raise PostgresqlError(f"{os.uname().nodename} gets no answer from etcd ({', '.join(self.etcd.endpoints)}).", SILENT)
        return Known.of(kept)

    def refuse_others(self, members: Sequence[str]) -> None:
        """Refuse a cluster whose primary the inventory has no more: it lets no new member in, and would be left with the data.

        :raises PostgresqlError: it leads.
        """
        # An etcd that is silent is no reason to refuse a run that may start it.
        leader = Known.of((members and self.etcd.below(self.prefix)) or {}).leader
        if leader and leader not in members:
            raise PostgresqlError(
                f"{leader} is the primary of the cluster, and the group db has {', '.join(members)} without it. Nothing was "
                f"changed. Put {leader} back into the group db, and run playbooks/switchover.yml -e switchover_to=<a host that "
                "stays>; then take it out. If it is off, wait until another member leads."
            )

    # --- what all members agree on

    def agreed(self, settings: Mapping[str, str], present: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that all members are to share, with what else is there.

        :param settings: those of the server's files, of which some are to be the same everywhere.
        :param present: what is kept in etcd.
        """
        wanted = dict(self.said["bootstrap"]["dcs"])
        server = {**(present.get("postgresql") or {}), **(wanted.pop("postgresql", None) or {})}
        server["parameters"] = {**(server.get("parameters") or {}), **{n: settings[n] for n in KEPT if n in settings}}
        return {**present, **wanted, "postgresql": server}

    def agree(self, settings: Mapping[str, str]) -> None:
        """Have all members use these settings; each takes them at its next look."""
        self.etcd.put(f"{self.prefix}config", json.dumps(self.agreed(settings, self.known().settings or {})))

    def of_files(self) -> dict[str, str]:
        """Return the settings in the server's own files."""
        return settings_in(read(settings_path(self.cluster)))

    # --- a server that doesn't run

    def steps_at_boot(self) -> Iterator[Step]:
        """Return what is missing for Patroni to start with the host."""
        code, said = self.cluster.run(["systemctl", "is-enabled", self.cluster.unit])
        refuse_masked(self.cluster.unit, f" {said.strip()}")
        if code:
            yield Step("start at boot", self.enable)

    def enable(self) -> None:
        """Have Patroni start with the host."""
        code, said = self.cluster.run(["systemctl", "enable", "--quiet", self.cluster.unit])
        if code:
            raise PostgresqlError(f"systemctl enable {self.cluster.unit} failed: {said.strip()}")

    def steps_to_run(self, is_first: bool) -> Iterator[Step]:
        """Return what a member needs that does not run."""
        if not is_created(self.cluster):
            yield Step("create", lambda: create(self.cluster))
        yield Step("access rules", lambda: write(self.cluster.access_rules, assembled_rules(self.cluster)))
        yield Step("start", lambda: self.begin_or_join(is_first))

    def begin_or_join(self, is_first: bool) -> None:
        """Start the member with its own data where it was one before, or begins the cluster; else with a copy."""
        known = self.known()
        if not known.system and not is_first:
            known = self._await_beginning()
        if known.system:
            self.join(known)
        else:
            self.begin()

    def _await_beginning(self) -> Known:
        """Wait for the first member, which another call starts at the same time."""
        if not until(lambda: bool(self.known().leader), ANSWER_SECONDS):
            raise PostgresqlError(
                f"{self.name} joins a cluster of PostgreSQL that hasn't begun: the first host of the group db begins it. "
                "See what is in its way, and run this again for all hosts of db, without --limit."
            )
        return self.known()

    def begin(self) -> None:
        """Begin a cluster with the data of this host."""
        if os.path.exists(f"{self.cluster.data}/patroni.dynamic.json"):
            raise PostgresqlError(LOST.format(host=os.uname().nodename))
        protect_with_checksums(self.cluster)
        self.agree(self.of_files())
        self._start()
        if not until(lambda: answers(self.cluster) and self.cluster.ask("select pg_is_in_recovery()") == "f", ANSWER_SECONDS):
            raise PostgresqlError(explained(self.cluster, f"become the primary within {ANSWER_SECONDS:.0f} seconds"))

    def join(self, known: Known) -> None:
        """Start a member of a cluster that is there; a host without data of the same system gets a copy, however long that takes.

        :raises PostgresqlError: it has other data, or doesn't come up.
        """
        system = self._system()
        # What runs already copies, or tries to.
        if system != known.system and not self._is_active():
            if has_ever_run(self.cluster):
                raise PostgresqlError(
                    f"{self.name} has a server of its own (system {system}), and would become a copy of the cluster's "
                    f"({known.system}). Nothing of it was changed. If what it has is not needed, remove it on the host "
                    f"(pg_dropcluster --stop {self.cluster.version} {self.cluster.name}) and run this again."
                )
            _empty(self.cluster.data)
        self._start()
        patient = time.monotonic() + ANSWER_SECONDS

        def is_settled() -> bool:
            return answers(self.cluster) or (time.monotonic() > patient and "creating" not in self.known().state_of(self.name))

        until(is_settled, COPY_SECONDS)
        if not answers(self.cluster):
            raise PostgresqlError(explained(self.cluster, f"answer on port {self.cluster.port} as a member of the cluster"))

    def _system(self) -> str:
        """Return the number of the system that the data belongs to; empty where there is none."""
        if not os.path.exists(f"{self.cluster.data}/global/pg_control"):
            return ""
        told = self.cluster.as_postgres(f"{self.cluster.programs}/pg_controldata", "-D", self.cluster.data)
        found = re.search(r"^Database system identifier:\s+(\d+)$", told, re.MULTILINE)
        return found[1] if found else ""

    def _is_active(self) -> bool:
        return self.cluster.run(["systemctl", "is-active", "--quiet", self.cluster.unit])[0] == 0

    def _start(self) -> None:
        """Hand the server over to Patroni, where it has run by itself, and start that."""
        write(f"{self.cluster.configuration}/start.conf", "# Patroni starts it, and nobody else.\ndisabled\n")
        self.cluster.run(["systemctl", "daemon-reload"])
        code, said = self.cluster.run(["systemctl", "stop", self.cluster.own_unit])
        if code:
            raise PostgresqlError(f"systemctl stop {self.cluster.own_unit} failed: {said.strip()}")
        if not self._is_active():
            refuse_taken_port(self.cluster)
        code, said = self.cluster.run(["systemctl", "start", self.cluster.unit])
        if code:
            refuse_masked(self.cluster.unit, said)
            raise PostgresqlError(explained(self.cluster, "start"))

    # --- a server that runs

    def steps_while_running(self, restart_allowed: bool, look: Look, settings: Mapping[str, str]) -> Iterator[Step]:
        """Return what a running member needs; what all agree on is the primary's to say."""
        service = Service(self.cluster.unit, self.run)
        actions = [action for action in service.needed_actions(Path(self.cluster.patroni).parent) if action != "enable"]
        for action in actions:
            if action in ("daemon-reload", "reload"):
                yield Step(f"{action} of Patroni", lambda action=action: service.perform(action, 15))  # type: ignore[misc]
        known = self.known()
        files = self.of_files()
        if known.leader == self.name and known.settings != self.agreed(files, known.settings or {}):
            yield Step("settings of the cluster", lambda: self.agree(files))
        yield from steps_while_running(self.cluster, restart_allowed, look, settings, self.restart)

    def pending(self) -> dict[str, str]:
        """Return what members agree on and the server doesn't use yet, with its present values."""
        said = (self.known().settings or {}).get("postgresql", {}).get("parameters", {})
        wanted = {name: str(value) for name, value in said.items() if name in AGREED}
        told = json.loads(self.cluster.ask(IN_USE) or "{}") if wanted else {}
        return {name: told[name] for name, value in wanted.items() if name in told and told[name] != value}

    def restart(self, cluster: Cluster) -> None:
        """Have Patroni restart the server, with what members have agreed on."""
        until(lambda: self.known().waits(self.name), float(self.said["bootstrap"]["dcs"]["loop_wait"]) + 5)
        cluster.as_postgres("patronictl", "-c", cluster.patroni, "restart", "--force", str(self.said["scope"]), self.name)
        if not until(lambda: answers(cluster), ANSWER_SECONDS):
            raise PostgresqlError(explained(cluster, "come back after its restart"))

    def switch_over(self, to: str, check: bool = False) -> dict[str, Any]:
        """Have another member take the primary's place, and wait until it takes writes.

        :param to: the member that shall; empty for the one that is best prepared.
        :raises PostgresqlError: it can't without losing what was committed.
        """
        known = self.known()
        if to and to == known.leader:
            return {"changed": False, "before": known.leader, "after": to}
        able = known.may_follow()
        late = to in known.late()
        if not (able or late) or (to and to not in able and not late):
            states = ", ".join(f"{name} {said.get('state', 'silent')}" for name, said in sorted((known.members or {}).items()))
            raise PostgresqlError(
                f"{to or 'No member'} can't take the place of {known.leader or 'a primary that is away'} now. Members: {states}; "
                f"with every commit: {', '.join(able) or 'none but the primary'}.\n"
                "Wait until one of them has caught up, or name one that has; see what is in the way of the others."
            )
        after = to or able[0]
        if not check:
            with self._with_every_commit(after) if late else contextlib.nullcontext():
                words = ("switchover", "--force", "--primary", known.leader, "--candidate", after)
                self.cluster.as_postgres("patronictl", "-c", self.cluster.patroni, *words, str(self.said["scope"]))
                if not until(lambda: self._leads(after), ANSWER_SECONDS):
                    raise PostgresqlError(
                        f"{after} was told to become the primary and has not within {ANSWER_SECONDS:.0f} seconds."
                    )
        return {"changed": True, "before": known.leader, "after": after}

    @contextlib.contextmanager
    def _with_every_commit(self, member: str) -> Iterator[None]:
        """Have commits wait for all members for a while, so that this one, for which they don't wait usually, lacks nothing.

        :raises PostgresqlError: it doesn't catch up.
        """
        self._have_commits_wait_for(len(self.known().members or {}) - 1)
        try:
            if not until(lambda: member in self.known().may_follow(), CATCH_UP_SECONDS):
                raise PostgresqlError(
                    f"{member} follows the primary, and does not have every commit within {CATCH_UP_SECONDS:.0f} seconds. "
                    "Nothing was changed. See on its host what keeps it (journalctl -u 'patroni@*'), or name another member."
                )
            yield
        finally:
            self._have_commits_wait_for(1)

    def _have_commits_wait_for(self, members: int) -> None:
        self.etcd.put(f"{self.prefix}config", json.dumps({**(self.known().settings or {}), "synchronous_node_count": members}))

    def refuse_to_leave(self, others: Sequence[str]) -> None:
        """Refuse to be the only host of the database while it has others, of which one would become a second primary.

        :param others: sites beside the one that this run is for.
        :raises PostgresqlError: another site uses the cluster, another member is there, or is the primary.
        """
        known = self.known()
        if others:
            raise PostgresqlError(
                f"{self.name} is a member of a database cluster, which {', '.join(others)} uses, and the only host in db here. "
                "Put all of its members into the group db, as the inventory of that site does."
            )
        if known.leader != self.name:
            raise PostgresqlError(
                f"{self.name} is to be the only database host, and {known.leader or 'none'} is the primary of the cluster. Put "
                f"the other members back into the group db and run playbooks/switchover.yml -e switchover_to={self.name}; then "
                "take them out again."
            )
        if members := sorted(set(known.members or {}) - {self.name}):
            raise PostgresqlError(
                f"{', '.join(members)} would make a primary of one of them, beside {self.name}, which is to be the only database "
                f"host. Nothing was changed.\nIf that is meant, run systemctl disable --now {self.cluster.patroni_unit} on each "
                "of them, leave etcd there alone, wait half a minute, and run this again; else put them back into the group db."
            )

    def leave(self) -> None:
        """Have the server run by itself again, with what it has, as the only one."""
        code, said = self.cluster.run(["systemctl", "disable", "--now", self.cluster.unit])
        if code:
            raise PostgresqlError(f"systemctl disable --now {self.cluster.unit} failed: {said.strip()}")
        write(f"{self.cluster.configuration}/start.conf", "auto\n")
        # What decided between the members has nothing to decide any more, and is no majority.
        self.cluster.run(["systemctl", "disable", "--now", UNIT])
        shutil.rmtree(os.path.join(self.cluster.root, "var/lib/etcd/member"), ignore_errors=True)
        for path in (f"{self.cluster.data}/patroni.dynamic.json", self.cluster.patroni):
            Path(path).unlink(missing_ok=True)
        self.cluster.run(["systemctl", "daemon-reload"])

    def _leads(self, name: str) -> bool:
        known = self.known()
        said = (known.members or {}).get(name, {})
        return known.leader == name and said.get("role") in ("master", "primary")

    def steps_of_primary(self) -> Iterator[Step]:
        """Return what is missing for members to take a former primary back."""
        if self.cluster.ask(MAY_REWIND) != "t":
            yield Step("rights of pg_rewind", self.grant)

    def grant(self) -> None:
        """Let members read what differs from the primary, when one of them was the primary itself."""
        for function in OF_REWIND:
            self.cluster.ask(f"grant execute on function {function} to {REWIND}")


def _empty(folder: str) -> None:
    """Remove what is in a folder, not the folder, which may be a mount point."""
    for entry in os.scandir(folder) if os.path.isdir(folder) else ():
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def keeper_of(cluster: Cluster) -> Keeper:
    """Return who looks after a server."""
    return Patroni(cluster) if cluster.is_member else Keeper(cluster)
