"""What all programs have written about the site, in one place."""

from __future__ import annotations

import json
import secrets
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
