"""Management commands that go on without whoever began them."""

from __future__ import annotations

import re

import pytest

from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("django", "manage", "site_commands")]

# Says so, hides nothing, and goes on for much longer than the test.
TELLS = "tells on purpose that it has begun with"
WAITS = f'shell -c \'import os, time; print("{TELLS}", os.environ["SECRET_KEY"]); time.sleep(900)\''


def begun(run: Run) -> str:
    found = re.search(r"(\d{8}T\d{6}-\w+) goes on", run.output)
    assert found, run
    return found[1]


def test_a_command_goes_on_after_its_run_and_stays_in_its_release(plain: Site) -> None:
    plain.at("v1")
    release = plain.current()
    command = begun(plain.play("manage", manage_command=WAITS, manage_detach=True).must_succeed())
    unit = f"{plain.name}-command-{command}.service"
    secret = plain.app.run(f"grep ^SECRET_KEY= {plain.root}/etc/environment").split('"')[1]
    try:
        plain.app.run(f"for _ in $(seq 120); do journalctl -qu {unit} -o cat | grep -q '^{TELLS}' && break; sleep 0.5; done")
        shown = plain.play("commands", commands_log=command).must_succeed()
        assert shown.says(f"{command}: shell runs", f"{TELLS} ********"), shown
        assert secret not in shown.output
        assert secret not in plain.app.run(f"ps ax -o args; systemctl show {unit}; ls {plain.root}/commands/*.env 2>&1 || true")
        # However few are kept.
        plain.play("deploy", site_version="v2", site_keep_releases=2).must_succeed()
        plain.play("deploy", site_version="v1", site_keep_releases=2).must_succeed()
        assert plain.app.run(f"readlink -f /proc/$(systemctl show --value -p MainPID {unit})/cwd").startswith(
            f"{plain.root}/releases/{release}/"
        )
        assert plain.app.succeeds(f"test -d {plain.root}/releases/{release}/project")
    finally:
        stopped = plain.play("commands", commands_stop=command)
    assert stopped.must_succeed().says(f"{command}: shell was stopped"), stopped
    assert not plain.app.succeeds(f"systemctl is-active --quiet {unit}")
    assert plain.play("commands").must_succeed().says(f"{command}: shell was stopped")


def test_a_command_has_a_time_limit_and_says_how_it_ended(plain: Site) -> None:
    late = begun(plain.play("manage", manage_command=WAITS, manage_detach=True, manage_seconds=1).must_succeed())
    wrong = begun(plain.play("manage", manage_command="no_such_command", manage_detach=True).must_succeed())
    ends = " ".join(f"{plain.root}/commands/{command}.end" for command in (late, wrong))
    plain.app.run(f"for _ in $(seq 120); do ls {ends} >/dev/null 2>&1 && break; sleep 0.5; done")
    run = plain.play("commands").must_succeed()
    assert run.says(f"{late}: shell ran out of time", f"{wrong}: no_such_command failed with code 1"), run
    assert plain.play("status").must_succeed()


def test_a_command_that_nobody_knows_is_named(plain: Site) -> None:
    run = plain.play("commands", commands_log="20260101T000000-migrate").must_fail()
    assert run.says("No host of app has a command 20260101T000000-migrate", "Run playbooks/commands.yml alone"), run
