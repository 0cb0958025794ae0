# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One database server handing over to another: a copy that follows, and the moment in which it takes the other one's place."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    PostgresqlError,
    assembled_rules,
    create,
    explained,
    has_ever_run,
    is_created,
    is_installed,
    is_outdated,
    is_running,
    read,
    start,
    until,
    write,
)

COPY = "hotclub_copy"
DEFAULT_DATABASES = ("postgres", "template0", "template1")
# A copy can't be read while one of these is lower than on the server that it follows.
UNDONE = ("restore_command", "recovery_target", "recovery_target_name", "recovery_target_time")
AT_LEAST = (
    "max_connections",
    "max_locks_per_transaction",
    "max_prepared_transactions",
    "max_wal_senders",
    "max_worker_processes",
)
# What is left to send while requests wait.
CLOSE_BYTES = 16 * 1024 * 1024

LOOK = """
select json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'system', (select system_identifier::text from pg_control_system()),
  'locales', (select json_agg(distinct name) from (
      select datcollate as name from pg_database union select datctype from pg_database) used),
  'tablespaces', (select coalesce(json_agg(spcname), '[]') from pg_tablespace where spcname not in ('pg_default', 'pg_global')),
  'bytes', (select sum(pg_database_size(oid))::bigint from pg_database),
  'databases', (select json_agg(datname order by datname) from pg_database))
"""
TABLES = """
select count(*) from pg_class
where relkind in ('r', 'p') and relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'
"""
FOLLOWER = f"""
select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)), -1)::bigint
from pg_stat_replication where application_name = '{COPY}' and state = 'streaming'
"""  # noqa: S608 - a constant
RECEIVING = "select count(*) from pg_stat_wal_receiver where status = 'streaming'"


@dataclass(frozen=True)
class Primary:
    """The server that a copy follows, and how it gets in there."""

    address: str
    port: int
    user: str
    password: str
    # Its values of what a copy must not have less of.
    at_least: Mapping[str, int]
    # The folder with this server's certificate and the authority's; empty for no TLS.
    certificates: str = ""

    @property
    def connection(self) -> str:
        """The words with which libpq reaches it."""
        words = {"host": self.address, "port": self.port, "user": self.user, "application_name": COPY}
        if self.certificates:
            words |= {
                "sslmode": "verify-full",
                "sslrootcert": f"{self.certificates}/authority.pem",
                "sslcert": f"{self.certificates}/fullchain.pem",
                "sslkey": f"{self.certificates}/privkey.pem",
            }
        return " ".join(f"{name}={value}" for name, value in words.items())


def view(cluster: Cluster) -> dict[str, Any]:
    """Return what there is to know of a server before it takes part in a move."""
    folder = os.path.dirname(os.path.dirname(cluster.data))
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    seen: dict[str, Any] = {
        "version": cluster.version,
        "data": cluster.data,
        "exists": is_installed(cluster) and is_created(cluster) and has_ever_run(cluster),
        "running": is_running(cluster),
        "by_patroni": cluster.run(["systemctl", "is-active", "--quiet", cluster.patroni_unit])[0] == 0,
        "outdated": is_outdated(cluster),
        "is_copy": os.path.exists(f"{cluster.data}/standby.signal"),
        "disabled": is_disabled(cluster),
        "free_bytes": shutil.disk_usage(folder).free,
        "known_locales": cluster.run(["locale", "-a"])[1].split(),
        "databases": {},
        "system": "",
    }
    if seen["running"]:
        told = json.loads(cluster.ask(LOOK))
        own = [name for name in told.pop("databases") if name not in DEFAULT_DATABASES]
        seen |= told
        seen["databases"] = {name: int(ask_in(cluster, name, TABLES)) for name in own}
        seen["at_least"] = {name: int(cluster.ask(f"show {name}")) for name in AT_LEAST}
    elif seen["exists"]:
        seen["system"] = control(cluster)["Database system identifier"]
    return seen


def ask_in(cluster: Cluster, database: str, query: str) -> str:
    """Return the answer to a query in one of the databases."""
    return cluster.as_postgres("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-p", str(cluster.port), "-d", database, "-c", query)


def control(cluster: Cluster) -> dict[str, str]:
    """Return what the data itself says about its state."""
    shown = cluster.as_postgres(f"{cluster.programs}/pg_controldata", "-D", cluster.data)
    return {name.strip(): value.strip() for name, _colon, value in (line.partition(":") for line in shown.splitlines())}


