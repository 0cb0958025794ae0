"""What a host has written about a site, from its journal and files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.status import logs
from ansible_collections.hotclub.django.plugins.module_utils.status.logs import Wanted, entries, program_of

NOON = 1_796_040_000.0
ALL = Wanted(NOON - 60, NOON + 60)
TRACEBACK = [
    "Internal Server Error: /broken",
    "Traceback (most recent call last):",
    '  File "views.py", line 3, in broken',
    "    raise ValueError(1)",
    "ValueError: 1",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "middleware.py", line 9, in __call__',
    "RuntimeError: 2",
]


def line(message: str | list[int], unit: str = "shop@r1.service", second: float = 0, **more: Any) -> str:
    at = str(int((NOON + second) * 1e6))
    return json.dumps(
        {"MESSAGE": message, "_SYSTEMD_UNIT": unit, "_PID": "7", "__REALTIME_TIMESTAMP": at, "PRIORITY": "6", **more}
    )


def journal(*lines: str) -> Callable[..., Outcome]:
    return lambda *_command, **_options: Outcome(0, "\n".join(lines))


def texts(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(entry["program"], entry["level"], entry["text"]) for entry in found["entries"]]


def test_a_failure_is_one_entry_and_an_error(tmp_path: Path) -> None:
    said = [line(text) for text in ["ready", *TRACEBACK, "[2026-11-30 12:00:00 +0000] [7] [WARNING] slow", "next"]]
    found = texts(entries("shop", "shop", ALL, root=tmp_path, runner=journal(*said)))
    assert found == [
        ("gunicorn", "info", "ready"),
        ("gunicorn", "error", "\n".join(TRACEBACK)),
        ("gunicorn", "warning", "[2026-11-30 12:00:00 +0000] [7] [WARNING] slow"),
        ("gunicorn", "info", "next"),
    ]


def test_lines_of_several_processes_are_not_mixed(tmp_path: Path) -> None:
    mixed = [line(text, _PID=pid) for text in TRACEBACK[:5] for pid in ("7", "8")]
    found = texts(entries("shop", "shop", ALL, root=tmp_path, runner=journal(*mixed)))
    assert found == [("gunicorn", "error", "\n".join(TRACEBACK[:5]))] * 2


def test_what_systemd_says_of_a_unit_is_that_units(tmp_path: Path) -> None:
    said = line("Failed with result 'exit-code'.", "init.scope", UNIT="shop-worker-mail@r1.service", PRIORITY="4")
    assert texts(entries("shop", "shop", ALL, root=tmp_path, runner=journal(said))) == [
        ("worker", "warning", "Failed with result 'exit-code'."),
    ]


def test_bytes_that_are_no_text_are_shown(tmp_path: Path) -> None:
    assert texts(entries("shop", "shop", ALL, root=tmp_path, runner=journal(line([104, 105, 255])))) == [
        ("gunicorn", "info", "hi\ufffd")
    ]


@pytest.mark.parametrize(
    ("unit", "program", "source"),
    [
        ("my-shop@20261123T081500-1a2b3c4.service", "gunicorn", "20261123T081500-1a2b3c4"),
        ("my-shop-probe@r1.service", "gunicorn", "r1"),
        ("my-shop-worker-mail@r1.service", "worker", "mail r1"),
        ("my-shop-backup.service", "backup", ""),
        ("patroni@15-main.service", "patroni", "15-main"),
        ("haproxy.service", "haproxy", ""),
    ],
)
def test_units_have_programs(unit: str, program: str, source: str) -> None:
    assert program_of(unit, "my-shop") == (program, source)


def test_requests_that_failed_are_errors_and_found_by_their_id(tmp_path: Path) -> None:
    folder = tmp_path / "var/log/nginx"
    folder.mkdir(parents=True)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(NOON))
    answers = [
        {
            "time": moment,
            "request_id": f"id{status}",
            "method": "GET",
            "uri": "/",
            "status": status,
            "seconds": 0.2,
            "client": "192.0.2.1",
        }
        for status in (200, 502)
    ]
    (folder / "shop.access.log").write_text("\n".join([*map(json.dumps, answers), "torn {"]))
    (folder / "other.access.log").write_text(json.dumps(answers[0]))
    found = texts(entries("shop", "shop", ALL, root=tmp_path, runner=journal()))
    assert found == [
        ("nginx", "info", "GET / 200 in 0.2 s for 192.0.2.1, request id200"),
        ("nginx", "error", "GET / 502 in 0.2 s for 192.0.2.1, request id502"),
    ]
    one = Wanted(ALL.since, ALL.until, request="id502")
    assert len(entries("shop", "shop", one, root=tmp_path, runner=journal())["entries"]) == 1


def test_of_a_shared_postgresql_only_the_own_database_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "var/log/postgresql"
    folder.mkdir(parents=True)
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOON))
    (folder / "postgresql-17-main.log").write_text(
        f"{moment}.100 UTC [9] shop@shop LOG:  duration: 1200.1 ms  statement: SELECT 1,\n"
        "\t2\n"
        f"{moment}.200 UTC [9] other@other ERROR:  a secret of others\n"
        "\tof theirs\n"
        f"{moment}.300 UTC [1] LOG:  checkpoint starting: time\n"
        f"{moment}.400 UTC [1] PANIC:  could not write\n"
    )
    found = entries("shop", "shop", ALL, root=tmp_path, runner=journal())
    assert texts(found) == [
        ("postgresql", "info", "LOG: duration: 1200.1 ms  statement: SELECT 1,\n2"),
        ("postgresql", "error", "PANIC: could not write"),
    ]
    assert found["entries"][0]["when"] == pytest.approx(NOON + 0.1)


@pytest.mark.parametrize(("zone", "away"), [("UTC", 0), ("+02", 7200), ("-0330", -12600)])
def test_moments_of_postgresql_have_an_offset(zone: str, away: int) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(NOON + away))
    assert logs.in_zone(f"{moment}.5", zone) == pytest.approx(NOON + 0.5)


def test_the_newest_are_shown_and_the_others_counted(tmp_path: Path) -> None:
    said = [line(str(number), second=number) for number in range(10)]
    found = entries("shop", "shop", Wanted(NOON, NOON + 60, lines=3), root=tmp_path, runner=journal(*said))
    assert [entry["text"] for entry in found["entries"]] == ["7", "8", "9"]
    assert found["more"] == 7


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({"level": "warning"}, ["bad", "worse"]),
        ({"level": "error"}, ["worse"]),
        ({"release": "r2"}, ["bad"]),
        ({"programs": ("worker",)}, ["worse"]),
    ],
)
def test_what_is_shown_can_be_chosen(tmp_path: Path, wanted: dict[str, Any], left: list[str]) -> None:
    said = [
        line("well"),
        line("bad", "shop@r2.service", 1, PRIORITY="4"),
        line("worse", "shop-worker-mail@r1.service", 2, PRIORITY="3"),
    ]
    found = entries("shop", "shop", Wanted(NOON, NOON + 60, **wanted), root=tmp_path, runner=journal(*said))
    assert [entry["text"] for entry in found["entries"]] == left


def test_of_a_large_file_the_end_is_read_in_whole_lines(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_text("first\nsecond\nthird\n")
    assert logs.tail(file, lambda _line: False, 9) == ["third"]
    assert logs.tail(file, lambda _line: False) == ["first", "second", "third"]
    assert logs.tail(file, lambda line: line == "second", block=16) == ["second", "third"]


@pytest.mark.parametrize(
    ("said", "text"), [("a\u2028b", "a\u2028b"), (None, ""), (["first", "second"], "first\nsecond"), ([104, 105], "hi")]
)
def test_messages_of_every_kind_are_read(tmp_path: Path, said: Any, text: str) -> None:
    torn = line("later", second=1).replace("{", "")
    raw = json.dumps(json.loads(line("")) | {"MESSAGE": said}, ensure_ascii=False)
    assert texts(entries("shop", "shop", ALL, root=tmp_path, runner=journal(raw, torn))) == [("gunicorn", "info", text)]


def test_secrets_are_not_shown_wherever_they_were_written(tmp_path: Path) -> None:
    found = entries("shop", "shop", ALL, ["of-the-site"], root=tmp_path, runner=journal(line("key of-the-site is wrong")))
    assert texts(found) == [("gunicorn", "info", "key ******** is wrong")]


def test_an_object_a_line_is_read_as_what_it_says(tmp_path: Path) -> None:
    said = {
        "level": "error",
        "logger": "shop.views",
        "message": "not paid",
        "request_id": "8f14",
        "exception": "Traceback\nValueError: 1",
    }
    own = ['{"event": "paid", "level": "WARNING"}', '{"no": "message"}', "{torn"]
    found = texts(entries("shop", "shop", ALL, root=tmp_path, runner=journal(*map(line, [json.dumps(said), *own]))))
    assert found == [
        ("gunicorn", "error", "shop.views: not paid request_id=8f14\nTraceback\nValueError: 1"),
        ("gunicorn", "warning", "paid"),
        ("gunicorn", "info", '{"no": "message"}'),
        ("gunicorn", "info", "{torn"),
    ]
