"""What an operator does besides deploying: run a command, and look at the site."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

PASSWORD = "correct-horse-battery-staple-99"


def test_a_management_command_runs_and_its_output_is_shown(plain: Site) -> None:
    plain.at("v1")
    run = plain.play("manage", manage_command="showmigrations journal").must_succeed()
    assert run.says("[X] 0001_initial"), run


def test_a_failing_management_command_fails_with_its_words(plain: Site) -> None:
    run = plain.play("manage", manage_command="no_such_command").must_fail()
    assert run.says("Unknown command: 'no_such_command'"), run


def test_an_administrator_made_from_variables_can_sign_in(plain: Site) -> None:
    plain.at("v1")
    plain.database.rows("DELETE FROM auth_user WHERE username = 'django'")
    variables = {
        "DJANGO_SUPERUSER_USERNAME": "django",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "DJANGO_SUPERUSER_EMAIL": "django@plain.example",
    }
    run = plain.play("manage", "-vvv", manage_command="createsuperuser --noinput", manage_environment=variables).must_succeed()
    assert PASSWORD not in run.output, "the administrator's password is shown"

    page = plain.visitor.get("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    assert token, page
    cookie = page.headers["Set-Cookie"].split(";")[0]
    signed_in = plain.visitor.post(
        "/admin/login/?next=/admin/",
        {"csrfmiddlewaretoken": token[1], "username": "django", "password": PASSWORD, "next": "/admin/"},
        headers={"Cookie": cookie, "Origin": f"https://{plain.domain}", "Referer": f"https://{plain.domain}/admin/login/"},
    )
    assert signed_in.status == 302 and signed_in.headers["Location"] == "/admin/", signed_in
    assert any("sessionid=" in value for value in signed_in.headers.get_all("Set-Cookie", [])), signed_in


def status(site: Site) -> tuple[Run, dict[str, Any]]:
    run = site.play("status", status_format="json")
    begin, end = run.output.find("{"), run.output.rfind("}")
    assert begin >= 0, f"no JSON came: {run}"
    found: dict[str, Any] = json.loads(run.output[begin : end + 1])
    return run, found


def test_status_shows_a_table_that_names_what_matters(plain: Site) -> None:
    plain.at("v1")
    run = plain.play("status").must_succeed()
    current = plain.current()
    for word in (plain.app.name, current, "v1"):
        assert word in run.output, f"{word} is missing:\n{run}"
    table = [line for line in run.output.splitlines() if plain.app.name in line]
    assert table, run


def test_status_as_json_is_for_programs(plain: Site) -> None:
    plain.at("v1")
    # In the place of a service whose program an upgrade has replaced, one under a name that this site doesn't use.
    old = f"{plain.name}-tls"
    start = f"systemd-run --quiet --collect --service-type=exec --unit {old} /srv/{old} 900"
    plain.app.run(f"cp /bin/sleep /srv/{old} && {start} && rm /srv/{old}")
    try:
        run, found = status(plain)
    finally:
        plain.app.run(f"systemctl stop {old}")
    assert run.code == 0, run
    text = json.dumps(found)
    assert plain.current() in text and plain.app.name in text, text
    [host] = found["hosts"].values()
    assert any(f"{old}.service still runs code that an upgrade has replaced" in remark for remark in host["remarks"]), found
    assert {"count", "security", "days"} <= set(host["updates"]), found


def test_status_tells_by_its_exit_code_that_nothing_answers(plain: Site) -> None:
    plain.at("v1")
    plain.app.run(f"systemctl stop {plain.name}.socket {' '.join(plain.instances())}")
    try:
        run = plain.play("status")
    finally:
        plain.app.run(f"systemctl start {plain.name}.socket")
        plain.await_version("v1")
    assert run.code != 0, f"status says that all is well:\n{run}"
    assert run.says("503") or run.says("inactive") or run.says("down"), run
    assert plain.play("status").code == 0


def test_status_counts_pending_migrations(plain: Site, clean_schema: Callable[[], None]) -> None:
    plain.at("v1")
    plain.deploy("additive").must_succeed()
    plain.database.rows("DELETE FROM django_migrations WHERE app = 'journal' AND name = '0002_note'")
    run, found = status(plain)
    assert "0002_note" in json.dumps(found) or "1" in json.dumps(found), found
    assert run.code != 0, f"a pending migration is no trouble?\n{run}"


def test_status_changes_nothing(plain: Site) -> None:
    assert plain.play("status").must_succeed().changed == 0


def test_status_tells_which_runs_have_changed_the_host(plain: Site) -> None:
    plain.at("v1")
    plain.play("maintenance", maintenance="on").must_succeed()
    try:
        plain.deploy("import-fails").must_fail()
    finally:
        plain.play("maintenance", maintenance="off").must_succeed()
    assert plain.play("site").must_succeed().changed == 0
    run = plain.play("status", status_history=True).must_succeed()
    who = (getpass.getuser(), f"@{plain.app.sees_controller_at}")
    on, deployed, off = [line for line in run.output.splitlines() if all(word in line for word in who)][-3:]
    for line, words in {
        on: ("maintenance", "maintenance=on", "changed: "),
        deployed: ("deploy", "site_version=import-fails", "failed: ", "can't be imported"),
        off: ("maintenance", "maintenance=off", "changed: "),
    }.items():
        assert all(word in line for word in words), run
    assert plain.app.run("stat --format '%U %a' /var/lib/hotclub/verbs.jsonl").split() == ["root", "600"]


def test_status_tells_who_deployed_what(plain: Site) -> None:
    plain.at("v1")
    run = plain.play("status", status_history=3).must_succeed()
    lines = [line.split() for line in run.output.splitlines() if plain.current() in line and " v1 " in line]
    assert any(getpass.getuser() in " ".join(words) and {"deploy", "rollback", "settings"} & {*words} for words in lines), run
    _, found = status(plain)
    assert "history" not in json.dumps(found), "it is told unasked"
