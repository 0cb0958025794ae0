"""What PostgreSQL is asked and told."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from kept import Settings
from pgbackrest import BackupError, run
from wal import way

# A row for each look: what a restored copy has to have.
BEAT = """
create schema if not exists hotclub;
create table if not exists hotclub.heartbeat (moment timestamptz primary key);
delete from hotclub.heartbeat where moment < now() - interval '60 days';
insert into hotclub.heartbeat values (clock_timestamp()) returning extract(epoch from moment);
"""
NEWEST_BEAT = "select coalesce(extract(epoch from max(moment)), 0) from hotclub.heartbeat"
# Of one that is that old, the primary has seen that it is archived.
SETTLED_BEAT = """
select coalesce(extract(epoch from max(moment)), 0) from hotclub.heartbeat where moment < now() - interval '10 minutes'
"""
# What members of a cluster are to remember, whichever of them leads. A restore takes it back, so each has it in files as well.
NOTES = "create table if not exists hotclub.notes (name text primary key, said jsonb not null)"
READ_NOTES = "select coalesce(json_object_agg(name, said), '{}') from hotclub.notes"
HAS_NOTES = "select to_regclass('hotclub.notes') is not null"
KEEP_NOTE = """
insert into hotclub.notes values ('{name}', {quote}{text}{quote}) on conflict (name) do update set said = excluded.said
"""
QUOTE = "$hotclub_notes$"
MEBI = 1024 * 1024
# Of a file of the log of changes.
FILE_MB = 16


class Postgres:
    """The server of this host, or a copy of it."""

    def __init__(self, settings: Settings, socket: str = "", port: int = 0) -> None:
        self.settings = settings
        self.port = port or settings.port
        self.socket = socket

    @property
    def programs(self) -> Path:
        """The folder of the programs of its version."""
        return Path(f"/usr/lib/postgresql/{self.settings.version}/bin")

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return Path(f"/var/lib/postgresql/{self.settings.version}/{self.settings.cluster}")

    @property
    def starts_by_itself(self) -> bool:
        """Whether it is to run: one that was moved elsewhere is not."""
        try:
            said = Path(f"/etc/postgresql/{self.settings.version}/{self.settings.cluster}/start.conf").read_text(encoding="utf-8")
        except OSError:
            return False
        return "auto" in [line.strip() for line in said.splitlines()]

    @property
    def membership(self) -> Path:
        """The file by which Patroni runs it as a member of a cluster."""
        return Path(f"/etc/patroni/{self.settings.version}-{self.settings.cluster}.yml")

    @property
    def is_member(self) -> bool:
        """Whether Patroni runs it, so that another host may take its place."""
        return self.membership.exists()

    def copies(self) -> list[str]:
        """Return the members that follow the primary now, by name.

        :raises BackupError: nobody knows.
        """
        told = json.loads(run("patronictl", "-c", str(self.membership), "list", "--format", "json"))
        return sorted(one["Member"] for one in told if one["Role"] != "Leader" and one["State"] in ("streaming", "running"))

    @property
    def name(self) -> str:
        """The name of this host among the members."""
        # As the role patroni writes it, in quotes or not.
        found = re.search(r'^name: "?([^"\n]+)"?$', self.membership.read_text(encoding="utf-8"), re.MULTILINE)
        return found[1] if found else ""

    def notes(self) -> dict[str, Any]:
        """Return what members are to remember, by name."""
        return dict(json.loads(self.ask(READ_NOTES))) if self.ask(HAS_NOTES) == "t" else {}

    def keep_note(self, name: str, said: Any) -> None:
        """Have all members remember something; names and numbers alone."""
        text = json.dumps(said)
        if QUOTE in text:
            raise BackupError(f"{QUOTE} can't be kept")
        kept = KEEP_NOTE.format(name=name, quote=QUOTE, text=text)
        self.ask(f"create schema if not exists hotclub; {NOTES}; {kept}")

    def settled_beat(self) -> float:
        """Return the newest row that is known to be archived; 0 where there is none."""
        if self.ask("select to_regclass('hotclub.heartbeat') is not null") != "t":
            return 0.0
        return float(self.ask(SETTLED_BEAT))

    def ask(self, query: str) -> str:
        """Return the answer to a query."""
        place = [f"host={self.socket}"] if self.socket else []
        address = " ".join([*place, f"port={self.port}", "dbname=postgres", "options='-c client_min_messages=error'"])
        return run(str(self.programs / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", query).strip()

    def state(self) -> tuple[bool, bool]:
        """Return whether it follows another server, and whether it archives."""
        follows, archives = self.ask("select pg_is_in_recovery(), current_setting('archive_mode') <> 'off'").split("|")
        return follows == "t", archives == "t"

    def archiving(self) -> bool | None:
        """Return whether it archives; None where nobody expects that: of a server that is down, or follows another one."""
        try:
            follows, archives = self.state()
        except BackupError:
            return None
        return None if follows else archives

    def would_archive(self) -> bool | None:
        """Return whether a copy would archive in the primary's place; None while it is down."""
        try:
            return self.state()[1]
        except BackupError:
            return None

    def waiting(self) -> dict[str, Any]:
        """Return how much of its log waits to be archived, and since when."""
        since = []
        for path in (self.data / "pg_wal/archive_status").glob("*.ready"):
            with contextlib.suppress(OSError):
                since.append(path.stat().st_mtime)
        free = shutil.disk_usage(self.data).free // MEBI if since else 0
        return {"mb": len(since) * FILE_MB, "since": min(since, default=0), "free_mb": free}

    def histories(self) -> list[Path]:
        """Return the files that say where each timeline began, from the oldest on."""
        return sorted((self.data / "pg_wal").glob("*.history"))

    def way(self) -> dict[int, int]:
        """Return the timelines that led to the present one of a server that follows none, each with its first file of the log."""
        timeline = int(self.ask("select pg_walfile_name(pg_current_wal_lsn())")[:8], 16)
        try:
            history = (self.data / f"pg_wal/{timeline:08X}.history").read_text(encoding="utf-8", errors="replace")
        except OSError:
            history = ""
        return way(history, timeline)

    def system(self) -> str:
        """Return the number of the server, which its copies share and a new or upgraded one doesn't."""
        return self.ask("select system_identifier from pg_control_system()")

    def segment_size(self) -> str:
        """Return how large the files of its log are."""
        return self.ask("show wal_segment_size")

    def size(self) -> int:
        """Return how many bytes its databases have."""
        return int(self.ask("select sum(pg_database_size(oid))::bigint from pg_database"))

    def beat(self) -> float:
        """Leave a row by which a copy is known to have this moment; return the moment."""
        return float(self.ask(BEAT))

    def name_moment(self, name: str) -> tuple[float, int]:
        """Name this moment in the log of changes; return the moment, and the timeline.

        Something is written after it: a restore to a moment goes on until it meets what is later.
        """
        if not re.fullmatch(r"[\w.-]{1,63}", name, re.ASCII):
            raise BackupError(f"{name!r} is no name for a moment: take letters, digits, dashes and dots.")
        self.ask(f"select pg_create_restore_point('{name}')")
        moment, file = self.ask("select extract(epoch from clock_timestamp()), pg_walfile_name(pg_current_wal_lsn())").split("|")
        self.beat()
        return float(moment), int(file[:8], 16)
