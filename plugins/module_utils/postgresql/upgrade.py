# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server brought to a newer major version: rehearsed on a copy, then done on another one, so that the old one stays whole.

The new server is made of a copy that has followed the old one up to its last change, and shares its files. The old one is
stopped and never opened by another version, so that it can go on at any time until it is removed. Which of the two counts is what
Debian's start.conf says: at any moment one of them alone starts with the host, or none for the blink between two files.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import move as handover
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import sharing
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import SERVICE, TIMER, Backups
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    PostgresqlError,
    Run,
    assembled_rules,
    create,
    has_ever_run,
    is_created,
    is_running,
    read,
    reload,
    replace_rules,
    start,
    starts_by_itself,
    state_of,
    until,
    write,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import clusters

# The name of a cluster that is thrown away again, and what names its socket: nobody listens on the port.
SCRATCH = "upgrade"
COPY_PORT, REHEARSAL_PORT = 5497, 5498
# In the configuration of a new server that is not finished, or of a scratch one: both may be thrown away.
UNFINISHED = "hotclub-upgrade.json"
# Through which the copy gets in; of the files of access rules, the one after the administrator's.
ACCESS = "05-upgrade.conf"
ACCESS_RULE = "# The copy for an upgrade, from this host alone.\nlocal  replication  postgres  peer  map=administrators\n"
SLOT = "hotclub_upgrade"
MEBI = 1024 * 1024
# More than the data: what is written meanwhile, and the log of changes of two servers.
GROWTH, SPARE = 1.1, 1024 * MEBI
SHOWN_LINES = 20
LOCK = "/run/hotclub-upgrade.lock"
ALONE_SECONDS = 120.0
CATCH_UP_SECONDS = 24 * 3600.0
SETTINGS = """\
# A copy for an upgrade. It reaches nobody, and archives nothing. pg_upgrade writes to the disk what becomes of it.
listen_addresses = ''
archive_mode = 'off'
archive_command = ''
restore_command = ''
hot_standby = 'on'
wal_receiver_create_temp_slot = 'on'
ssl = 'off'
fsync = 'off'
shared_buffers = '128MB'
primary_conninfo = 'port={port} user=postgres application_name={slot}'
"""
# What a new server is made with. Its columns differ from version to version.
TEMPLATE = """
select to_jsonb(d) || jsonb_build_object('encoding', pg_encoding_to_char(encoding)) from pg_database d where datname = 'template0'
"""
DATABASES = "select coalesce(json_agg(datname order by datname), '[]') from pg_database where datallowconn"
EXTENSIONS = "select coalesce(json_agg(extname), '[]') from pg_extension"
FOLLOWERS = """
select coalesce(json_agg(distinct name), '[]') from (
  select slot_name::text as name from pg_replication_slots where not temporary
  union select coalesce(nullif(application_name, ''), 'a copy') from pg_stat_replication
  where application_name <> 'hotclub_upgrade'
) followers
"""
# A slot of this session: of its name, from now on, and gone with the session.
KEEP = "select 'kept' from pg_create_physical_replication_slot('hotclub_upgrade_log', true, true);\n"
PREPARED = "select count(*) from pg_prepared_xacts"
# Of a few rows each: queries are planned well enough until all of it has been looked through.
QUICKLY = "-c default_statistics_target=1 -c vacuum_cost_delay=0"


def servers_of(name: str, port: int, run: Run, root: str = "/") -> list[Cluster]:
    """Return the clusters of a name that a host has, the oldest version first."""
    found = [version for version, other in clusters(root) if other == name]
    return [Cluster(version, name, port, run, root) for version in sorted(found, key=float)]


def serving_of(servers: Sequence[Cluster]) -> list[Cluster]:
    """Return those that start with the host."""
    return [server for server in servers if starts_by_itself(server)]


def left_beside(servers: Sequence[Cluster]) -> list[Cluster]:
    """Return those that an upgrade, or the way back from one, has left behind: they hold data, and never start."""
    return [server for server in servers if handover.is_disabled(server) and has_ever_run(server)]


