# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What one host has written about a site: in the journal, and in the files of the programs that write files."""

from __future__ import annotations

import calendar
import heapq
import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, redact, run

Run = Callable[..., Outcome]

LEVELS = ("debug", "info", "warning", "error")
# By the numbers of syslog(3): emergency, alert, critical, error, warning, notice, information, debug.
BY_PRIORITY = ("error", "error", "error", "error", "warning", "info", "info", "debug")
WORDS = {
    **dict.fromkeys(("DEBUG", "DEBUG1", "DEBUG2", "DEBUG3", "DEBUG4", "DEBUG5"), "debug"),
    **dict.fromkeys(("INFO", "NOTICE", "LOG", "STATEMENT", "DETAIL", "HINT", "CONTEXT", "QUERY"), "info"),
    **dict.fromkeys(("WARNING", "WARN"), "warning"),
    **dict.fromkeys(("ERROR", "CRIT", "CRITICAL", "ALERT", "EMERG", "FATAL", "PANIC"), "error"),
}
# A level as gunicorn writes it, and most of what Python's logging writes.
NAMED = re.compile(r"^(?:\[[^\]]*\] ){0,3}\[?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\]?[ :\]]")
FAILURE = re.compile(r"^Traceback \(most recent call last\):|^Internal Server Error: ")
# nginx: {"time":"2026-11-30T12:00:00+00:00", as the role nginx has it written.
ACCESS_TIME = re.compile(r'^\{"time":"([^"]+)"')
# nginx: 2026/11/30 12:00:00 [error] 123#123: *4 text
NGINX_ERROR = re.compile(r"^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(\w+)\] \d+#\d+: (.*)$")
# PostgreSQL as Debian has it, log_line_prefix '%m [%p] %q%u@%d ': 2026-11-30 12:00:00.123 UTC [9] shop@shop LOG:  text
POSTGRESQL = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (\S+) \[\d+\] (?:(\S*)@(\S+) )?([A-Z]+\d?): +(.*)$")
# Of each file, no more than its end is read, in bytes: some minutes of a busy site.
TAIL_BYTES = 16 * 1024 * 1024
# They are read backwards in blocks of so many bytes, as far as is asked for.
BLOCK_BYTES = 256 * 1024
# As many lines of the journal are read, before any are left out by what they say.
JOURNAL_LINES = 20_000
# Of one entry, in characters: a traceback is read from its end.
TEXT = 8000


@dataclass(frozen=True)
class Entry:
    """Something that a program has written down.

    ``when`` is in seconds since 1970; ``source`` is the release, the worker or whatever else tells two of the same program apart.
    """

    when: float
    program: str
    level: str
    text: str
    source: str = ""


@dataclass(frozen=True)
class Wanted:
    """Which entries are asked for. Empty means all."""

    since: float
    until: float
    level: str = ""
    request: str = ""
    release: str = ""
    programs: tuple[str, ...] = ()
    lines: int = 200

    def has(self, entry: Entry) -> bool:
        """Say whether an entry is one of them."""
        return (
            self.since <= entry.when <= self.until
            and (not self.level or LEVELS.index(entry.level) >= LEVELS.index(self.level))
            and (not self.request or self.request in entry.text)
            and (not self.release or self.release in entry.source)
            and (not self.programs or entry.program in self.programs)
        )


def entries(
    site: str,
    database: str,
    wanted: Wanted,
    hidden: Sequence[str] = (),
    *,
    root: Path = Path("/"),
    runner: Run = run,
) -> dict[str, Any]:
    """Return the newest entries about a site in order of time, and how many more there were.

    :param site: name of the site.
    :param database: name of its database, of whose sessions PostgreSQL's own file tells.
    :param hidden: values that are not shown, wherever somebody has written them.
    """
    nginx, postgresql = root / "var/log/nginx", root / "var/log/postgresql"
    sources = (
        journal(site, wanted, runner),
        files(nginx, f"{site}.access.log*", wanted, access, access_time),
        files(nginx, f"{site}.error.log*", wanted, nginx_errors, nginx_error_time),
        files(postgresql, "*.log*", wanted, lambda lines: sessions(lines, database), postgresql_time),
    )
    newest: list[tuple[float, int, Entry]] = []
    count = 0
    for entry in itertools.chain(*sources):
        if wanted.has(entry):
            count += 1
            # The count keeps the order of entries of one moment.
            heapq.heappush(newest, (entry.when, count, entry))
            if len(newest) > wanted.lines:
                heapq.heappop(newest)
    shown = [asdict(replace(entry, text=redact(entry.text, hidden))) for _when, _count, entry in sorted(newest)]
    return {"entries": shown, "more": count - len(shown), "until": wanted.until}


def units_of(site: str) -> list[str]:
    """Return the units that write about a site, as patterns of journalctl."""
    own = (f"{site}.socket", f"{site}@*", f"{site}-*@*", f"{site}-*.service", f"{site}-*.timer")
    return [
        *own,
        "nginx.service",
        "haproxy.service",
        "keepalived.service",
        "patroni*.service",
        "etcd*.service",
        "pgbackrest*.service",
    ]


