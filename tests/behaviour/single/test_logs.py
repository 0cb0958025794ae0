"""What all programs have written about the site, in one place."""

from __future__ import annotations

import json
import secrets
import threading
import time
from pathlib import Path

import pytest

from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian12, pytest.mark.about("logs", "status")]


def test_a_request_and_a_slow_query_are_found_in_order_of_time(plain: Site, gallery: Site, tmp_path: Path) -> None:
    word = secrets.token_hex(8)
    answer = plain.visitor.get(f"/version?{word}")
    gallery.visitor.get(f"/version?{word}")
    plain.database.rows("SELECT pg_sleep(1.2)")
    report = tmp_path / "logs.json"
    plain.play("logs", logs_since="5m", logs_lines=2000, logs_path=str(report)).must_succeed()
    entries = json.loads(report.read_text(encoding="utf-8"))["entries"]
    asked = [entry for entry in entries if word in entry["text"]]
    slow = [entry for entry in entries if entry["program"] == "postgresql" and "pg_sleep(1.2)" in entry["text"]]
    assert len(asked) == 1, f"the other site's request is told as well, or none: {asked}"
    assert slow and slow[-1]["when"] > asked[0]["when"]
    assert [entry["when"] for entry in entries] == sorted(entry["when"] for entry in entries)
    assert not [entry for entry in entries if "gallery" in entry["source"]]

    identity = answer.headers["X-Request-ID"]
    one = plain.play("logs", logs_request=identity, logs_lines=50).must_succeed()
    assert one.says(word, f"request {identity}"), one


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_one_id_leads_from_the_web_server_through_django_to_the_slow_query(plain: Site, gallery: Site, interface: str) -> None:
    site, table = (plain, "journal_entry") if interface == "wsgi" else (gallery, "pictures_picture")
    holding = f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3); COMMIT"
    locks = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
    held = threading.Thread(target=site.database.rows, args=(holding,))
    held.start()
    while held.is_alive() and site.database.value(f"{locks} AND relation = '{table}'::regclass") == "0":
        time.sleep(0.05)
    slow = site.visitor.get(site.project.entries_path).headers["X-Request-ID"]
    held.join()
    said = site.play("logs", logs_request=slow).must_succeed()
    assert said.says(f"GET {site.project.entries_path}", "slow query, ", table, f"request_id={slow}"), said


def test_a_line_of_django_names_its_request(plain: Site) -> None:
    word = secrets.token_hex(8)
    missing = plain.visitor.get(f"/missing-{word}").headers["X-Request-ID"]
    said = plain.play("logs", logs_request=missing, logs_programs="gunicorn").must_succeed()
    assert said.says(f"Not Found: /missing-{word} request_id={missing}"), said


def test_lines_are_objects_where_somebody_collects_them(plain: Site) -> None:
    try:
        plain.play("site", site_log_format="json").must_succeed()
        word = secrets.token_hex(8)
        missing = plain.visitor.get(f"/missing-{word}").headers["X-Request-ID"]
        found = plain.app.run(f"journalctl --unit '{plain.name}@*' --output cat --since -5min | grep {word}").splitlines()
        [said] = [json.loads(line) for line in found]
        assert said["message"] == f"Not Found: /missing-{word}"
        expected = (missing, "warning", plain.current(), plain.name, "gunicorn")
        assert tuple(said[name] for name in ("request_id", "level", "release", "site", "program")) == expected
        told = plain.play("logs", logs_request=missing, logs_level="warning", logs_release=plain.current()).must_succeed()
        assert told.says("WARNING: django.request: Not Found: ", word), told
    finally:
        plain.play("site").must_succeed()


def test_a_level_and_a_moment_that_are_none_are_refused(plain: Site) -> None:
    level = plain.play("logs", logs_level="loud").must_fail()
    assert level.says("logs_level is debug, info, warning or error", "loud"), level
    moment = plain.play("logs", logs_since="yesterday").must_fail()
    assert moment.says("'yesterday' is no moment", "15m"), moment


def test_what_is_written_is_shown_as_it_comes(plain: Site) -> None:
    word = secrets.token_hex(8)
    following = plain.start("logs", logs_follow=True, logs_follow_seconds=25, logs_since="1s")
    following.wait_for(r"Read what the host has written\]")
    plain.visitor.get(f"/version?{word}")
    following.wait_for(word, 20)
    following.wait().must_succeed()
