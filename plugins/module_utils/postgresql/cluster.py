# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A database cluster as Debian keeps it: its files, its server, and what brings the server to what the files say."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal, Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.freshness import runs_replaced_code
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, run_for_everybody

Run = Callable[[list[str]], tuple[int, str]]

# Starts all clusters of the host that are to start with it.
SERVERS = "postgresql.service"
ACCESS_HEADER = """\
# Who may connect, and how they prove who they are: the first line that fits counts, and whoever fits none is refused.
# Put together by Ansible from the files in pg_hba.d. Change or add one there, and run the playbook again.
"""

# As one value of the type json.
STATE = """
select json_build_object(
  'loaded', extract(epoch from pg_conf_load_time()),
  'clients', (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()),
  'pending', (
    select coalesce(json_object_agg(name, current_setting(name)), '{}')
    from (select distinct name from pg_file_settings join pg_settings using (name)
          where error is not null and context = 'postmaster') waiting),
  'statements', exists (select from pg_extension where extname = 'pg_stat_statements'),
  'overruling', (
    select coalesce(json_agg(distinct name), '[]') from pg_file_settings where sourcefile like '%/postgresql.auto.conf')
)
"""
WRONG_RULES = "select line_number || ': ' || error from pg_hba_file_rules where error is not null order by line_number"

REMEDIES = {
    r"Address already in use|could not bind": "Set postgresql_port to a free port, or stop the program that listens there.",
    r"No space left on device": "The disk is full. Make room (df -h shows where), then run this again.",
    r"could not map anonymous shared memory|Cannot allocate memory": "Set postgresql_memory_mb lower, or add memory.",
    r"could not load .*pg_hba\.conf": "Correct postgresql_allowed_clients, or the file in pg_hba.d that was added by hand.",
    r"unrecognized configuration parameter|invalid value for parameter": "Correct postgresql_settings.",
}


class PostgresqlError(Trouble):
    """A server that can't be brought to what its files say; the message says why and what to do."""


def on_this_host(command: list[str], data: str | None = None) -> tuple[int, str]:
    """Run a program; a copy of a large database may take hours.

    :param data: text for its standard input.
    :returns: its exit code, and all that it printed.
    """
    done = run_for_everybody(command, stdin=data, environment={"LC_ALL": "C.UTF-8"}, timeout=DAY_SECONDS)
    return done.code, done.stdout + done.stderr


@dataclass(frozen=True)
class Cluster:
    """One database cluster of a host."""

    version: str
    name: str
    port: int
    run: Run
    root: str = "/"

    @property
    def configuration(self) -> str:
        """The folder of its configuration."""
        return os.path.join(self.root, f"etc/postgresql/{self.version}/{self.name}")

    @property
    def data(self) -> str:
        """The folder of its data."""
        return os.path.join(self.root, f"var/lib/postgresql/{self.version}/{self.name}")

    @property
    def programs(self) -> str:
        """The folder of the programs of its version."""
        return os.path.join(self.root, f"usr/lib/postgresql/{self.version}/bin")

    @property
    def patroni(self) -> str:
        """The file by which Patroni runs it as a member of a cluster; there is none where it runs by itself."""
        return os.path.join(self.root, f"etc/patroni/{self.version}-{self.name}.yml")

    @property
    def is_member(self) -> bool:
        """Whether Patroni runs it, or is to."""
        return os.path.exists(self.patroni)

    @property
    def unit(self) -> str:
        """The unit that runs it."""
        return self.patroni_unit if self.is_member else self.own_unit

    @property
    def patroni_unit(self) -> str:
        """The unit by which Patroni runs it."""
        return f"patroni@{self.version}-{self.name}.service"

    @property
    def own_unit(self) -> str:
        """The unit that runs it where Patroni doesn't."""
        return f"postgresql@{self.version}-{self.name}.service"

    @property
    def access_rules(self) -> str:
        """The file that says who may connect."""
        return f"{self.configuration}/pg_hba.conf"

    def as_postgres(self, *command: str) -> str:
        """Run a program as the server's own account; it has to succeed."""
        code, output = self.run(["runuser", "-u", "postgres", "--", *command])
        if code != 0:
            raise PostgresqlError(f"{command[0]} failed: {output.strip() or f'exit code {code}'}")
        return output.strip()

    def ask(self, query: str) -> str:
        """Return the server's answer to a query."""
        port = str(present_port(self))
        return self.as_postgres("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-p", port, "-d", "postgres", "-c", query)