def journal(site: str, wanted: Wanted, runner: Run = run) -> Iterator[Entry]:
    """Yield what the journal has, several lines of one failure as one entry."""
    units = [f"--unit={unit}" for unit in units_of(site)]
    span = [f"--since=@{int(wanted.since)}", f"--until=@{int(wanted.until) + 1}"]
    # All: long messages, too.
    command = ["journalctl", "--output=json", "--all", "--no-pager", "--quiet", f"--lines={JOURNAL_LINES}"]
    told = runner([*command, *span, *units], timeout=120)
    # Not splitlines(), for which characters inside of a message end a line.
    yield from joined(found for line in told.stdout.split("\n") if (found := _read(line, site)))


def _read(line: str, site: str) -> tuple[str, Entry] | None:
    try:
        said: Mapping[str, Any] = json.loads(line)
    except ValueError:
        return None
    text = message_of(said.get("MESSAGE"))
    unit = str(said.get("UNIT") or said.get("_SYSTEMD_UNIT") or "")
    program, source = program_of(unit, site)
    priority = int(said.get("PRIORITY") or 6)
    level = BY_PRIORITY[min(priority, 7)]
    if own := of_object(text):
        text, level = own[0], own[1] or level
    entry = Entry(int(said["__REALTIME_TIMESTAMP"]) / 1e6, program, level, text, source)
    return f"{unit} {said.get('_PID', '')}", entry


def message_of(said: Any) -> str:
    """Return a message of the journal: a text, its bytes where it is none, or several of them."""
    if isinstance(said, list) and all(isinstance(each, int) for each in said):
        return bytes(said).decode("utf-8", "replace")
    return "\n".join(message_of(each) for each in said) if isinstance(said, list) else str(said or "")


def of_object(text: str) -> tuple[str, str] | None:
    """Return what a line says that is one JSON object, and its level if it has one; None where it has no message."""
    if text[:1] != "{":
        return None
    try:
        said = json.loads(text)
    except ValueError:
        return None
    message = said.get("message", said.get("event", said.get("msg")))
    if not isinstance(message, str):
        return None
    ids = [f"{name}={said[name]}" for name in ("request_id", "task_id") if said.get(name)]
    first, newline, others = message.partition("\n")
    failure = said.get("exception") or said.get("exc_info") or ""
    told = " ".join(filter(None, (f"{said['logger']}:" if said.get("logger") else "", first, *ids))) + newline + others
    return "\n".join(filter(None, (told, str(failure)))), WORDS.get(str(said.get("level", said.get("levelname", ""))).upper(), "")


def program_of(unit: str, site: str) -> tuple[str, str]:
    """Return the program of a unit, and what tells it from others of the same: a release, a worker, a timer."""
    name, _at, instance = unit.rpartition(".")[0].partition("@")
    if name == site:
        return "gunicorn", instance
    if not name.startswith(f"{site}-"):
        return name, instance
    kind, _dash, own = name[len(site) + 1 :].partition("-")
    return {"probe": "gunicorn", "direct": "gunicorn", "net": "gunicorn"}.get(kind, kind), " ".join(filter(None, (own, instance)))


def joined(read: Iterable[tuple[str, Entry]]) -> Iterator[Entry]:
    """Yield entries of which a failure's lines are one.

    Programs write line by line into the journal, which knows nothing of what belongs together.
    """
    open_ones: dict[str, tuple[Entry, bool]] = {}
    for process, entry in read:
        before, in_failure = open_ones.get(process, (None, False))
        if before and entry.program == before.program and continues(before.text, entry.text, in_failure):
            text = f"{before.text}\n{entry.text}"[-2 * TEXT :]
            failing = in_failure or bool(FAILURE.match(entry.text))
            open_ones[process] = (replace(before, text=text, level="error" if failing else before.level), failing)
            continue
        if before:
            yield shortened(before)
        failing = bool(FAILURE.match(entry.text))
        named = NAMED.match(entry.text)
        level = "error" if failing else WORDS[named[1]] if named else entry.level
        open_ones[process] = (replace(entry, level=level), failing)
    for entry, _failing in open_ones.values():
        yield shortened(entry)


def continues(before: str, text: str, in_failure: bool) -> bool:
    """Say whether a line belongs to what a process has written before it."""
    if text[:1] in (" ", "\t") or text.startswith("Traceback (most recent call last):"):
        return True
    if not in_failure:
        return False
    last = before.rpartition("\n")[2]
    chained = text.startswith(("During handling of the above exception", "The above exception was the direct cause"))
    # The line of the exception itself ends a traceback; an empty one stands before what it was raised in.
    return text == "" or chained or last[:1] == " " or (last == "" and text.startswith("Traceback"))


def shortened(entry: Entry) -> Entry:
    """Return an entry of a size that can be read."""
    text = entry.text.strip("\n")
    return replace(entry, text=text if len(text) <= TEXT else f"[...]{text[-TEXT:]}")