@dataclass(frozen=True)
class Upgrade:
    """From one server to another one of the same host."""

    old: Cluster
    new: Cluster
    backups: Backups

    @property
    def copy(self) -> Cluster:
        """The server that follows the old one."""
        return Cluster(self.old.version, SCRATCH, COPY_PORT, self.old.run, self.old.root)

    @property
    def rehearsed(self) -> Cluster:
        """The server of the new version that is thrown away."""
        return Cluster(self.new.version, SCRATCH, REHEARSAL_PORT, self.old.run, self.old.root)

    # --- what is in the way

    def problems(self, site: str, others_allowed: bool) -> Iterator[str]:
        """Yield what forbids the upgrade, each with its remedy, before anything is changed."""
        host, old = os.uname().nodename, f"PostgreSQL {self.old.version}"
        if not is_running(self.old):
            yield f"{old} does not run on {host}. Start it: systemctl start {self.old.unit}"
            return
        seen = handover.view(self.old)
        if seen["in_recovery"]:
            yield f"{old} on {host} is a copy that follows another server. Upgrade that one."
            return
        if seen["tablespaces"]:
            yield f"{host} keeps tables in tablespaces ({', '.join(seen['tablespaces'])}). Move them to pg_default first."
        yield from self._problems_of_room(seen["bytes"], seen["free_bytes"])
        if followers := json.loads(self.old.ask(FOLLOWERS)):
            yield (
                f"Others follow {old} on {host} ({', '.join(followers)}), and would have to begin anew. End that first "
                "(pg_drop_replication_slot), and set them up again afterwards."
            )
        if int(self.old.ask(PREPARED)):
            yield f"{old} on {host} has prepared transactions (pg_prepared_xacts). Commit them or roll them back first."
        if overruling := state_of(self.old)["overruling"]:
            yield (
                f"ALTER SYSTEM has set {', '.join(overruling)} on {host}, which would be lost. Put that into "
                "postgresql_settings, run site.yml, and take it back with ALTER SYSTEM RESET."
            )
        yield from self._problems_of_sites(site, others_allowed, seen["databases"])
        yield from self._problems_of_clusters()
        for name, owner in self.extension_owners().items():
            if not owner:
                yield (
                    f"The extension {name} on {host} is of no Debian package. Install it for PostgreSQL {self.new.version} by "
                    f"hand (its file is {self._control_file(self.new, name)}), then run this again."
                )

    def _problems_of_room(self, size: int, free: int) -> Iterator[str]:
        """Yield what forbids it because of the disk."""
        host, place = os.uname().nodename, os.path.dirname(os.path.dirname(self.old.data))
        if os.stat(os.path.dirname(self.old.data)).st_dev != os.stat(place).st_dev:
            yield (
                f"{os.path.dirname(self.old.data)} of {host} is a disk of its own, on which the new server's files would not be. "
                f"Mount that disk at {place} first."
            )
        needed = int(size * GROWTH) + SPARE
        if free < needed:
            yield (
                f"{place} of {host} has {free // MEBI} MiB free, and a copy of the data needs {needed // MEBI} MiB. "
                "Make room there."
            )

    def _problems_of_sites(self, site: str, others_allowed: bool, databases: Sequence[str]) -> Iterator[str]:
        """Yield what forbids it because of other sites of the server."""
        host = os.uname().nodename
        others = sorted(set(sharing.parts_of(self.old, tuple)) - {site})
        if others and not others_allowed:
            yield (
                f"Other sites have their databases on {host}, too: {', '.join(others)} (databases {', '.join(databases)}). They "
                "are upgraded as well, and their requests fail while the server is away. If that may be: -e upgrade_others=true. "
                "Afterwards set postgresql_version in their inventories, too."
            )
        keeper = self.backups.keeper
        if keeper and keeper != site:
            yield f"The backups of {host} are those of {keeper}. Run this for {keeper}, with its inventory."

    def _problems_of_clusters(self) -> Iterator[str]:
        """Yield what forbids it because of clusters that are there already."""
        host = os.uname().nodename
        if is_created(self.new) and has_ever_run(self.new) and not is_unfinished(self.new):
            yield (
                f"{host} has a cluster {self.new.version}/{self.new.name} already, which does not serve. If nobody needs its "
                f"data: pg_dropcluster --stop {self.new.version} {self.new.name}, or -e upgrade_do=confirm after a way back."
            )
        for cluster in (self.copy, self.rehearsed):
            if is_created(cluster) and not is_unfinished(cluster):
                yield (
                    f"{host} has a cluster {cluster.version}/{cluster.name}, of which this knows nothing and whose name it "
                    f"needs. Rename it: pg_renamecluster {cluster.version} {cluster.name} <name>"
                )

    def _control_file(self, cluster: Cluster, extension: str) -> str:
        return os.path.join(cluster.root, f"usr/share/postgresql/{cluster.version}/extension/{extension}.control")

    def extension_owners(self) -> dict[str, str]:
        """Return the extensions that are not part of the server, each with its package; empty for none."""
        names: set[str] = set()
        for database in json.loads(self.old.ask(DATABASES)):
            names |= set(json.loads(handover.ask_in(self.old, database, EXTENSIONS)))
        owners = {}
        for name in sorted(names - {"plpgsql"}):
            _code, said = self.old.run(["dpkg-query", "--search", self._control_file(self.old, name)])
            owner = said.partition(":")[0].strip() if said.startswith("postgresql") else ""
            if owner != f"postgresql-{self.old.version}" and (owner or not os.path.exists(self._control_file(self.new, name))):
                owners[name] = owner
        return owners

    def packages(self) -> list[str]:
        """Return the packages of the new version that hold what the databases use."""
        owners = {owner for owner in self.extension_owners().values() if owner}
        return sorted(re.sub(rf"\b{self.old.version}\b", self.new.version, owner) for owner in owners)

    # --- the rehearsal

    def rehearse(self) -> dict[str, float]:
        """Upgrade a copy and look through it; throw it away, and return how many seconds each part took."""
        self.clear()
        seconds: dict[str, float] = {}
        try:
            with timed(seconds, "check"):
                self._make(self.rehearsed, scratch=True)
                self._pg_upgrade(self.old, self.rehearsed, "--check")
            with timed(seconds, "copy"):
                self._follow()
            with timed(seconds, "pause"):
                self._take_over(self.old.ask("select pg_current_wal_lsn()"), self.rehearsed)
                start(self.rehearsed)
                self._open(self.rehearsed)
            with timed(seconds, "analysis"):
                analyze(self.rehearsed)
            with timed(seconds, "look"):
                look_through(self.rehearsed)
        finally:
            self.clear()
        return seconds

    def clear(self) -> None:
        """Throw away what was made on the way, also what an interrupted run has left."""
        for cluster in (self.copy, self.rehearsed):
            if is_unfinished(cluster):
                drop(cluster)
        if is_unfinished(self.new) and starts_by_itself(self.old):
            drop(self.new)
        path = Path(self.old.configuration, "pg_hba.d", ACCESS)
        if path.exists():
            path.unlink()
            if is_running(self.old):
                self._reload_rules()

    def _make(self, cluster: Cluster, scratch: bool) -> None:
        """Create an empty server that is like the old one, and starts only when it is told to."""
        mark(cluster)
        options = ["--start-conf=manual", f"--port={cluster.port}", *self._locale()]
        if scratch:
            self._write_scratch(cluster)
        create(cluster, options, [f"--wal-segsize={int(handover.control(self.old)['Bytes per WAL segment']) // MEBI}"])
        if scratch:
            write(cluster.access_rules, "local  all  postgres  peer\n")
        self._match_checksums(cluster)

    def _locale(self) -> list[str]:
        """Return how the new server sorts text: as the old one does."""
        told = json.loads(self.old.ask(TEMPLATE))
        options = [f"--encoding={told['encoding']}", f"--lc-collate={told['datcollate']}", f"--lc-ctype={told['datctype']}"]
        own = told.get("datlocale") or told.get("daticulocale")
        if told.get("datlocprovider") == "i" and own:
            options += ["--locale-provider=icu", f"--icu-locale={own}"]
        elif told.get("datlocprovider") == "b" and own:
            options += ["--locale-provider=builtin", f"--builtin-locale={own}"]
        return options

    def _match_checksums(self, cluster: Cluster) -> None:
        """Have pages with checksums where the old server has them, and else without: pg_upgrade wants them alike."""
        name = "Data page checksum version"
        wanted = handover.control(self.old)[name]
        if handover.control(cluster)[name] != wanted:
            how = "--disable" if wanted == "0" else "--enable"
            cluster.as_postgres(f"{cluster.programs}/pg_checksums", how, "--no-sync", "-D", cluster.data)

    def _write_scratch(self, cluster: Cluster) -> None:
        """Write the settings of a server that reaches nobody."""
        values = {name: self.old.ask(f"show {name}") for name in handover.AT_LEAST}
        libraries = self.old.ask(f"show {sharing.LIBRARIES}")
        lines = [f"{name} = {value}\n" for name, value in values.items()]
        lines.append(f"{sharing.LIBRARIES} = '{libraries}'\n")
        folder = f"{cluster.configuration}/conf.d"
        os.makedirs(folder, exist_ok=True)
        write(f"{folder}/{SCRATCH}.conf", SETTINGS.format(port=self.old.port, slot=SLOT) + "".join(lines))

    # --- the copy

    def _reload_rules(self) -> None:
        replace_rules(self.old, assembled_rules(self.old))
        reload(self.old, state_of(self.old)["loaded"])

    def _follow(self) -> None:
        """Copy the old server while it serves, and have the copy follow it."""
        access = Path(self.old.configuration, "pg_hba.d", ACCESS)
        access.parent.mkdir(exist_ok=True)
        write(str(access), ACCESS_RULE)
        self._reload_rules()
        mark(self.copy)
        self._write_scratch(self.copy)
        create(self.copy, ["--start-conf=manual", f"--port={self.copy.port}"])
        write(self.copy.access_rules, "local  all  postgres  peer\n")
        shutil.rmtree(self.copy.data)
        with self._kept_log():
            self.old.as_postgres(
                f"{self.old.programs}/pg_basebackup", "--pgdata", self.copy.data, "--port", str(self.old.port),
                "--wal-method=stream", "--checkpoint=fast", "--no-password",
            )  # fmt: skip
            # The old server has none, or it would have been refused; the copy's own file would overrule its settings.
            write(f"{self.copy.data}/postgresql.auto.conf", "")
            write(f"{self.copy.data}/standby.signal", "")
            start(self.copy)
            self._await_copy()

    @contextlib.contextmanager
    def _kept_log(self) -> Iterator[None]:
        """Have the old server keep its log of changes until the copy follows, and no longer than this process lives."""
        words = [
            "runuser",
            "-u",
            "postgres",
            "--",
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-p",
            str(self.old.port),
            "-d",
            "postgres",
        ]
        # Its end is the end of its input, which a process that is killed closes as well.
        with subprocess.Popen(  # pylint: disable=ansible-bad-function
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
        ) as session:
            if session.stdin is None or session.stdout is None:
                raise PostgresqlError("psql has no input.")
            session.stdin.write(KEEP)
            session.stdin.flush()
            said = session.stdout.readline().strip()
            try:
                if said != "kept":
                    raise PostgresqlError(f"PostgreSQL {self.old.version} does not keep its log of changes for a copy: {said}")
                yield
            finally:
                session.stdin.close()

    def _await_copy(self) -> None:
        """Wait until the copy receives what the old server writes."""
        wanted = handover.position(self.old.ask("select pg_current_wal_lsn()"))

        def close() -> bool:
            if not is_running(self.copy):
                raise PostgresqlError(
                    f"The copy of PostgreSQL {self.old.version} has stopped: see journalctl -u {self.copy.unit}"
                )
            reached = self.copy.ask("select coalesce(pg_last_wal_replay_lsn(), '0/0')")
            return handover.position(reached) >= wanted and self.copy.ask(handover.RECEIVING) != "0"

        if not until(close, CATCH_UP_SECONDS):
            raise PostgresqlError(f"The copy of PostgreSQL {self.old.version} does not come close. Run this at a quieter time.")

    def _take_over(self, last: str, target: Cluster) -> None:
        """End the copy after the last change, and bring its data into a server of the new version.

        :param last: the place of that change.
        """
        handover.promote(self.copy, last, 30)
        handover.halt(self.copy)
        self._pg_upgrade(self.copy, target, "--link")

    def _pg_upgrade(self, source: Cluster, target: Cluster, *more: str) -> None:
        with tempfile.TemporaryDirectory(
            prefix="hotclub-upgrade-", dir=os.path.dirname(os.path.dirname(self.old.data))
        ) as folder:
            shutil.chown(folder, "postgres", "postgres")
            quiet = "-c archive_mode=off -c archive_command=/bin/false"
            words = [
                *(
                    "runuser",
                    "-u",
                    "postgres",
                    "--",
                    "env",
                    f"--chdir={folder}",
                    f"{target.programs}/pg_upgrade",
                    "--username=postgres",
                ),
                *("--old-bindir", source.programs, "--new-bindir", target.programs),
                *("--old-datadir", source.data, "--new-datadir", target.data),
                *("--old-options", f"-c config_file={source.configuration}/postgresql.conf"),
                *("--new-options", f"-c config_file={target.configuration}/postgresql.conf {quiet}"),
                *("--socketdir", folder, f"--jobs={os.cpu_count() or 1}", *more),
            ]
            code, said = self.old.run(words)
            if code:
                raise PostgresqlError(
                    f"PostgreSQL {self.old.version} on {os.uname().nodename} can't be upgraded to {self.new.version}. "
                    f"pg_upgrade says:\n{telling(said)}\n{_complaints(target)}".rstrip(),
                    "Correct that in the database, then run this again. The old server serves on.",
                )
            for script in sorted(Path(folder).glob("update_extensions.sql")):
                shutil.copy(script, self._script(target))

    @staticmethod
    def _script(cluster: Cluster) -> str:
        """Return where what pg_upgrade wants to be told to extensions is kept until the server runs."""
        return f"{cluster.configuration}/update_extensions.sql"

    def _open(self, cluster: Cluster) -> None:
        """Do what queries need soon: newer extensions, and a first idea of what tables hold."""
        self._update_extensions(cluster)
        analyze(cluster, QUICKLY)

    def _update_extensions(self, cluster: Cluster) -> None:
        script = self._script(cluster)
        if not os.path.exists(script):
            return
        words = [
            "runuser",
            "-u",
            "postgres",
            "--",
            "psql",
            "-Xq",
            "-v",
            "ON_ERROR_STOP=1",
            "-p",
            str(cluster.port),
            "-d",
            "postgres",
        ]
        done = self.backups.run(words, stdin=read(script))
        if done.code:
            raise PostgresqlError(f"Extensions can't be updated by {script}: {done.output}")
        os.remove(script)

    # --- the real one

    def carry(self) -> None:
        """Have the new server begin with what the old one was told; the role then writes what differs."""
        self.clear()
        if is_created(self.new) and not has_ever_run(self.new):
            # The package's own, which is empty.
            drop(self.new)
        mark(self.new)
        for name in ("conf.d", "hotclub.d", "pg_hba.d", "certificate"):
            source, target = Path(self.old.configuration, name), Path(self.new.configuration, name)
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True, copy_function=copy_with_owner)
                copy_owner(source, target)

    def follow(self) -> None:
        """Make the new server, still empty, and the copy that becomes its data."""
        if not is_created(self.new):
            self._make(self.new, scratch=False)
        if complaint := sharing.complaint(self.new):
            raise PostgresqlError(
                f"PostgreSQL {self.new.version} refuses the configuration that the old server has: {complaint}",
                f"Correct postgresql_settings, or the file in {self.old.configuration}/conf.d that was written by hand.",
            )
        self._follow()
        # What would otherwise be written while requests wait.
        for server in (self.old, self.copy):
            server.ask("checkpoint")

    def switch(self) -> dict[str, float]:
        """Stop the old server, and have the new one take its place; the old one goes on when that fails."""
        if not is_running(self.copy):
            raise PostgresqlError(f"The copy of PostgreSQL {self.old.version} does not follow any more. Run this again.")
        seconds: dict[str, float] = {}
        with self._no_backups():
            complete = False
            try:
                with timed(seconds, "stop"):
                    last = handover.halt(self.old)
                with timed(seconds, "upgrade"):
                    self._take_over(last, self.new)
                complete = True
            finally:
                if not complete:
                    handover.go_on(self.old)
            with timed(seconds, "start"):
                self._exchange(self.old, self.new)
        with timed(seconds, "open"), contextlib.suppress(Trouble):
            # Never a reason to go back: what fails here is done once more at the end.
            self._open(self.new)
        return seconds

    @staticmethod
    def _exchange(former: Cluster, server: Cluster) -> None:
        """Have another server start with the host from now on, and start it; the former one goes on when it doesn't."""
        # What systemd makes of these two it reads at the next start of the host: that takes seconds of a busy one.
        handover.set_start(former, "disabled", reload=False)
        handover.set_start(server, "auto", reload=False)
        try:
            write(server.access_rules, assembled_rules(server))
            start(server)
        except Trouble:
            server.run(["systemctl", "stop", server.unit])
            handover.set_start(server, "manual" if is_unfinished(server) else "disabled")
            handover.go_on(former)
            raise

    @contextlib.contextmanager
    def _no_backups(self) -> Iterator[None]:
        """Have no backup begin while servers change."""
        ran = self.old.run(["systemctl", "is-active", "--quiet", TIMER])[0] == 0
        self.old.run(["systemctl", "stop", TIMER, SERVICE])
        try:
            yield
        finally:
            if ran:
                self.old.run(["systemctl", "start", TIMER])

    def finish(self) -> dict[str, Any]:
        """Do what is left once the new server counts; also after an interrupted run."""
        self.new.run(["systemctl", "daemon-reload"])
        was_running = is_running(self.new)
        if not starts_by_itself(self.new):
            handover.set_start(self.new, "auto")
        if not was_running:
            write(self.new.access_rules, assembled_rules(self.new))
            start(self.new)
        self.clear()
        Path(self.new.configuration, "pg_hba.d", ACCESS).unlink(missing_ok=True)
        self._update_extensions(self.new)
        began = time.monotonic()
        analyze(self.new)
        return {"analysis_seconds": round(time.monotonic() - began, 1)}

    def end(self) -> None:
        """Have nothing left to do."""
        Path(self.new.configuration, UNFINISHED).unlink(missing_ok=True)

    def renew_stanza(self, server: Cluster) -> None:
        """Have the repositories of backups know the server that serves now: from then on it archives there.

        :raises Trouble: a repository can't be reached; the log of changes waits on the disk until it can.
        """
        if not self.backups.keeper:
            return
        words = ["pgbackrest", "--stanza=main", "--log-level-console=off", "--log-level-stderr=warn"]
        done = self.backups.run(
            [*words, f"--pg1-path={server.data}", f"--pg1-port={server.port}", "stanza-upgrade"], user="postgres"
        )
        if done.code:
            raise Trouble(
                f"pgBackRest does not take PostgreSQL {server.version}: {done.output}",
                "PostgreSQL serves, and archives nothing before that is corrected. Run this again then.",
            )

    # --- afterwards

    def lost_by_return(self) -> dict[str, str]:
        """Say what the way back to the old server loses."""
        return {
            "since": handover.control(self.old)["pg_control last modified"],
            "databases": ", ".join(handover.view(self.new)["databases"]) if is_running(self.new) else "",
        }

    def go_back(self) -> None:
        """Have the old server serve again, as it was; the new one stays on the disk."""
        with self._no_backups():
            if is_running(self.new):
                handover.halt(self.new)
            self._exchange(self.new, self.old)

    def confirm(self) -> dict[str, Any]:
        """Remove the server that does not serve any more; return the packages that nobody needs then."""
        drop(self.old)
        folder = Path(self.old.root, "etc/postgresql", self.old.version)
        if any(version == self.old.version for version, _name in clusters(self.old.root)):
            return {"packages": []}
        with contextlib.suppress(OSError):
            folder.rmdir()
        _code, said = self.old.run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Abbrev}\n", "postgresql*"])
        names = [line.split()[0] for line in said.splitlines() if line.rstrip().endswith("ii")]
        return {"packages": sorted(name for name in names if re.search(rf"-{self.old.version}(-|$)", name))}


