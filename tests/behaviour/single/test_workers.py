"""Background work over deploys: each task is done once, a long one by the release that took it, and nobody waits for it.

The tasks are real ones of Celery and of Django's own database worker, and a plain command takes others from a folder.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.behaviour.kit.confinement import CEILINGS, assert_exposure
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.about("workers", "release", "deploy", "rollback", "status"), pytest.mark.debian13]

KINDS = ("celery", "django_tasks")
# Or until the test has seen enough.
LONG_SECONDS = 600
# A queue in a folder: whoever renames a file has its task. As good workers do, it takes none after it was told to finish; some
# programs don't listen.
PROGRAM = """\
import os, signal, time
from pathlib import Path

folder, release = Path(os.environ["TASKS_LOG"]).parent, os.environ["SITE_RELEASE"]
told = []
signal.signal(signal.SIGTERM, lambda *_: None if "DEAF" in os.environ else told.append(1))


def tell(*words):
    with open(os.environ["TASKS_LOG"], "a") as log:
        log.write(" ".join(words) + "\\n")


while not told:
    for task in sorted(folder.glob("*.task")):
        try:
            mine = task.rename(task.with_suffix(".taken"))
        except FileNotFoundError:
            continue
        tell("begun", task.stem, release)
        until = time.monotonic() + float(mine.read_text())
        while time.monotonic() < until and not (folder / "log.enough").exists():
            time.sleep(0.05)
        tell("done", task.stem, release, release)
        break
    time.sleep(0.05)
"""


@dataclasses.dataclass(frozen=True)
class Done:
    """A task that was done, by which release, and which has queued it."""

    by: str
    queued_by: str


class Tasks:
    """The site's tasks: queued by the site itself or in a folder, and what was written of them when they were done."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = f"{site.root}/shared/tasks"
        self.log = f"{self.folder}/log"

    def add(self, kind: str, name: str, seconds: float) -> bool:
        """Queue a task, and say whether it was acknowledged."""
        if kind == "command":
            return self.add_file(name, seconds)
        answer = self.site.visitor.get(f"/?task={urllib.parse.quote(f'{kind} {name} {seconds}')}")
        return answer.status == 200 and bool(answer.json["queued"] == name)

    def add_file(self, name: str, seconds: float) -> bool:
        # Whole before it has its name.
        beside, task = f"{self.folder}/.{name}", f"{self.folder}/{name}.task"
        return self.site.app.succeeds(f"runuser -u {self.site.name} -- sh -c 'echo {seconds} > {beside} && mv {beside} {task}'")

    def told(self, what: str) -> list[list[str]]:
        rows = [line.split() for line in self.site.app.run(f"cat {self.log} 2>/dev/null || true").splitlines()]
        return [row[1:] for row in rows if row[0] == what]

    def done(self) -> dict[str, Done]:
        """What was done; a task that was begun or done twice is a failure."""
        for what in ("begun", "done"):
            twice = [name for name, times in Counter(row[0] for row in self.told(what)).items() if times > 1]
            assert not twice, f"{what} more than once: {twice}"
        return {name: Done(by, queued_by) for name, by, queued_by in self.told("done")}

    def await_begun(self, *names: str) -> None:
        await_that(lambda: {*names} <= {row[0] for row in self.told("begun")}, 30, lambda: f"not begun: {names}")

    def await_done(self, *names: str, seconds: float = 20) -> dict[str, Done]:
        await_that(lambda: {*names} <= self.done().keys(), seconds, lambda: f"not done: {sorted({*names} - self.done().keys())}")
        return self.done()


class Feed:
    """Has the site queue tasks all the time: most are short, some are not."""

    def __init__(self, tasks: Tasks) -> None:
        self.tasks = tasks
        self.acknowledged: list[str] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        for number, kind in enumerate(itertools.cycle(KINDS)):
            if self._ended.wait(0.25):
                return
            name = f"{kind}-{number}"
            if self.tasks.add(kind, name, 5 if number % 30 < len(KINDS) else 0.1):
                self.acknowledged.append(name)


def await_that(condition: Callable[[], bool], seconds: float, otherwise: Callable[[], str]) -> None:
    deadline = time.monotonic() + at_pace(seconds)
    while not condition():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.3)


def units(site: Site) -> dict[str, str]:
    """The instances of the site's workers, as <worker>@<release>, with their states."""
    listed = site.app.run(
        f"systemctl list-units --plain --no-legend --full --all '{site.name}-worker-*@*.service' | awk '{{print $1, $3}}'"
    )
    states = dict(line.split() for line in listed.splitlines())
    # What has ended may still be loaded.
    there = {unit: state for unit, state in states.items() if state != "inactive"}
    return {unit.removeprefix(f"{site.name}-worker-").removesuffix(".service"): state for unit, state in there.items()}


def unit_of(site: Site, instance: str) -> str:
    return f"{site.name}-worker-{instance}.service"


