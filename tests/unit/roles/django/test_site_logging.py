"""Which request or task a line of a project's log belongs to."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.roles.django.test_site_settings import loaded


@pytest.fixture(name="lines")
def _lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the module, without what it does to this process staying."""
    before, factory = logging.StreamHandler.format, logging.getLogRecordFactory()
    monkeypatch.delenv("SITE_LOG_FORMAT", raising=False)
    monkeypatch.setenv("SITE_RELEASE", "20261123T081500-1a2b3c4")
    yield loaded("site_logging")
    logging.StreamHandler.format = before  # type: ignore[method-assign]
    logging.setLogRecordFactory(factory)


@pytest.fixture(name="written")
def _written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    # pytest puts its own in the place of the other one.
    monkeypatch.setattr(sys, "__stderr__", stream)
    return stream


def logger(stream: Any, form: logging.Formatter | None = None) -> logging.Logger:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(form)
    found = logging.Logger("shop.views")
    found.addHandler(handler)
    return found


def answer(lines: Any, log: logging.Logger, said: str = "paid\nby card", identity: str = "8f14e45fceea167a") -> None:
    def application(_environ: Any, _start: Any) -> list[bytes]:
        log.warning(said)
        return []

    lines.named_requests(application)({"HTTP_X_REQUEST_ID": identity} if identity else {}, None)


def test_a_line_names_its_request_at_its_end(lines: Any, written: io.StringIO) -> None:
    lines.install()
    log = logger(written, logging.Formatter("[%(levelname)s] %(message)s"))
    answer(lines, log)
    answer(lines, log, "of nobody", "")
    assert written.getvalue() == "[WARNING] paid request_id=8f14e45fceea167a\nby card\n[WARNING] of nobody\n"


def test_a_file_of_the_project_s_own_stays_as_it_is(lines: Any, written: io.StringIO) -> None:
    lines.install()
    own = io.StringIO()
    answer(lines, logger(own))
    assert (own.getvalue(), written.getvalue()) == ("paid\nby card\n", "")


def test_a_project_may_call_a_field_of_its_own_request_id(lines: Any, written: io.StringIO) -> None:
    lines.install()
    log = logger(written, logging.Formatter("%(message)s %(request_id)s"))
    log.warning("paid", extra={"request_id": "own", "task_id": "too"})
    assert written.getvalue() == "paid own\n"


def test_two_installations_name_a_request_once(lines: Any, written: io.StringIO) -> None:
    lines.install()
    loaded("site_logging").install()
    answer(lines, logger(written), "paid")
    assert written.getvalue() == "paid request_id=8f14e45fceea167a\n"


def test_an_object_a_line_holds_a_failure_with_its_traceback(
    lines: Any, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_LOG_FORMAT", "json")
    lines.install()
    log = logger(written, logging.Formatter("%(asctime)s %(message)s"))

    def application(_environ: Any, _start: Any) -> list[bytes]:
        try:
            raise ValueError("no card")
        except ValueError:
            log.exception("not %s", "paid")
        return []

    lines.named_requests(application)({"HTTP_X_REQUEST_ID": "8f14e45fceea167a"}, None)
    [line] = written.getvalue().splitlines()
    said = json.loads(line)
    assert said["exception"].startswith("Traceback (most recent call last):\n")
    assert said["exception"].endswith("\nValueError: no card")
    assert {name: said[name] for name in ("level", "logger", "message", "request_id", "release")} == {
        "level": "error",
        "logger": "shop.views",
        "message": "not paid",
        "request_id": "8f14e45fceea167a",
        "release": "20261123T081500-1a2b3c4",
    }
    assert {"time", "site", "host", "program", "pid"} <= {*said}


def test_what_a_formatter_of_the_project_hides_stays_hidden(
    lines: Any, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hiding(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return super().format(record).replace("4111", "****")

    monkeypatch.setenv("SITE_LOG_FORMAT", "json")
    lines.install()
    answer(lines, logger(written, Hiding()), "card 4111")
    assert json.loads(written.getvalue())["message"] == "card ****"


@pytest.mark.parametrize("form", ["text", "json"])
def test_an_object_of_the_project_s_own_keeps_its_names(
    lines: Any, written: io.StringIO, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("SITE_LOG_FORMAT", form)
    lines.install()
    answer(lines, logger(written), '{"event": "paid", "level": "own"}')
    said = json.loads(written.getvalue())
    assert (said["event"], said["level"], said["request_id"]) == ("paid", "own", "8f14e45fceea167a")


def test_a_line_is_shorter_than_what_the_journal_cuts_in_two(
    lines: Any, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SITE_LOG_FORMAT", "json")
    lines.install()
    answer(lines, logger(written), "\u00e9" * 100_000)
    assert len(written.getvalue().encode()) < 48 * 1024


def test_requests_of_asgi_are_named_as_well_side_by_side(lines: Any, written: io.StringIO) -> None:
    lines.install()
    log = logger(written)

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(0.01)
        log.warning(scope["path"])

    async def both() -> None:
        answered = lines.named_requests_asgi(application)
        await asyncio.gather(
            *(
                answered({"path": path, "headers": [(b"x-request-id", f"id-{path}".encode())]}, None, None)
                for path in ("one", "two")
            )
        )

    asyncio.run(both())
    assert sorted(written.getvalue().splitlines()) == ["one request_id=id-one", "two request_id=id-two"]


def test_a_task_goes_by_the_request_that_has_asked_for_it(lines: Any, written: io.StringIO) -> None:
    lines.install()
    log, headers = logger(written), {"id": "t1"}
    lines.REQUEST.set("8f14e45fceea167a")
    lines._task_sent(headers=headers)
    lines._task_begins(task=SimpleNamespace(name="mail.send", request=SimpleNamespace(**headers)), task_id="t1")
    log.warning("sent")
    lines._task_ends()
    log.warning("idle")
    assert written.getvalue() == "sent request_id=8f14e45fceea167a task_id=t1\nidle\n"


def test_a_slow_query_is_logged_without_its_values(
    lines: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lines, "SLOW_SECONDS", 0)
    connection = SimpleNamespace(execute_wrappers=[])
    lines._time_queries(connection=connection)
    lines._time_queries(connection=connection)
    [wrapper] = connection.execute_wrappers
    assert wrapper(lambda *_: "rows", "SELECT %s", ["secret"], False, {}) == "rows"
    [record] = caplog.records
    assert "SELECT %s" in record.getMessage()
    assert "secret" not in record.getMessage()


@pytest.mark.parametrize(
    ("unit", "program"),
    [
        ("shop", "gunicorn"),
        ("shop-probe", "gunicorn"),
        ("shop-worker-mail", "worker-mail"),
        ("shop-timer-nightly", "timer-nightly"),
        ("", "python"),
        ("ssh", "python"),
    ],
)
def test_a_process_is_told_by_its_unit(lines: Any, unit: str, program: str) -> None:
    assert lines.program_of(unit, "shop") == program


def test_a_unit_is_told_by_its_control_group(lines: Any, tmp_path: Any) -> None:
    (tmp_path / "cgroup").write_text("0::/system.slice/system-shop.slice/shop@20261123T081500-1a2b3c4.service\n")
    assert lines.unit(str(tmp_path / "cgroup")) == "shop"
    assert lines.unit(str(tmp_path / "none")) == ""