# --- single things


@contextlib.contextmanager
def alone(seconds: float = ALONE_SECONDS, path: str = LOCK) -> Iterator[None]:
    """Be the only one who exchanges servers on this host: what an interrupted run has begun may go on without it.

    :raises PostgresqlError: somebody else does, still after these seconds.
    """
    with open(path, "w", encoding="utf-8") as lock:

        def taken() -> bool:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not until(taken, seconds):
            raise PostgresqlError(
                f"An upgrade of PostgreSQL is under way on {os.uname().nodename} already.",
                "Wait for its end, then run this again.",
            )
        yield


@contextlib.contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long something takes."""
    began = time.monotonic()
    yield
    seconds[name] = round(time.monotonic() - began, 1)


def is_unfinished(cluster: Cluster) -> bool:
    """Say whether this made a server and nobody has it yet."""
    return os.path.exists(f"{cluster.configuration}/{UNFINISHED}")


def mark(cluster: Cluster) -> None:
    """Leave a mark by which an interrupted run's server is known, before there is any."""
    # As pg_createcluster makes them.
    for folder in (os.path.dirname(cluster.configuration), cluster.configuration):
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o755)
            shutil.chown(folder, "postgres", "postgres")
    write(f"{cluster.configuration}/{UNFINISHED}", "{}\n")