def said_by_status(site: Site) -> str:
    return json.dumps(site.play("status", status_format="json").must_succeed().output)


def workers(site: Site, **of_the_command: object) -> list[dict[str, Any]]:
    return [
        {"name": "mail", "kind": "celery", "processes": 2},
        {"name": "thumbnails", "kind": "django_tasks", "processes": 2},
        {"name": "files", "command": f"python {site.root}/shared/work.py", "finish_seconds": 600, **of_the_command},
        # On one host of the fleet, here the only one.
        {"name": "beat", "kind": "celery_beat"},
    ]


@pytest.fixture(scope="module")
def tasks(plain: Site) -> Iterator[Tasks]:
    """A site with workers, until the module is done."""
    found, app = Tasks(plain), plain.app
    app.run("DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends valkey-server")
    # What a failed test may have left.
    app.run(
        f"systemctl kill --signal=SIGKILL '{plain.name}-worker-*@*.service' || true; rm -rf {found.folder}; valkey-cli flushall"
    )
    app.run(f"install -d -o {plain.name} -g {plain.name} -m 0750 {found.folder}")
    app.run(f"cat > {plain.root}/shared/work.py <<'EOT'\n{PROGRAM}EOT")
    app.run(f"chmod 0644 {plain.root}/shared/work.py")
    plain.variables["site_env"] = {"TASKS_LOG": found.log}
    plain.write_inventory()
    plain.deploy("tasks-1").must_succeed()
    plain.write_inventory(site_workers=workers(plain))
    plain.play("site").must_succeed()
    yield found
    app.run(f"touch {found.log}.enough")
    del plain.variables["site_env"]
    plain.write_inventory()
    plain.play("site").must_succeed()
    await_that(lambda: not units(plain), 30, lambda: f"still there: {units(plain)}")
    app.run(f"rm -rf {found.folder} {plain.root}/shared/work.py")
    app.run("DEBIAN_FRONTEND=noninteractive apt-get purge --yes --autoremove valkey-server")


def test_a_line_of_a_task_names_the_request_that_has_queued_it(plain: Site, tasks: Tasks) -> None:
    answer = plain.visitor.get(f"/?task={urllib.parse.quote('celery named 0.1')}")
    tasks.await_done("named")
    identity = answer.headers["X-Request-ID"]
    said = plain.play("logs", logs_request=identity, logs_programs="worker").must_succeed()
    assert said.says("succeeded", f"request_id={identity}"), said


def test_each_task_is_done_once_over_deploys_and_a_rollback(plain: Site, tasks: Tasks, figure: Callable[[str], None]) -> None:
    first = plain.current()
    long = {f"long-{kind}": kind for kind in (*KINDS, "command")}
    with Feed(tasks) as feed:
        for name, kind in long.items():
            assert tasks.add(kind, name, LONG_SECONDS)
        tasks.await_begun(*long)

        run = plain.deploy("tasks-2", site_keep_releases=2).must_succeed()

        second = plain.current()
        finishing = [instance for instance, state in units(plain).items() if state == "deactivating"]
        assert [instance for instance in finishing if instance.endswith(f"@{first}")] == finishing, finishing
        assert {instance.split("@")[0].split("-")[0] for instance in finishing} == {"mail", "thumbnails", "files"}, finishing
        assert {instance for instance, state in units(plain).items() if state == "active"} == {
            f"{worker}@{second}" for worker in ("mail", "thumbnails", "thumbnails-2", "files", "beat")
        }
        assert tasks.add("command", "long-second", LONG_SECONDS)
        tasks.await_begun("long-second")
        plain.deploy("tasks-3", site_keep_releases=2).must_succeed()
        third = plain.current()
        # With all that their tasks may still import; without workers that finish, two releases would be kept.
        assert not tasks.done().keys() & {*long}
        assert plain.releases() == [first, second, third]
        assert plain.app.succeeds(f"test -x {plain.root}/releases/{first}/venv/bin/python")
        said = said_by_status(plain)
        for instance in finishing:
            assert f"of release {first} finishes its tasks" in said and unit_of(plain, instance) in said, said
        assert plain.play("site").must_succeed().changed == 0
        # A third release that finishes would be one too many. Nothing was built, and nobody was told anything.
        refused = plain.deploy("tasks-1").must_fail()
        assert refused.says("Workers of 2 older releases still finish", unit_of(plain, f"files@{first}")), refused
        assert plain.releases() == [first, second, third] and units(plain)[f"files@{third}"] == "active"

        # A rollback is where older workers take what a newer release has queued. It waits for nobody.
        older = {name: task for name, task in tasks.done().items() if task.by < task.queued_by}
        assert not older, f"done by an older release than the one that queued it: {older}"
        plain.rollback().must_succeed()
        assert plain.current() == second
        assert units(plain)[f"files@{first}"] == units(plain)[f"files@{second}"] == "deactivating"
        # systemd holds back what a stopping unit comes after; an upgrade of these would wait for as long as tasks may take.
        assert plain.app.succeeds("timeout 30 systemctl start postgresql.service valkey-server.service")

        plain.app.run(f"touch {tasks.log}.enough")
        tasks.await_done(*long, "long-second")
    done = tasks.await_done(*feed.acknowledged, seconds=30)
    assert {done[name].by for name in long} == {first} and done["long-second"].by == second
    assert {task.by for task in done.values()} == {first, second, third}
    # A worker whose last task is done takes some seconds to end.
    await_that(lambda: set(units(plain).values()) == {"active"}, 30, lambda: f"still there: {units(plain)}")
    # Each of them has scheduled in its time.
    terms = plain.database.rows("SELECT release, result FROM hotclub.single_terms")
    assert {(release, "done") for release in (first, second, third)} <= {(release, result) for release, result in terms}, terms
    figure(f"tasks over two deploys and a rollback: {len(done)}; the deploy beside three long ones took {run.seconds:.0f} s")
    plain.app.run(f"rm {tasks.log}.enough")