# --- what is there


def is_installed(cluster: Cluster) -> bool:
    """Say whether the server's program is there."""
    return os.path.exists(f"{cluster.programs}/postgres")


def is_created(cluster: Cluster) -> bool:
    """Say whether the cluster is there."""
    return os.path.exists(f"{cluster.configuration}/postgresql.conf")


def is_running(cluster: Cluster) -> bool:
    """Say whether systemd runs the server; Patroni's unit may run without it."""
    is_active = cluster.run(["systemctl", "is-active", "--quiet", cluster.unit])[0] == 0
    return is_active and (not cluster.is_member or answers(cluster))


def answers(cluster: Cluster) -> bool:
    """Say whether the server accepts connections."""
    return cluster.run([f"{cluster.programs}/pg_isready", "-q", "-p", str(cluster.port)])[0] == 0


def is_outdated(cluster: Cluster) -> bool:
    """Say whether the server runs a program or a library that an upgrade has replaced since."""
    noted = read(f"{cluster.data}/postmaster.pid").splitlines()
    return bool(noted) and noted[0].strip().isdigit() and runs_replaced_code(Path(cluster.root, "proc", noted[0].strip()))


def has_ever_run(cluster: Cluster) -> bool:
    """Say whether the server has run: it notes how it was started."""
    return os.path.exists(f"{cluster.data}/postmaster.opts")


def present_port(cluster: Cluster) -> int:
    """Return the port on which the server listens, which may be another than the wanted one until it restarts."""
    noted = read(f"{cluster.data}/postmaster.pid").splitlines()
    return int(noted[3]) if len(noted) > 3 and noted[3].strip().isdigit() else cluster.port


def other_versions(cluster: Cluster) -> list[str]:
    """Return the versions of which this host has a cluster of the same name, as Debian keeps them through an upgrade."""
    folder = os.path.join(cluster.root, "etc/postgresql")
    versions = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return [
        version
        for version in versions
        if version != cluster.version and os.path.exists(f"{folder}/{version}/{cluster.name}/postgresql.conf")
    ]


def newest_file(cluster: Cluster) -> float:
    """Return when the configuration last changed, removals included."""
    paths = [cluster.configuration]
    for folder, _folders, files in os.walk(cluster.configuration):
        paths += [folder, *(os.path.join(folder, name) for name in files)]
    return max(os.stat(path).st_mtime for path in paths)


def state_of(cluster: Cluster) -> dict[str, Any]:
    """Return what the server says of itself."""
    state: dict[str, Any] = json.loads(cluster.ask(STATE))
    return state


# --- access rules


def assembled_rules(cluster: Cluster) -> str:
    """Return the access rules of all sites, put together in the order of the files' names."""
    folder = f"{cluster.configuration}/pg_hba.d"
    names = sorted(name for name in os.listdir(folder) if name.endswith(".conf")) if os.path.isdir(folder) else []
    return "\n".join([ACCESS_HEADER, *(read(f"{folder}/{name}") for name in names)])


def read(path: str) -> str:
    """Return the text of a file; nothing when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(path: str, text: str) -> None:
    """Replace one of the server's files in one step; the server reads it only when told to."""
    with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w", encoding="utf-8") as file:
        file.write(text)
    shutil.chown(f"{path}.new", "postgres", "postgres")
    os.replace(f"{path}.new", path)


def replace_rules(cluster: Cluster, rules: str) -> None:
    """Write the access rules and let the server read them without using them; put the former ones back when it objects."""
    former = read(cluster.access_rules)
    write(cluster.access_rules, rules)
    wrong = cluster.ask(WRONG_RULES)
    if wrong:
        write(cluster.access_rules, former)
        raise PostgresqlError(
            f"The server refuses access rules, so the former ones stay:\n{quoted(wrong, rules)}\n"
            "Correct postgresql_allowed_clients, or the file in pg_hba.d that was added by hand."
        )


