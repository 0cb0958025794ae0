"""Timers: each moment is run once, what overlaps does as it was told, and the status says what did not go well."""

from __future__ import annotations

import datetime
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.behaviour.kit.confinement import CEILINGS, assert_exposure
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.about("workers", "site_timer", "release", "status"), pytest.mark.debian13]

EVERY_FIVE_SECONDS = "*:*:0/5"


def timers(site: Site) -> list[dict[str, Any]]:
    """Each writes the second in which it begins and ends, and the release that it runs."""

    def command(name: str, seconds: float) -> str:
        log = f"{site.root}/shared/timers/{name}"
        # As systemd reads it: one of each two dollar signs.
        begin, end = (f"echo {what} $$(date +%s) $SITE_RELEASE $TIMER_DUE >> {log}" for what in ("begun", "ended"))
        return f"sh -c '{begin}; sleep {seconds}; {end}'"

    return [
        {"name": "short", "calendar": EVERY_FIVE_SECONDS, "command": command("short", 0)},
        {"name": "left_out", "calendar": EVERY_FIVE_SECONDS, "command": command("left_out", 7)},
        {"name": "queued", "calendar": EVERY_FIVE_SECONDS, "command": command("queued", 7), "overlap": "queue"},
        {"name": "beside", "calendar": EVERY_FIVE_SECONDS, "command": command("beside", 7), "overlap": "allow"},
        {"name": "hung", "calendar": "*:*:0/20", "command": "sleep 600", "limit_seconds": 2},
        {"name": "wrong", "calendar": "*:*:0/20", "command": "python manage.py no_such_command", "overlap": "allow"},
        {"name": "yearly", "calendar": "yearly", "command": "python manage.py check", "environment": {"SAID": "yes"}},
    ]


def await_that(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + at_pace(seconds)
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.5)


def told(site: Site, name: str) -> list[list[str]]:
    return [line.split() for line in site.app.run(f"cat {site.root}/shared/timers/{name} 2>/dev/null || true").splitlines()]


def begun(site: Site, name: str) -> list[int]:
    return [int(words[1]) for words in told(site, name) if words[0] == "begun"]


def runs(site: Site, name: str) -> list[str]:
    """The ends of a timer's runs, as the site's own database has them."""
    return site.database.texts(f"SELECT result FROM hotclub.timer_runs WHERE timer = '{name}' ORDER BY id")


@pytest.fixture(scope="module")
def timed(plain: Site) -> Iterator[Site]:
    plain.app.run(
        f"install -d -o {plain.name} -g {plain.name} -m 0750 {plain.root}/shared/timers; rm -f {plain.root}/shared/timers/*"
    )
    plain.database.rows("DROP SCHEMA IF EXISTS hotclub CASCADE")
    plain.write_inventory(site_timers=timers(plain))
    plain.play("site").must_succeed()
    yield plain
    plain.write_inventory()
    plain.play("site").must_succeed()
    # What a run needs stays until it has ended, and goes with the next run of the playbook.
    going = f"systemctl list-units --plain --no-legend '{plain.name}-timer-*@*.service'"
    await_that(lambda: not plain.app.run(going), 60, lambda: plain.app.run(going))
    plain.play("site").must_succeed()
    assert plain.app.run(f"ls /etc/systemd/system | grep -c '^{plain.name}-timer-.*[.]timer$' || true") == "0"
    plain.app.run(f"rm -rf {plain.root}/shared/timers")


def test_each_moment_is_run_once_and_overlaps_do_as_they_were_told(timed: Site) -> None:
    await_that(
        lambda: all(len(begun(timed, name)) >= 4 for name in ("short", "queued", "beside")),
        40,
        lambda: str({timer["name"]: told(timed, timer["name"]) for timer in timers(timed)}),
    )
    # All but the last: on a busy host it may have come before another one.
    dues = sorted(words[3] for words in told(timed, "short") if words[0] == "begun")[:-1]
    seconds = [datetime.datetime.fromisoformat(due).timestamp() for due in dues]
    # systemd leaves out what a busy host had no time for.
    assert all(later > earlier and (later - earlier) % 5 == 0 for earlier, later in itertools.pairwise(seconds)), dues
    assert {words[2] for words in told(timed, "short") if words[0] == "begun"} == {timed.current()}
    for name in ("left_out", "queued"):
        words = [words[0] for words in told(timed, name)]
        assert words[:4] == ["begun", "ended", "begun", "ended"], words
    # On a busy host one may have ended before the next is called; sooner or later it has not.
    await_that(lambda: "skipped" in runs(timed, "left_out"), 40, lambda: str(told(timed, "left_out")))
    await_that(
        lambda: ("begun", "begun") in itertools.pairwise(words[0] for words in told(timed, "beside")),
        40,
        lambda: str(told(timed, "beside")),
    )
    # What waited begins when the one before it has ended.
    ends = [int(words[1]) for words in told(timed, "queued") if words[0] == "ended"]
    waits = [later - end for end, later in zip(ends, begun(timed, "queued")[1:], strict=False)]
    assert min(waits) >= 0 and any(wait <= at_pace(4) for wait in waits), told(timed, "queued")
    unit = timed.app.run(
        f"systemctl list-units --plain --no-legend '{timed.name}-timer-beside@*.service' | cut -d' ' -f1 | head -1"
    )
    assert_exposure(timed.app, unit, CEILINGS["site"])
    assert_exposure(timed.app, f"{timed.name}-timer-beside.service", CEILINGS["timer"])
    assert timed.play("site").must_succeed().changed == 0


def test_the_status_names_what_failed_and_a_pause_holds_until_it_is_over(timed: Site) -> None:
    await_that(
        lambda: "too long" in runs(timed, "hung") and "failed" in runs(timed, "wrong"), 40, lambda: str(runs(timed, "hung"))
    )

    status = timed.play("status", status_format="json")
    status.must_fail()
    said = json.dumps(status.output)
    assert "the last run of the timer hung" in said and "ended after its limit of 2 s" in said, said
    assert "the last run of the timer wrong" in said and "exit status 1" in said, said
    assert "timer short" not in said, said
    assert not timed.app.run("pgrep -f '^sleep 600$' || true").split()[1:]

    timed.play("timer", timer="short", timer_do="pause").must_succeed()
    before = len(begun(timed, "short"))
    assert timed.play("timer", timer="yearly", timer_do="run").must_succeed().says("yearly is done", "no issues")
    assert len(runs(timed, "yearly")) == 1, "it has run more than once"
    assert timed.play("timer", timer="wrong", timer_do="run").must_fail().says("exit status 1", "no_such_command")
    assert len(begun(timed, "short")) == before
    assert timed.play("status").must_fail().says("paused since")
    timed.play("timer", timer="short", timer_do="resume").must_succeed()
    await_that(lambda: len(begun(timed, "short")) > before, 15, lambda: str(told(timed, "short")))
    assert timed.play("timer", timer="other", timer_do="run").must_fail().says("has no timer")