def position(lsn: str) -> int:
    """Return a place in the write-ahead log as a number."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


# --- the copy


def follow(cluster: Cluster, primary: Primary) -> bool:
    """Make this server a copy of another one that follows it; say whether it had to be copied."""
    if is_running(cluster) and cluster.ask("select pg_is_in_recovery()") == "t":
        await_stream(cluster)
        return False
    refuse_to_overwrite(cluster)
    if not is_created(cluster):
        create(cluster)
    if cluster.run(["systemctl", "stop", cluster.unit])[0] != 0:
        raise PostgresqlError(explained(cluster, "stop"))
    fetch(cluster, primary)
    write(cluster.access_rules, assembled_rules(cluster))
    start(cluster)
    await_stream(cluster)
    return True


def refuse_to_overwrite(cluster: Cluster) -> None:
    """Stop when this server has data of its own."""
    if not has_ever_run(cluster) or os.path.exists(f"{cluster.data}/standby.signal"):
        return
    filled = {name: count for name, count in view(cluster)["databases"].items() if count}
    if not is_running(cluster) or filled:
        raise PostgresqlError(
            f"{cluster.data} holds data of its own ({', '.join(filled) or 'its server does not run'}), so nothing was copied "
            "over it.\n"
            f"If it is not needed: pg_dropcluster --stop {cluster.version} {cluster.name}, then run this again."
        )


def fetch(cluster: Cluster, primary: Primary) -> None:
    """Copy the data of another server in place of this one's."""
    passwords = password_file(cluster)
    with open(os.open(passwords, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{primary.address}:*:*:{primary.user}:{primary.password}\n")
    shutil.chown(passwords, "postgres", "postgres")
    shutil.rmtree(cluster.data, ignore_errors=True)
    os.mkdir(cluster.data, 0o700)
    shutil.chown(cluster.data, "postgres", "postgres")
    address = f"{primary.connection} passfile={passwords}"
    # Until it is complete it is no data that a server would start with.
    cluster.as_postgres(
        f"{cluster.programs}/pg_basebackup", "--pgdata", cluster.data, "--dbname", address, "--write-recovery-conf",
        "--wal-method=stream", "--checkpoint=fast", "--no-password",
    )  # fmt: skip
    raised = {name: value for name, value in primary.at_least.items() if value > own_value(cluster, name)}
    with open(f"{cluster.data}/postgresql.auto.conf", "a", encoding="utf-8") as file:
        file.writelines(f"{name} = {value}\n" for name, value in raised.items())
        # Of a restore that the other server has behind it: the copy would stop at that moment, and take over by itself.
        file.writelines(f"{name} = ''\n" for name in UNDONE)


def own_value(cluster: Cluster, setting: str) -> int:
    """Return a setting as this host's files have it."""
    file = f"{cluster.configuration}/postgresql.conf"
    return int(cluster.as_postgres(f"{cluster.programs}/postgres", "-C", setting, f"--config-file={file}").split()[-1])


def password_file(cluster: Cluster) -> str:
    """Return the file with which the copy gets in."""
    return os.path.join(os.path.dirname(os.path.dirname(cluster.data)), f"{cluster.version}-{cluster.name}.copy")


def await_stream(cluster: Cluster, seconds: float = 60) -> None:
    """Wait until the copy receives what the other server writes."""
    if not until(lambda: cluster.ask(RECEIVING) != "0", seconds):
        raise PostgresqlError(explained(cluster, "receive what the other server writes"))


def promote(cluster: Cluster, last: str, seconds: float) -> bool:
    """Let the copy take over, once it has all up to the last thing that the other server wrote."""
    if cluster.ask("select pg_is_in_recovery()") == "f":
        return False
    reached = ""

    def complete() -> bool:
        nonlocal reached
        reached = cluster.ask("select pg_last_wal_replay_lsn()")
        return position(reached) >= position(last)

    if not until(complete, seconds):
        raise PostgresqlError(f"The copy has {reached} of {last} after {seconds:.0f} s, so it does not take over.")
    if cluster.ask(f"select pg_promote(true, {int(seconds) + 30})") != "t":
        raise PostgresqlError(explained(cluster, "take over"))
    return True


def tidy(cluster: Cluster, user: str) -> None:
    """Forget on the new server how it was made: the account by which it copied, and settings of a copy."""
    resets = [f"alter system reset {name}" for name in ("primary_conninfo", *AT_LEAST, *UNDONE)]
    statements = [*resets, f'drop role if exists "{user}"', "select pg_reload_conf()"]
    for statement in statements:
        cluster.ask(statement)
    if os.path.exists(password_file(cluster)):
        os.remove(password_file(cluster))


# --- the server that is left


def await_follower(cluster: Cluster, seconds: float) -> int:
    """Wait until the copy is close behind; then write out what would otherwise be written while requests wait."""
    behind = -1

    def close() -> bool:
        nonlocal behind
        behind = int(cluster.ask(FOLLOWER))
        return 0 <= behind < CLOSE_BYTES

    if not until(close, seconds):
        state = "does not follow" if behind < 0 else f"is {behind} bytes behind"
        raise PostgresqlError(f"The copy {state} after {seconds:.0f} s. Run this again at a quieter time.")
    cluster.ask("checkpoint")
    return behind


def stop(cluster: Cluster) -> str:
    """Stop the server for good, and return the place of the last thing that it wrote."""
    set_start(cluster, "disabled")
    return halt(cluster)


def halt(cluster: Cluster) -> str:
    """Stop the server, and return the place of the last thing that it wrote."""
    if cluster.run(["systemctl", "stop", cluster.unit])[0] != 0 or is_running(cluster):
        raise PostgresqlError(explained(cluster, "stop"))
    state = control(cluster)
    if state["Database cluster state"] != "shut down":
        raise PostgresqlError(f"PostgreSQL ended as '{state['Database cluster state']}' instead of 'shut down'.")
    return state["Latest checkpoint location"]


def go_on(cluster: Cluster) -> None:
    """Let a server go on that was stopped in vain."""
    set_start(cluster, "auto")
    if is_running(cluster):
        return
    start(cluster)


def is_disabled(cluster: Cluster) -> bool:
    """Say whether Debian never starts the server."""
    return read(f"{cluster.configuration}/start.conf").strip().endswith("disabled")


def set_start(cluster: Cluster, how: str, reload: bool = True) -> None:
    """Say whether Debian starts the server: auto, manual or disabled.

    :param reload: whether systemd is told at once.
    """
    path = f"{cluster.configuration}/start.conf"
    former = read(path)
    text = re.sub(r"^[ \t]*(auto|manual|disabled)[ \t]*$", how, former, flags=re.MULTILINE) if former else f"{how}\n"
    if text != former:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        shutil.chown(path, "postgres", "postgres")
        if reload:
            cluster.run(["systemctl", "daemon-reload"])