def test_a_worker_that_does_not_live_undoes_the_deploy_and_the_old_one_goes_on(plain: Site, tasks: Tasks) -> None:
    serving, current, there = plain.serves(), plain.current(), units(plain)

    run = plain.deploy("tasks-worker-fails").must_fail()

    assert run.says("The worker mail of release", "no worker of this release starts"), run
    assert plain.serves() == serving and plain.current() == current
    assert units(plain) == there
    assert tasks.add("celery", "meanwhile", 0.1)
    assert tasks.await_done("meanwhile")["meanwhile"].by == current


def test_a_worker_gets_its_settings_and_the_sandbox_and_is_killed_when_it_does_not_listen(plain: Site, tasks: Tasks) -> None:
    plain.write_inventory(site_workers=workers(plain, environment={"DEAF": "yes"}, finish_seconds=3, memory_max_mb=200))
    plain.play("site").must_succeed()
    (instance,) = (name for name, state in units(plain).items() if name.startswith("files@") and state == "active")
    unit = unit_of(plain, instance)
    assert plain.app.run(f"systemctl show --value --property MemoryMax {unit}") == str(200 * 1024**2)
    assert_exposure(plain.app, unit, CEILINGS["site"])
    process = plain.app.run(f"systemctl show --value --property MainPID {unit}")
    status = plain.app.run(f"cat /proc/{process}/status")
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status, status
    assert tasks.add("command", "unheard", 600)
    tasks.await_begun("unheard")

    plain.write_inventory(site_workers=workers(plain, finish_seconds=3))
    plain.play("site").must_succeed()

    assert tasks.add("command", "heard", 0.1)
    tasks.await_done("heard")
    await_that(lambda: units(plain).get(instance) == "failed", 15, lambda: f"not killed: {units(plain)}")
    said = said_by_status(plain)
    assert "was killed before it had finished its tasks" in said and unit in said, said


def test_beat_schedules_in_one_release_at_a_time_and_ends_with_a_guard_that_hangs(plain: Site, tasks: Tasks) -> None:
    """What several hosts make of it, the cluster's tests say."""
    (instance,) = (name for name, state in units(plain).items() if name.startswith("beat@") and state == "active")
    unit, release = unit_of(plain, instance), plain.current()
    # Over all deploys before, too.
    terms = plain.database.rows(
        "SELECT extract(epoch FROM began), extract(epoch FROM seen) FROM hotclub.single_terms ORDER BY id"
    )
    assert all(float(after[0]) >= float(before[1]) for before, after in itertools.pairwise(terms)), terms
    before = len(tasks.told("ticked"))
    await_that(lambda: len(tasks.told("ticked")) > before, 15, lambda: plain.app.run(f"journalctl --unit {unit} | tail -20"))
    assert tasks.told("ticked")[-1] == [release]
    assert_exposure(plain.app, unit, CEILINGS["site"])
    assert plain.play("status").must_succeed().says("ON ONE HOST", "beat")

    process = plain.app.run(f"systemctl show --value --property MainPID {unit}")
    plain.app.run(f"kill -STOP {process}")
    await_that(
        lambda: plain.app.run(f"systemctl show --value --property MainPID {unit}") not in (process, "0"),
        15,
        lambda: plain.app.run(f"systemctl status {unit} || true"),
    )
    assert not plain.app.succeeds(f"kill -0 {process}")
    before = len(tasks.told("ticked"))
    await_that(lambda: len(tasks.told("ticked")) > before, 15, lambda: plain.app.run(f"journalctl --unit {unit} | tail -20"))
    # Of one beat alone.
    assert plain.app.run(f"pgrep --full --count '^{plain.root}/[^ ]*/python -B .*beat[.]py'") == "1"