def quoted(wrong: str, rules: str) -> str:
    """Return the objections, each with the line that it is about."""
    lines = rules.splitlines()
    objections = []
    for objection in wrong.splitlines():
        number, _colon, reason = objection.partition(": ")
        line = lines[int(number) - 1].strip() if number.isdigit() and int(number) <= len(lines) else ""
        objections.append(f"{reason}: {line}")
    return "\n".join(objections)


# --- the server


def starts_by_itself(cluster: Cluster) -> bool:
    """Say whether the server starts with the host."""
    said = read(f"{cluster.configuration}/start.conf")
    return is_created(cluster) and (not said or "auto" in [line.strip() for line in said.splitlines()])


def refuse_beside_older(cluster: Cluster) -> None:
    """Stop when this would become an empty server beside one which holds the data, or is one that was left behind."""
    others = other_versions(cluster)
    if others and not has_ever_run(cluster):
        raise PostgresqlError(
            f"This host has its data in PostgreSQL {' and '.join(others)}; version {cluster.version} would be empty beside it, "
            "so it was not started.\n"
            f'Set postgresql_version: "{others[-1]}" to stay, or bring the data over: '
            f"playbooks/upgrade_postgresql.yml -e upgrade_to={cluster.version}"
        )
    serving = [version for version in others if starts_by_itself(replace(cluster, version=version))]
    if serving and not cluster.is_member and not starts_by_itself(cluster):
        raise PostgresqlError(
            f"This host serves from PostgreSQL {serving[-1]}; what it had in version {cluster.version} was left behind by an "
            f'upgrade, so it was not started.\nSet postgresql_version: "{serving[-1]}", or go back with '
            "playbooks/upgrade_postgresql.yml -e upgrade_do=back"
        )


def protect_with_checksums(cluster: Cluster) -> None:
    """Let a server that has never run notice rotten disks: while it is empty this takes no time."""
    if has_ever_run(cluster):
        return
    control = cluster.as_postgres(f"{cluster.programs}/pg_controldata", "-D", cluster.data)
    if re.search(r"^Data page checksum version:\s+0$", control, re.MULTILINE):
        cluster.as_postgres(f"{cluster.programs}/pg_checksums", "--enable", "--no-sync", "-D", cluster.data)


def start(cluster: Cluster) -> None:
    """Start the server and see it answer."""
    refuse_taken_port(cluster)
    code, said = cluster.run(["systemctl", "start", cluster.unit])
    if code != 0:
        refuse_masked(cluster.unit, said)
        raise PostgresqlError(explained(cluster, "start"))
    wait_for_answer(cluster)


def refuse_masked(unit: str, said: str) -> None:
    """Explain why systemd refuses a unit that somebody has masked.

    :param said: what systemctl has said.
    :raises Refusal: somebody has.
    """
    if " masked" in said:
        raise Refusal(
            f"{unit} is masked on {os.uname().nodename}, so PostgreSQL can't start: somebody has said that it must not.",
            f"If it may, run systemctl unmask {unit} on the host, then this again.",
        )


def restart(cluster: Cluster) -> None:
    """Restart the server and see it answer."""
    code, _said = cluster.run(["systemctl", "restart", cluster.unit])
    if code != 0:
        raise PostgresqlError(explained(cluster, "restart"))
    wait_for_answer(cluster)


def wait_for_answer(cluster: Cluster, seconds: float = 60) -> None:
    """Wait until the server accepts connections."""
    if not until(lambda: answers(cluster), seconds):
        raise PostgresqlError(explained(cluster, f"answer within {seconds:.0f} seconds on port {cluster.port} after its start"))