def files(
    folder: Path,
    pattern: str,
    wanted: Wanted,
    read: Callable[[Iterable[str]], Iterator[Entry]],
    time_of: Callable[[str], float | None],
) -> Iterator[Entry]:
    """Yield the entries of a log file, and of the one before it where it was begun later than what is asked for.

    :param time_of: when a line was written, None where it doesn't say.
    """
    try:
        found = [(path, path.stat().st_mtime) for path in folder.glob(pattern) if not path.name.endswith(".gz")]
    except OSError:
        return

    def is_older(line: str) -> bool:
        when = time_of(line)
        return when is not None and when < wanted.since

    for path, written in found:
        if written >= wanted.since:
            yield from read(tail(path, is_older))


def tail(path: Path, is_older: Callable[[str], bool], size: int = TAIL_BYTES, block: int = BLOCK_BYTES) -> list[str]:
    """Return the last lines of a file, whole ones only, back to one that is older than what is wanted."""
    blocks: list[bytes] = []
    with path.open("rb") as file:
        end = begins = file.seek(0, os.SEEK_END)
        while begins > max(0, end - size):
            length = min(block, begins - max(0, end - size))
            begins -= length
            file.seek(begins)
            blocks.insert(0, file.read(length))
            if is_older(blocks[0].partition(b"\n")[2].partition(b"\n")[0].decode("utf-8", "replace")):
                break
    lines = b"".join(blocks).decode("utf-8", "replace").split("\n")
    return [line for line in lines[1 if begins else 0 :] if line]


def access_time(line: str) -> float | None:
    """Return when nginx has written a line about a request."""
    found = ACCESS_TIME.match(line)
    try:
        return iso(found[1]) if found else None
    except ValueError:
        return None


def nginx_error_time(line: str) -> float | None:
    """Return when nginx has written a line about an error."""
    found = NGINX_ERROR.match(line)
    return time.mktime(time.strptime(found[1], "%Y/%m/%d %H:%M:%S")) if found else None


def postgresql_time(line: str) -> float | None:
    """Return when PostgreSQL has written a line."""
    found = POSTGRESQL.match(line)
    return in_zone(found[1], found[2]) if found else None


def access(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield the requests that nginx has answered; what went wrong at the server's side is an error."""
    for line in lines:
        try:
            said = json.loads(line)
            when, status = iso(said["time"]), int(said["status"])
        except (ValueError, KeyError, TypeError):
            continue
        level = "error" if status >= 500 else "info"
        words = [said.get("method"), said.get("uri"), status, f"in {said.get('seconds')} s"]
        words += [f"from {said.get('upstream')}" if said.get("upstream") else "", f"for {said.get('client')}"]
        text = " ".join(str(word) for word in words if word)
        yield Entry(when, "nginx", level, f"{text}, request {said.get('request_id')}", "access")


def nginx_errors(lines: Iterable[str]) -> Iterator[Entry]:
    """Yield what nginx complains of. It writes the host's own time."""
    for line in lines:
        if found := NGINX_ERROR.match(line):
            when = time.mktime(time.strptime(found[1], "%Y/%m/%d %H:%M:%S"))
            yield Entry(when, "nginx", WORDS.get(found[2].upper(), "info"), found[3], "error")


def sessions(lines: Iterable[str], database: str) -> Iterator[Entry]:
    """Yield what PostgreSQL says of one database's sessions, and of itself where it ends for all of them."""
    last: Entry | None = None
    for line in lines:
        found = POSTGRESQL.match(line)
        if not found:
            if last and line[:1] == "\t":
                last = replace(last, text=f"{last.text}\n{line[1:]}")
            continue
        if last:
            yield shortened(last)
        moment, zone, _account, of, word, text = found.groups()
        own = of == database or (of is None and word in ("FATAL", "PANIC"))
        last = Entry(in_zone(moment, zone), "postgresql", WORDS.get(word, "info"), f"{word}: {text}", "") if own else None
    if last:
        yield shortened(last)


def in_zone(moment: str, zone: str) -> float:
    """Return a moment that PostgreSQL has written, in seconds since 1970: in UTC, an offset, or else the host's own time."""
    whole, _dot, fraction = moment.partition(".")
    parsed = time.strptime(whole, "%Y-%m-%d %H:%M:%S")
    if zone in ("UTC", "GMT", "Etc"):
        seconds = float(calendar.timegm(parsed))
    elif offset := re.fullmatch(r"([+-])(\d\d):?(\d\d)?", zone):
        away = int(offset[2]) * 3600 + int(offset[3] or 0) * 60
        seconds = float(calendar.timegm(parsed)) - (away if offset[1] == "+" else -away)
    else:
        seconds = time.mktime(parsed)
    return seconds + float(f"0.{fraction}")


def iso(text: str) -> float:
    """Return a moment as nginx writes it, 2026-11-30T12:00:00+00:00, in seconds since 1970."""
    parsed = time.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    return float(calendar.timegm(parsed) - (parsed.tm_gmtoff or 0))