def drop(cluster: Cluster) -> None:
    """Remove a server with its data, whatever of it is there."""
    cluster.run(["systemctl", "stop", cluster.unit])
    cluster.run(["pg_dropcluster", "--stop", cluster.version, cluster.name])
    if os.path.exists(f"{cluster.data}/postmaster.pid"):
        stop = [f"{cluster.programs}/pg_ctl", "stop", "-m", "immediate", "-w", "-D", cluster.data]
        cluster.run(["runuser", "-u", "postgres", "--", *stop])
    for folder in (cluster.data, cluster.configuration):
        shutil.rmtree(folder, ignore_errors=True)


def analyze(cluster: Cluster, options: str = "") -> None:
    """Have the server look through its tables, so that it plans well: an upgrade brings no statistics along."""
    words = [f"{cluster.programs}/vacuumdb", "--all", "--analyze-only", "--quiet", f"--jobs={os.cpu_count() or 1}"]
    cluster.as_postgres("env", f"PGOPTIONS={options}", *words, f"--port={cluster.port}")


def look_through(cluster: Cluster) -> None:
    """Look through every table and index."""
    cluster.as_postgres(f"{cluster.programs}/pg_amcheck", f"--port={cluster.port}", "--all", "--install-missing")


def telling(said: str) -> str:
    """Return the lines of pg_upgrade that tell what is wrong."""
    lines = [line.rstrip() for line in said.splitlines() if line.strip() and not re.search(r"\bok$", line.rstrip())]
    return "\n".join(lines[-SHOWN_LINES:])


def _complaints(cluster: Cluster) -> str:
    """Return what pg_upgrade has written about objects that it can't bring along."""
    texts = sorted(Path(cluster.data).glob("pg_upgrade_output.d/*/*.txt"))
    lines = [line for path in texts for line in [f"{path.name}:", *read(str(path)).splitlines()]]
    return "\n".join(lines[:SHOWN_LINES])


def copy_with_owner(source: str, target: str) -> str:
    """Copy a file with its mode and owner."""
    shutil.copy2(source, target)
    copy_owner(Path(source), Path(target))
    return target


def copy_owner(source: Path, target: Path) -> None:
    """Give a file or folder to whom another one belongs."""
    found = source.stat()
    os.chown(target, found.st_uid, found.st_gid)