def refuse_taken_port(cluster: Cluster) -> None:
    """Stop when another program listens on the server's port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", cluster.port), timeout=1):
        raise PostgresqlError(
            f"Port {cluster.port} of this host is taken by another program (ss -ltnp names it). "
            "Set postgresql_port to a free one, or stop that program."
        )


def reset(cluster: Cluster, names: Sequence[str]) -> None:
    """Have the files decide on settings that ALTER SYSTEM has changed."""
    for name in names:
        # Not in one call, which would be a transaction.
        cluster.ask(f'alter system reset "{name}"')


def reload(cluster: Cluster, loaded: float) -> None:
    """Let the server read its files, and wait until it has."""
    cluster.ask("select pg_reload_conf()")
    if not until(lambda: float(state_of(cluster)["loaded"]) > loaded, 15):
        raise PostgresqlError(explained(cluster, "take over its changed files"))


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; say whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def explained(cluster: Cluster, what: str) -> str:
    """Return what the server's log ends with, and the remedy for it."""
    log = os.path.join(cluster.root, f"var/log/postgresql/postgresql-{cluster.version}-{cluster.name}.log")
    tail = ("" if cluster.is_member else "\n".join(read(log).splitlines()[-8:])) or cluster.run(
        ["journalctl", "-n", "8", "--no-pager", "-o", "cat", "-u", cluster.unit]
    )[1]
    remedy = next((remedy for pattern, remedy in REMEDIES.items() if re.search(pattern, tail)), f"Its whole log is {log}.")
    return f"PostgreSQL {cluster.version} does not {what}. Its log ends with:\n{tail.strip()}\n{remedy}"


# --- the story


@dataclass(frozen=True)
class Step:
    """Something that brings the server to what its files say."""

    name: str
    take: Callable[[], None]


def steps_to_run(cluster: Cluster) -> Iterator[Step]:
    """Return what a server needs that does not run."""
    if not is_created(cluster):
        yield Step("create", lambda: create(cluster))
    yield Step("access rules", lambda: write(cluster.access_rules, assembled_rules(cluster)))
    yield Step("checksums", lambda: protect_with_checksums(cluster))
    yield Step("start", lambda: start(cluster))


def create(cluster: Cluster, options: Sequence[str] = ("--locale=C.UTF-8", "--encoding=UTF8"), more: Sequence[str] = ()) -> None:
    """Create the cluster as the package would have, which it does not beside another one or for the second time.

    :param options: those of pg_createcluster.
    :param more: those of initdb, which it passes on.
    """
    names = f"{cluster.configuration}/pg_ident.conf"
    own = read(names)
    passed = ["--", *more] if more else []
    code, output = cluster.run(["pg_createcluster", *options, cluster.version, cluster.name, *passed])
    if code != 0:
        raise PostgresqlError(f"pg_createcluster {cluster.version} {cluster.name} failed: {output.strip()}")
    # It brings files of its own in place of ours.
    if own:
        write(names, own)


def steps_at_boot(cluster: Cluster) -> Iterator[Step]:
    """Return what is missing for the servers of the host to start with it."""
    code, said = cluster.run(["systemctl", "is-enabled", SERVERS])
    refuse_masked(SERVERS, f" {said.strip()}")
    if code:
        yield Step("start at boot", lambda: enable(cluster))


def enable(cluster: Cluster) -> None:
    """Have the servers of the host start with it."""
    code, output = cluster.run(["systemctl", "enable", "--quiet", SERVERS])
    if code != 0:
        refuse_masked(SERVERS, output)
        raise PostgresqlError(f"systemctl enable {SERVERS} failed: {output.strip()}")


def steps_while_running(
    cluster: Cluster,
    restart_allowed: bool,
    look: Callable[[Cluster], dict[str, Any]] = state_of,
    settings: Iterable[str] = (),
    again: Callable[[Cluster], None] = restart,
) -> Iterator[Step]:
    """Return what a running server needs; each step is looked for once the ones before it are taken.

    :param look: how the server is asked about itself.
    :param settings: the settings that its files have to say, which ALTER SYSTEM would overrule.
    :param again: how it is restarted.
    """
    rules = assembled_rules(cluster)
    if rules != read(cluster.access_rules):
        yield Step("access rules", lambda: replace_rules(cluster, rules))
    state = look(cluster)
    overruling = sorted({*state["overruling"]} & {*settings})
    if overruling:
        yield Step(f"reset of {', '.join(overruling)}", lambda: reset(cluster, overruling))
        state = look(cluster)
    if overruling or newest_file(cluster) > state["loaded"]:
        yield Step("reload", lambda: reload(cluster, state["loaded"]))
        state = look(cluster)
    if (state["pending"] and (restart_allowed or state["clients"] == 0)) or (restart_allowed and is_outdated(cluster)):
        yield Step("restart", lambda: again(cluster))
