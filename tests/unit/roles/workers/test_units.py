"""The units of workers: what is right for each program, and what an operator says instead."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.filter.memory_beside_tasks import memory_beside_tasks
from ansible_collections.hotclub.django.plugins.filter.worker_units import KINDS, worker_units
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import ABSENT, Wanted
from ansible_collections.hotclub.django.plugins.plugin_utils.files.rendering import Renderer
from ansible_collections.hotclub.django.plugins.plugin_utils.files.role_templates import Options, wanted_set
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.background import check_workers

from tests.unit.conftest import CHECKOUT, evaluate_for_role, render_template, wiring
from tests.unit.roles.workers.program import guard, singles
from tools.docs import read_roles

PYTHON = "/srv/shop/releases/%i/venv/bin/python"
GUARD = "/usr/bin/python3 -IBu /srv/shop/lib/timers guard mail %n -- "
PROGRAM = ("__main__", "beat", "calendars", "database", "firing", "guard", "ledger", "orders", "singles")
UNIT = "etc/systemd/system/_site_-worker-_worker_@.service.j2"
NEEDED = "etc/systemd/system/_site_-workers.target.j2"
SHOP: dict[str, Any] = {"workers_site_name": "shop", "workers_denied_addresses": []}


def unit_of(**said: Any) -> dict[str, Any]:
    [unit] = worker_units([{"name": "mail", **said}], "/srv/shop")
    return unit


@pytest.mark.parametrize(
    ("said", "command"),
    [
        (
            {"kind": "celery", "application": "shop.tasks", "queues": ["a", "b"], "processes": 3, "arguments": "-O fair"},
            f"{PYTHON} -m celery --app shop.tasks worker --hostname mail-%i@%%h --loglevel INFO --concurrency 3 "
            "--queues a,b -O fair",
        ),
        (
            {"kind": "celery"},
            "/bin/sh -c 'own=$${SITE_SETTINGS_MODULE:-$$DJANGO_SETTINGS_MODULE}; "
            'exec "$$0" -m celery --app "$${own%%%%.*}" "$$@"\' '
            f"{PYTHON} worker --hostname mail-%i@%%h --loglevel INFO --concurrency 1",
        ),
        (
            {"kind": "celery_beat", "application": "shop.tasks", "arguments": "--max-interval 5"},
            f"{GUARD}{PYTHON} -B /srv/shop/lib/timers/beat.py shop.tasks --loglevel INFO "
            "--schedule /srv/shop/library-cache/singles/mail/schedule --max-interval 5",
        ),
        (
            {"kind": "celery_beat"},
            f"{GUARD}{PYTHON} -B /srv/shop/lib/timers/beat.py '' --loglevel INFO "
            "--schedule /srv/shop/library-cache/singles/mail/schedule",
        ),
        ({"command": "python clock.py", "single": True}, f"{GUARD}/usr/bin/env python clock.py"),
        ({"kind": "django_tasks", "queues": ["a", "b"]}, f"{PYTHON} manage.py db_worker --queue-name a,b"),
        ({"kind": "rq"}, f"{PYTHON} manage.py rqworker default"),
        (
            {"kind": "dramatiq", "finish_seconds": 60, "queues": ["a", "b"]},
            f"{PYTHON} manage.py rundramatiq --processes 1 --threads 1 --worker-shutdown-timeout 50000 --queues a b",
        ),
        (
            # The later one counts.
            {"kind": "dramatiq", "processes": 2, "arguments": "--threads 8"},
            f"{PYTHON} manage.py rundramatiq --processes 2 --threads 1 --worker-shutdown-timeout 3590000 --threads 8",
        ),
        ({"kind": "huey", "processes": 2}, f"{PYTHON} manage.py run_huey --worker-type process --workers 2"),
        ({"kind": "channels", "queues": ["thumbs"]}, f"{PYTHON} manage.py runworker thumbs"),
        # As YAML gives what begins with >.
        ({"command": "  python manage.py crunch\n"}, "/usr/bin/env python manage.py crunch"),
        ({"kind": "rq", "arguments": "--burst \n"}, f"{PYTHON} manage.py rqworker default --burst"),
        ({"kind": "rq", "arguments": " \n"}, f"{PYTHON} manage.py rqworker default"),
        ({"command": "python manage.py crunch --at 5% ${MODE}"}, "/usr/bin/env python manage.py crunch --at 5%% ${MODE}"),
    ],
)
def test_each_kind_is_run_by_its_own_command(said: dict[str, Any], command: str) -> None:
    assert unit_of(**said)["command"] == command


@pytest.mark.parametrize(
    "environment",
    [
        {"SITE_SETTINGS_MODULE": "config.settings.production", "DJANGO_SETTINGS_MODULE": "site_settings"},
        {"DJANGO_SETTINGS_MODULE": "config.settings"},
    ],
)
def test_the_shell_finds_celery_s_application_in_the_package_of_the_settings(environment: dict[str, str]) -> None:
    # As systemd reads it: one of each two signs.
    line = unit_of(kind="celery")["command"].replace("$$", "$").replace("%%", "%")
    words = shlex.split(line.replace(PYTHON, "/bin/echo"))

    told = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)

    assert told.stdout.startswith("-m celery --app config worker --hostname mail-%i@%h ")


@pytest.mark.parametrize(
    ("said", "signal", "seconds", "overlap"),
    [
        ({"kind": "celery"}, "SIGTERM", 3600, True),
        ({"kind": "celery", "arguments": "--beat"}, "SIGTERM", 3600, False),
        ({"kind": "celery", "arguments": "-B", "overlap": True}, "SIGTERM", 3600, True),
        ({"kind": "django_tasks"}, "SIGTERM", 3600, True),
        ({"kind": "huey"}, "SIGINT", 60, False),
        ({"kind": "huey", "arguments": "--no-periodic", "overlap": True, "finish_seconds": 7200}, "SIGINT", 7200, True),
        ({"kind": "channels", "queues": ["x"]}, "SIGINT", 10, True),
        ({"kind": "celery_beat"}, "SIGTERM", 60, False),
        ({"command": "x"}, "SIGTERM", 60, True),
        ({"command": "x", "single": "yes"}, "SIGTERM", 60, False),
        ({"command": "x", "stop_signal": "SIGQUIT"}, "SIGQUIT", 60, True),
    ],
)
def test_each_kind_finishes_in_its_own_way(said: dict[str, Any], signal: str, seconds: int, overlap: bool) -> None:
    unit = unit_of(**said)

    assert (unit["signal"], unit["finish_seconds"], unit["overlap"]) == (signal, seconds, overlap)


def test_a_program_that_runs_one_task_at_a_time_is_as_many_units() -> None:
    said = [{"name": "rows", "kind": "django_tasks", "processes": 3}, {"name": "mail", "kind": "celery", "processes": 3}]

    assert [unit["name"] for unit in worker_units(said, "/srv/shop")] == ["rows", "rows-2", "rows-3", "mail"]


def test_a_unit_tells_its_program_once_and_waits_as_long_as_its_tasks_may_take() -> None:
    unit = unit_of(kind="celery", memory_max_mb=300, finish_seconds=7200)

    lines = render_template("workers", UNIT, **SHOP, item=unit).splitlines()

    assert {"KillMode=mixed", "KillSignal=SIGTERM", "TimeoutStopSec=7200", "MemoryMax=300M", "User=shop"} <= set(lines)
    assert f"ExecStart={unit['command']}" in lines
    # In this order: what is said of the worker alone comes last.
    assert [line.partition("=")[2] for line in lines if line.startswith("EnvironmentFile=")] == [
        "/srv/shop/etc/environment",
        "/srv/shop/releases/%i/release.env",
        "/srv/shop/etc/workers/mail.env",
    ]
    assert "MemoryMax" not in render_template("workers", UNIT, **SHOP, item=unit_of(command="x"))


def test_systemd_kills_what_one_host_alone_may_run_when_its_guard_hangs() -> None:
    """Before another host may begin: a guard shows after each look that it still looks."""
    lines = render_template("workers", UNIT, **SHOP, item=unit_of(kind="celery_beat")).splitlines()

    assert {"Type=notify", "NotifyAccess=main", f"WatchdogSec={guard.WATCHDOG_SECONDS:.0f}", "WatchdogSignal=SIGKILL"} <= set(
        lines
    )
    assert singles.ALIVE_SECONDS + guard.WATCHDOG_SECONDS < singles.DEAD_SECONDS
    others = render_template("workers", UNIT, **SHOP, item=unit_of(kind="celery")).splitlines()
    assert "Type=exec" in others and "WatchdogSec=3" not in others


def said_of(setting: str, text: str) -> list[str]:
    return [word for line in text.splitlines() if line.startswith(f"{setting}=") for word in line.partition("=")[2].split()]


def test_what_workers_need_goes_after_them_and_is_restarted_while_they_finish() -> None:
    """systemd holds back all that a stopping unit comes after, so that a worker comes after what is never restarted alone."""
    unit, needed = (render_template("workers", name, **SHOP, item=unit_of(kind="celery")) for name in (UNIT, NEEDED))

    assert said_of("After", unit) == said_of("Wants", unit) == ["shop-workers.target"]
    assert {"postgresql.service", "shop-database.service", "valkey-server.service", "redis-server.service"} < {
        *said_of("After", needed)
    }


@pytest.mark.parametrize(("state", "killed"), [("running", False), ("degraded", False), ("stopping", True)])
def test_only_a_host_that_shuts_down_kills_what_has_not_finished_soon(state: str, killed: bool, tmp_path: Path) -> None:
    text = render_template("workers", UNIT, **SHOP, item=unit_of(kind="celery"), workers_shutdown_seconds=0)
    [line] = [line.removeprefix("ExecStop=+") for line in text.splitlines() if line.startswith("ExecStop=")]
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\ntest "$1" = is-system-running && echo {state} || echo "$@" > {tmp_path}/told\n')
    systemctl.chmod(0o755)

    words = shlex.split(line.replace("$$", "$").replace("%n", "this.service").removesuffix("&'") + "'")
    subprocess.run(words, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)

    assert "&'" in line, "systemd sends the signal only when this has returned"
    told = tmp_path / "told"
    assert (told.read_text().strip() if told.exists() else "") == ("kill --signal=SIGKILL this.service" if killed else "")


def test_a_worker_may_do_what_the_site_may() -> None:
    """The roles know nothing of each other, so that each has this list; nobody may change one alone."""
    same: dict[str, Any] = {"writable_paths": ["/srv/more"], "denied_addresses": ["10.0.0.1"], "bindable_ports": [9000]}
    same |= {"media_path": "/data/shop"}
    same |= {"site_name": "shop", "open_files": 2048, "executable_memory_denied": True}

    found = [
        str(evaluate_for_role(role, f"{{{{ __{role}_sandbox }}}}", **{f"{role}_{name}": value for name, value in same.items()}))
        for role in ("gunicorn", "workers")
    ]

    assert found[0] == found[1]
    assert "MemoryDenyWriteExecute=yes" in found[0]


def test_the_release_engine_is_told_of_each_unit() -> None:
    programs = [{"name": "rows", "kind": "django_tasks", "processes": 2}, {"name": "huey", "kind": "huey"}]

    text = render_template("workers", "srv/_site_/etc/workers.json.j2", **SHOP, workers_programs=programs)

    assert json.loads(text) == {
        "finishing_releases": 2,
        "proof_seconds": 5,
        "singles": [],
        "units": {"huey": False, "rows": True, "rows-2": True},
        "when_too_many": "refuse",
    }


def test_a_value_of_a_worker_s_environment_is_data() -> None:
    unit = unit_of(command="x", environment={"A": 'b "$c"'})

    text = render_template("workers", "srv/_site_/etc/workers/_worker_.env.j2", **SHOP, item=unit)

    assert 'A="b \\"\\$c\\""' in text.splitlines()


def test_limits_beyond_the_host_s_memory_are_refused() -> None:
    programs = [{"name": "mail", "kind": "rq", "processes": 3, "memory_max_mb": 400}]

    def refused(memory: int) -> bool:
        given = SHOP | {"workers_programs": programs, "ansible_facts": {"memtotal_mb": memory}, "inventory_hostname": "app1"}
        [refusal] = evaluate_for_role("workers", "{{ __workers_refusals }}", **given)
        return not refusal["that"]

    assert refused(1024) and not refused(2048)


@pytest.mark.parametrize(
    ("group", "host", "runs"),
    [("", "app1", True), ("[worker]\napp2", "app1", False), ("[worker]\napp2", "app2", True)],
)
def test_workers_run_on_the_hosts_of_their_group_else_on_every_application_host(
    inventory_vars: Callable[..., dict[str, Any]], tmp_path: Path, group: str, host: str, runs: bool
) -> None:
    site = "[all:vars]\nsite_name=shop\nsite_domain=shop.example.org"
    given = inventory_vars(tmp_path, {"hosts": f"[lb]\napp1\n[app]\napp1\napp2\n[db]\napp1\n{group}\n{site}"})
    defaults = given["loader"].load_from_file(str(CHECKOUT / "roles/site/defaults/main.yml"), trusted_as_template=True)
    known = defaults | wiring() | {"groups": given["groups"], "hostvars": given["hostvars"], "inventory_hostname": host}
    known |= {"site_name": "shop", "site_workers": [{"name": "mail", "kind": "celery"}]}
    known["group_names"] = [name for name, hosts in given["groups"].items() if host in hosts]

    programs = evaluate_for_role("workers", "{{ workers_programs }}", **{**known, "workers_programs": known["workers_programs"]})

    assert bool(programs) is runs
    known |= {"ansible_facts": {"memtotal_mb": 4096}}
    percent = Templar(given["loader"], known).template(trust_as_template("{{ gunicorn_memory_percent }}"))
    alone = 70 if host == "app1" else 85
    assert percent == (alone - 9 if runs else alone)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"name": "Mail", "kind": "rq"}, "not the name of a worker"),
        ({"name": "mail-2", "kind": "rq"}, "not the name of a worker"),
        ({"name": "mail"}, "has no command"),
        ({"name": "mail", "kind": "rq", "command": "x"}, "has its own"),
        ({"name": "mail", "kind": "channels"}, "no queues"),
        ({"name": "mail", "kind": "huey", "queues": ["x"]}, "mean nothing"),
        ({"name": "mail", "kind": "celery", "application": "a b"}, 'application "a b"'),
        ({"name": "mail", "kind": "celery_beat", "queues": ["x"]}, "mean nothing"),
        ({"name": "mail", "kind": "celery_beat", "processes": 2}, "processes: 2"),
        ({"name": "mail", "kind": "celery_beat", "overlap": True}, "is single and has overlap"),
        ({"name": "mail", "command": "x", "single": "true", "overlap": "yes"}, "is single and has overlap"),
        ({"name": "mail", "kind": "rq", "application": "a"}, 'application "a"'),
        ({"name": "mail", "kind": "rq", "queues": ["a b"]}, 'queue "a b"'),
        ({"name": "mail", "command": "a 'b"}, "can't be read"),
        ({"name": "mail", "command": "a ; b"}, "semicolon"),
        ({"name": "mail", "command": " \n"}, "has no command"),
        ({"name": "mail", "command": "a\nb\n"}, "the command of the worker mail is of several lines"),
        ({"name": "mail", "kind": "rq", "arguments": "-a\n-b"}, "the arguments of the worker mail is of several lines"),
        ({"name": "mail", "kind": "rq", "arguments": "a \\"}, "can't be read"),
        ({"name": "mail", "kind": "rq", "environment": {"A B": "x"}}, "the worker mail"),
    ],
)
def test_a_worker_that_no_unit_could_run_is_refused_by_name(said: dict[str, Any], wrong: str) -> None:
    found = list(check_workers([said]))

    assert len(found) == 1 and wrong in found[0][0], found


def test_two_workers_of_one_name_are_refused_and_good_ones_are_not() -> None:
    mail = {"name": "mail", "kind": "celery", "application": "shop.celery:app", "queues": ["a.b", "c:d", "*"]}

    assert ["2 workers" in what for what, _remedy in check_workers([mail, mail])] == [True]
    assert not list(check_workers([mail, {"name": "other", "command": "sh -c 'a; b'\n", "environment": {"A": "b"}}]))


@pytest.mark.parametrize(
    ("percent", "memory", "tasks", "left"),
    [(85, 4096, 0, 85), (85, 4096, 2, 66), (70, "1024", "1", 31), (70, 1024, 9, 10)],
)
def test_what_serves_leaves_memory_to_the_tasks_of_two_releases(percent: int, memory: Any, tasks: Any, left: int) -> None:
    assert memory_beside_tasks(percent, memory, tasks) == left


def test_specs_and_the_filter_know_the_same_kinds() -> None:
    roles = {role.name: role for role in read_roles(CHECKOUT)}
    described = [roles["site"].options["site_workers"], roles["workers"].options["workers_programs"]]

    assert described[0]["options"] == described[1]["options"]
    assert described[0]["options"]["kind"]["choices"] == list(KINDS)


def test_the_role_writes_a_unit_and_an_environment_for_each_and_what_the_engine_is_told() -> None:
    programs = [{"name": "rows", "kind": "django_tasks", "processes": 2, "environment": {"A": "{{ b }}"}}]
    checks: list[str] = []

    def written(**given: Any) -> dict[str, Wanted]:
        loader = DataLoader()
        known: dict[str, Any] = {}
        for name in ("defaults", "vars"):
            path = CHECKOUT / "roles" / "workers" / name / "main.yml"
            known |= loader.load_from_file(str(path), trusted_as_template=True)
        templar = Templar(loader, known | SHOP | given)
        [packages, step] = templar.template(trust_as_template("{{ __workers_steps }}"))
        takes_turns = "workers_timers" in given or any("beat" in program["name"] for program in given.get("workers_programs", []))
        assert packages["when"] == takes_turns
        checks.append(step["host_files"]["check"])
        renderer = Renderer(templar, CHECKOUT / "roles" / "workers" / "templates", loader)
        asked = {name: value for name, value in step["host_files"].items() if name not in ("check", "remedy")}
        options = {"permissions": {}, "directories": [], "links": [], "absent": [], "left_alone": [], "subtree": ""} | asked
        wanted = wanted_set(CHECKOUT / "roles" / "workers" / "templates", Options(**options), renderer.render)
        return {item.path: item for item in wanted}

    files = written(workers_programs=programs)

    assert checks == ["systemctl daemon-reload"]
    assert sorted(path for path, item in files.items() if item.kind != ABSENT) == [
        "/etc/systemd/system/shop-worker-rows-2@.service",
        "/etc/systemd/system/shop-worker-rows@.service",
        "/etc/systemd/system/shop-workers.target",
        "/srv/shop/etc/workers.json",
        "/srv/shop/etc/workers/rows-2.env",
        "/srv/shop/etc/workers/rows.env",
    ]
    environment = files["/srv/shop/etc/workers/rows.env"]
    assert (environment.mode, environment.secret) == (0o600, True) and b'A="{{ b }}"' in environment.content
    assert b"worker rows-2 %i" in files["/etc/systemd/system/shop-worker-rows-2@.service"].content
    # A site without workers and timers has none of them.
    assert {(path, item.kind) for path, item in written().items()} == {
        ("/etc/systemd/system/shop-workers.target", ABSENT),
        ("/srv/shop/etc/workers.json", ABSENT),
        ("/srv/shop/etc/timers.json", ABSENT),
        *((f"/srv/shop/lib/timers/{name}.py", ABSENT) for name in PROGRAM),
    }

    # What one host alone runs needs the program of the timers as well.
    alone = written(workers_programs=[{"name": "beat", "kind": "celery_beat"}])
    assert {f"/srv/shop/lib/timers/{name}.py" for name in PROGRAM} < {path for path, item in alone.items() if item.kind != ABSENT}
    assert json.loads(alone["/srv/shop/etc/workers.json"].content)["singles"] == ["beat"]

    timed = written(workers_timers=[
        {"name": "tidy", "command": "sh -c 'echo 5%'", "calendar": "daily", "environment": {"A": "{{ b }}"}},
        {"name": "feeds", "command": "python manage.py feeds", "calendar": "Mon  06:00", "memory_max_mb": 200},
    ])  # fmt: skip
    assert shlex.split(checks[-1])[:2] == ["sh", "-c"]
    assert shlex.split(checks[-1])[2] == "systemd-analyze calendar -- 'daily' 'Mon 06:00' && systemctl daemon-reload"
    assert b'A="{{ b }}"' in timed["/srv/shop/etc/timers/tidy.env"].content
    assert timed["/srv/shop/etc/timers/tidy.env"].mode == 0o600
    assert json.loads(timed["/srv/shop/etc/timers.json"].content) == {"tidy": "daily", "feeds": "Mon 06:00"}
    run = timed["/etc/systemd/system/shop-timer-tidy@.service"].content.decode()
    ran = "run --calendar 'daily' --limit 3600 --overlap skip tidy %i -- sh -c 'echo 5%%'"
    assert f"ExecStart=/usr/bin/python3 -IBu /srv/shop/lib/timers {ran}\n" in run
    assert "MemoryMax=200M" in timed["/etc/systemd/system/shop-timer-feeds@.service"].content.decode()
    # As workers are.
    worker = files["/etc/systemd/system/shop-worker-rows@.service"].content.decode()
    assert run[run.index("LimitNOFILE=") :] == worker[worker.index("LimitNOFILE=") :]
    begin = timed["/etc/systemd/system/shop-timer-feeds.service"].content.decode()
    asked = "systemctl show --value --property=LastTriggerUSec shop-timer-feeds.timer"
    assert f'systemctl start --no-block "shop-timer-feeds@$$(date --date "$$({asked})" +%%s)000000.service"' in begin
    assert "\nConditionPathExists=/srv/shop/lib/timers/__main__.py\n" in begin
    calls = timed["/etc/systemd/system/shop-timer-feeds.timer"].content.decode()
    assert "OnCalendar=Mon 06:00\nAccuracySec=1s\n" in calls and "Persistent=no\n" in calls
