"""Log lines that name the request or the task in which they were written, for a project that knows nothing of it.

What Python's logging prints to standard output or standard error ends with ``request_id=...``, or is one JSON object with
SITE_LOG_FORMAT=json. What goes to files of the project's own is left alone, and so is what is printed without logging.
"""

from __future__ import annotations

import json
import logging
import os
import pwd
import re
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
Asgi = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

REQUEST: ContextVar[str] = ContextVar("site_request_id", default="")
TASK: ContextVar[tuple[str, str]] = ContextVar("site_task", default=("", ""))
# Of a record and of a task's message. Names of a project's own would meet simpler ones.
REQUEST_ID, OF_TASK = "site_request_id", "site_task"
# As long as what PostgreSQL logs by itself.
SLOW_SECONDS = 1.0
# In characters: systemd cuts lines of more than 48 KiB in two.
LONGEST = 12_000
LONGEST_QUERY = 2_000
# Formatters that add nothing but what the object has anyhow. Another one may leave out a secret on purpose.
PLAIN_FORMATTERS = ("logging", "celery.", "gunicorn.", "django.")
UNIT = re.compile(r"/([^/]+)\.(?:service|scope)(?:/|$)")


def install() -> None:
    """Have each line that this process logs to its standard output or standard error say what it belongs to."""
    if getattr(logging.StreamHandler.format, "is_ours", False):
        return
    before, make = logging.StreamHandler.format, logging.getLogRecordFactory()
    write = as_object if os.environ.get("SITE_LOG_FORMAT") == "json" else as_line

    def record_with_ids(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        # Here, since another thread may be the one that writes it.
        record.__dict__[REQUEST_ID], record.__dict__[OF_TASK] = REQUEST.get(), TASK.get()
        return record

    def formatted(handler: Any, record: logging.LogRecord) -> str:
        text: str = before(handler, record)
        if handler.stream not in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            return text
        try:
            return write(text, record, handler.formatter)
        except Exception:  # whatever a project has put into a record: the line itself is not lost
            return text

    formatted.is_ours = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(record_with_ids)
    logging.StreamHandler.format = formatted  # type: ignore[assignment, method-assign]


def ids_of(record: logging.LogRecord) -> dict[str, str]:
    """Return what a record belongs to: the ids of a request and of a task, as far as there are any."""
    task, task_id = getattr(record, OF_TASK, TASK.get())
    found = {"request_id": getattr(record, REQUEST_ID, REQUEST.get()), "task": task, "task_id": task_id}
    return {name: value for name, value in found.items() if value}


def as_line(text: str, record: logging.LogRecord, _formatter: Any = None) -> str:
    """Return a line as the project writes it, with the ids at its end; in it, where it is an object of the project's own."""
    ids = ids_of(record)
    if not ids:
        return text
    if own := object_in(text):
        return json.dumps({**ids, **own}, ensure_ascii=False, default=str)
    first, newline, others = text.partition("\n")
    words = [f"{name}={value}" for name, value in ids.items() if name != "task" and value not in first]
    return " ".join([first, *words]) + newline + others


def as_object(text: str, record: logging.LogRecord, formatter: Any = None) -> str:
    """Return a record as one JSON object. What the project writes as an object keeps its own names."""
    said: dict[str, Any] = {
        "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        **ids_of(record),
        **PROCESS.facts(),
    }
    if own := object_in(text):
        return json.dumps({**said, **own}, ensure_ascii=False, default=str)
    if formatter is None or type(formatter).__module__.startswith(PLAIN_FORMATTERS):
        said["message"] = shortened(record.getMessage())
        if record.exc_text or record.stack_info:
            said["exception"] = shortened("\n".join(filter(None, (record.exc_text, record.stack_info))))
    else:
        said["message"] = shortened(text)
    return json.dumps(said, ensure_ascii=False, default=str)


def object_in(text: str) -> dict[str, Any]:
    """Return the object that a line is; empty when it is none."""
    if text[:1] != "{" or text[-1:] != "}":
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def shortened(text: str) -> str:
    """Return a text without its middle where it is too long for one line: a traceback says most at its ends."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}\n[...]\n{text[-LONGEST // 2 :]}"


class Process:
    """What a line says of the process that has written it, found out once in each process."""

    def __init__(self) -> None:
        self._of = 0
        self._facts: dict[str, Any] = {}

    def facts(self) -> Mapping[str, Any]:
        """Return release, site, host, program and process."""
        if self._of != os.getpid():
            site = pwd.getpwuid(os.geteuid()).pw_name
            self._facts = {
                "release": os.environ.get("SITE_RELEASE", ""),
                "site": site,
                "host": socket.gethostname(),
                "program": program_of(unit(), site),
                "pid": os.getpid(),
            }
            self._of = os.getpid()
        return self._facts


PROCESS = Process()


def unit(file: str = "/proc/self/cgroup") -> str:
    """Return the unit that this process is of, without its instance; empty where that is not known."""
    try:
        with open(file, encoding="utf-8") as groups:
            found = UNIT.findall(groups.read())
    except OSError:
        return ""
    return str(found[-1]).partition("@")[0] if found else ""


def program_of(name: str, site: str) -> str:
    """Return what a unit of a site is: gunicorn, worker-<name>, timer-<name>, command-<id>."""
    own = name.removeprefix(f"{site}-") if name.startswith(f"{site}-") else ""
    return "gunicorn" if name == site or own == "probe" else own or "python"


def named_requests(application: Wsgi) -> Wsgi:
    """Return a WSGI application whose lines name the request that the web server has given an id."""

    def answered(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Until the next one of the same thread, so that what is written while an answer is sent has it as well.
        REQUEST.set(environ.get("HTTP_X_REQUEST_ID", ""))
        return application(environ, start_response)

    return answered


def named_requests_asgi(application: Asgi) -> Asgi:
    """Return an ASGI application whose lines name the request or the web socket that the web server has given an id."""

    async def answered(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        found = next((value for name, value in scope.get("headers", ()) if name == b"x-request-id"), b"")
        REQUEST.set(found.decode("latin-1"))
        await application(scope, receive, send)

    return answered


def follow_work() -> None:
    """Have slow queries of this process logged, and hand the id of a request on to Celery's tasks."""
    from django.db.backends.signals import connection_created

    connection_created.connect(_time_queries, dispatch_uid=__name__)
    if "celery" in sys.modules:
        from celery import signals

        signals.before_task_publish.connect(_task_sent, dispatch_uid=__name__)
        signals.task_prerun.connect(_task_begins, dispatch_uid=__name__)
        signals.task_postrun.connect(_task_ends, dispatch_uid=__name__)


def _time_queries(connection: Any = None, **_: Any) -> None:
    if timed not in connection.execute_wrappers:
        connection.execute_wrappers.append(timed)


def timed(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Mapping[str, Any]) -> Any:
    """Run a query, and log it without its values where it takes long: PostgreSQL's own line knows of no request."""
    begun = time.monotonic()
    try:
        return execute(sql, params, many, context)
    finally:
        seconds = time.monotonic() - begun
        if seconds >= SLOW_SECONDS:
            text = str(sql) if len(str(sql)) <= LONGEST_QUERY else f"{str(sql)[:LONGEST_QUERY]}[...]"
            logging.getLogger("site.slow_query").warning("slow query, %.3f s: %s", seconds, text)


def _task_sent(headers: Any = None, **_: Any) -> None:
    if REQUEST.get() and isinstance(headers, dict):
        headers.setdefault(REQUEST_ID, REQUEST.get())


def _task_begins(task: Any = None, task_id: str = "", **_: Any) -> None:
    REQUEST.set(str(getattr(task.request, REQUEST_ID, None) or ""))
    TASK.set((str(task.name), task_id))


def _task_ends(**_: Any) -> None:
    REQUEST.set("")
    TASK.set(("", ""))
