"""Background work over deploys: each task is done once, a long one by the release that took it, and nobody waits for it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions

pytestmark = pytest.mark.about("workers", "release", "deploy", "rollback", "status")

LONG_SECONDS = 90
# A queue in a folder: whoever renames a file has its task. As good workers do, it takes none after it was told to finish.
PROGRAM = """\
import os, signal, time
from pathlib import Path

queue = Path(__file__).parent / "queue"
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
while not told:
    for task in sorted(queue.glob("*.todo")):
        if told:
            break
        mine = task.with_suffix(".doing")
        try:
            task.rename(mine)
        except FileNotFoundError:
            continue
        until = time.monotonic() + float(mine.read_text())
        while time.monotonic() < until:
            time.sleep(0.05)
        with open(queue / "done", "a") as done:
            done.write(f"{task.stem} {os.environ['SITE_RELEASE']} {os.environ.get('COLOUR', '')}\\n")
        mine.unlink()
    time.sleep(0.05)
"""


class Queue:
    """The queue of the site's worker, as the site's own code would see it."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = f"{site.root}/shared/queue"

    def add(self, name: str, seconds: float) -> None:
        # Whole before it has its name.
        beside, task = f"{self.folder}/.{name}", f"{self.folder}/{name}.todo"
        self.site.app.run(f"runuser -u {self.site.name} -- sh -c 'echo {seconds} > {beside} && mv {beside} {task}'")

    def done(self) -> dict[str, str]:
        """By task the release that has done it; a task that was done twice is a failure."""
        rows = [line.split() for line in self.site.app.run(f"cat {self.folder}/done 2>/dev/null || true").splitlines()]
        twice = [name for name, times in Counter(row[0] for row in rows).items() if times > 1]
        assert not twice, f"done more than once: {twice}"
        return {row[0]: row[1] for row in rows}

    def await_done(self, name: str, seconds: float = 20) -> str:
        deadline = time.monotonic() + at_pace(seconds)
        while name not in (done := self.done()):
            assert time.monotonic() < deadline, f"{name} was not done within {seconds} s, of {sorted(done)}"
            time.sleep(0.3)
        return done[name]

    def await_taken(self, name: str) -> None:
        deadline = time.monotonic() + at_pace(20)
        while not self.site.app.succeeds(f"test -e {self.folder}/{name}.doing"):
            assert time.monotonic() < deadline, f"nobody took {name}"
            time.sleep(0.2)


def units(site: Site) -> dict[str, str]:
    """The instances of the site's workers with their states."""
    listed = site.app.run(
        f"systemctl list-units --plain --no-legend --full --all '{site.name}-worker-*@*.service' | awk '{{print $1, $3}}'"
    )
    return dict(line.split() for line in listed.splitlines())


def worker(site: Site, **more: object) -> dict[str, object]:
    return {"name": "files", "command": f"python {site.root}/shared/work.py", "finish_seconds": 600, **more}


@pytest.fixture(scope="module")
def queue(plain: Site) -> Iterator[Queue]:
    """A site with a worker, until the module is done."""
    found = Queue(plain)
    plain.app.run(f"install -d -o {plain.name} -g {plain.name} -m 0750 {found.folder}")
    plain.app.run(f"cat > {plain.root}/shared/work.py <<'EOT'\n{PROGRAM}EOT")
    plain.app.run(f"chmod 0644 {plain.root}/shared/work.py")
    plain.write_inventory(site_workers=[worker(plain)])
    plain.play("site").must_succeed()
    yield found
    plain.write_inventory()
    plain.play("site").must_succeed()
    deadline = time.monotonic() + at_pace(30)
    while units(plain) and time.monotonic() < deadline:
        time.sleep(0.5)
    plain.app.run(f"rm -rf {found.folder} {plain.root}/shared/work.py")


@pytest.mark.debian13
def test_a_long_task_holds_up_no_deploy_and_keeps_its_release(plain: Site, queue: Queue) -> None:
    _, following, last = versions(plain)
    before = plain.current()
    queue.add("short-1", 0.1)
    assert queue.await_done("short-1") == before
    queue.add("long", LONG_SECONDS)
    queue.await_taken("long")

    began = time.monotonic()
    plain.deploy(following, site_keep_releases=1).must_succeed()
    took = time.monotonic() - began

    after = plain.current()
    assert took < LONG_SECONDS * 2 / 3, f"the deploy took {took:.0f} s"
    old, new = (f"plain-worker-files@{release}.service" for release in (before, after))
    assert units(plain) == {old: "deactivating", new: "active"}
    # What it may still import is there.
    assert plain.app.succeeds(f"test -d {plain.root}/releases/{before}/venv/bin/")
    queue.add("short-2", 0.1)
    assert queue.await_done("short-2") == after
    status = plain.play("status", status_format="json").must_succeed()
    assert "finishes its tasks" in json.dumps(status.output), status
    run = plain.play("site").must_succeed()
    assert run.changed == 0, run
    assert queue.await_done("long", LONG_SECONDS) == before
    deadline = time.monotonic() + at_pace(10)
    while units(plain) != {new: "active"}:
        assert time.monotonic() < deadline, units(plain)
        time.sleep(0.3)
    plain.deploy(last, site_keep_releases=1).must_succeed()
    assert before not in plain.releases()


@pytest.mark.debian13
def test_deploys_and_a_rollback_under_short_tasks_do_each_once(plain: Site, queue: Queue) -> None:
    _, following, last = versions(plain)
    names = [f"steady-{number}" for number in range(300)]
    plain.app.run(
        f'(for name in {" ".join(names)}; do runuser -u {plain.name} -- sh -c "echo 0.1 > {queue.folder}/.$name && '
        f'mv {queue.folder}/.$name {queue.folder}/$name.todo"; sleep 0.2; done) > /dev/null 2>&1 &'
    )
    plain.deploy(following).must_succeed()
    plain.deploy(last).must_succeed()
    plain.rollback().must_succeed()
    assert queue.await_done(names[-1], 90) == plain.current()
    assert not set(names) - queue.done().keys()


@pytest.mark.debian13
def test_a_worker_that_does_not_live_stops_the_deploy_and_the_old_one_goes_on(plain: Site, queue: Queue) -> None:
    serving, following, _ = versions(plain)
    current = plain.current()
    plain.write_inventory(site_workers=[worker(plain), {"name": "broken", "command": "python -m nothing_of_this_name"}])

    run = plain.play("site").must_fail()

    assert run.says("broken", "No module named nothing_of_this_name"), run
    assert plain.serves() == serving
    queue.add("meanwhile", 0.1)
    assert queue.await_done("meanwhile") == current
    assert plain.deploy(following).must_fail().says("broken")
    assert plain.serves() == serving
    plain.write_inventory(site_workers=[worker(plain)])
    plain.play("site").must_succeed()
    assert list(units(plain).values()).count("active") == 1


def test_new_settings_of_a_worker_replace_it_and_one_that_is_gone_finishes(plain: Site, queue: Queue) -> None:
    queue.add("under-way", 15)
    queue.await_taken("under-way")
    plain.write_inventory(site_workers=[worker(plain, environment={"COLOUR": "green"}, memory_max_mb=200)])

    plain.play("site").must_succeed()

    queue.add("green", 0.1)
    queue.await_done("green")
    assert plain.app.run(f"grep ^green {queue.folder}/done").endswith(" green")
    queue.await_done("under-way", 30)
    plain.write_inventory()
    plain.play("site").must_succeed()
    deadline = time.monotonic() + at_pace(15)
    while units(plain):
        assert time.monotonic() < deadline, units(plain)
        time.sleep(0.3)
    plain.write_inventory(site_workers=[worker(plain)])
    plain.play("site").must_succeed()
