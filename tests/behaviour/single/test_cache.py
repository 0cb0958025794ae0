"""A cache that the project finds, and a broker that loses nothing, both for one site alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.behaviour.kit.confinement import assert_confined
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("valkey", "workers", "status", "django")]

PURPOSES = ("cache", "broker")
# Whoever has the sockets of both asks as the site, or as nobody at all.
ASKED = "cd / && $(command -v valkey-cli || command -v redis-cli) -s /run/{site}-valkey/{purpose}/valkey.sock"


def write_inventory(site: Site, **more: object) -> None:
    """The site's inventory, with its host in the group cache."""
    site.write_inventory(**more)
    path = site.folder / "hosts.yml"
    inventory = yaml.safe_load(path.read_text(encoding="utf-8"))
    inventory["all"]["children"]["cache"] = {"hosts": {site.app.name: {}}}
    path.write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")


def asked(site: Site, purpose: str, words: str) -> str:
    """What a server of the site says to the site itself; nothing while it starts."""
    ask = ASKED.format(site=site.name, purpose=purpose)
    password = f"/etc/hotclub/{site.name}-valkey/{purpose}/password"
    return site.app.run(f"export REDISCLI_AUTH=$(cat {password}); {ask} --user {site.name} {words} 2>/dev/null || true").strip()


def done(site: Site) -> list[str]:
    log = site.app.run(f"cat {site.root}/shared/tasks/log 2>/dev/null || true").splitlines()
    return [line.split()[1] for line in log if line.startswith("done ")]


def await_done(site: Site, name: str) -> None:
    deadline = time.monotonic() + at_pace(30)
    while name not in done(site):
        assert time.monotonic() < deadline, f"{name} is not among what was done: {done(site)}"
        time.sleep(0.3)


@pytest.fixture(scope="module")
def cached(plain: Site) -> Iterator[Site]:
    """A project with Celery whose settings read nothing, and that is told by its environment where cache and broker are."""
    app, worker = plain.app, {"name": "mail", "kind": "celery"}
    app.run(f"install -d -o {plain.name} -g {plain.name} -m 0750 {plain.root}/shared/tasks")
    plain.variables["site_env"] = {"TASKS_LOG": f"{plain.root}/shared/tasks/log"}
    write_inventory(plain)
    plain.play("site").must_succeed()
    plain.deploy("tasks-1").must_succeed()
    write_inventory(plain, site_workers=[worker])
    plain.play("site").must_succeed()
    yield plain
    del plain.variables["site_env"]
    plain.write_inventory()
    plain.play("site").must_succeed()
    app.run(f"rm -rf {plain.root}/shared/tasks /var/lib/{plain.name}-valkey")


def test_the_project_caches_and_another_run_changes_nothing(cached: Site) -> None:
    assert cached.play("site").must_succeed().changed == 0
    code = "from django.core.cache import cache; cache.set('greeting', 'hello'); print(cache.get('greeting'))"
    said = cached.play("manage", manage_command=f'shell -c "{code}"').must_succeed()
    assert said.says("hello"), said
    assert "greeting" in asked(cached, "cache", "--scan")
    for purpose in PURPOSES:
        assert_confined(cached.app, f"{cached.name}-{purpose}.service", "pool")


def test_a_task_outlives_the_end_of_its_broker(cached: Site) -> None:
    app = cached.app
    assert cached.visitor.get("/?task=celery%20first%200.1").status == 200
    await_done(cached, "first")
    worker = f"{cached.name}-worker-mail@{cached.current()}.service"
    app.run(f"systemctl stop {worker}")
    assert cached.visitor.get("/?task=celery%20waits%200.1").status == 200
    before = app.run(f"systemctl show --value --property MainPID {cached.name}-broker.service")
    app.run(f"systemctl kill --signal=SIGKILL {cached.name}-broker.service")
    deadline = time.monotonic() + at_pace(20)
    while asked(cached, "broker", "llen celery") != "1":
        assert time.monotonic() < deadline, app.run(f"journalctl -n 20 -u {cached.name}-broker.service")
        time.sleep(0.3)
    assert app.run(f"systemctl show --value --property MainPID {cached.name}-broker.service") != before
    assert "waits" not in done(cached)
    app.run(f"systemctl start {worker}")
    await_done(cached, "waits")


def test_nobody_else_is_answered_and_nothing_listens_outside(cached: Site) -> None:
    app = cached.app
    for purpose in PURPOSES:
        # Another account of the host doesn't reach the socket; by the port, a password is asked for.
        assert not app.succeeds(f"runuser -u nobody -- sh -c '{ASKED.format(site=cached.name, purpose=purpose)} ping'")
        port = asked(cached, purpose, "info server | grep ^tcp_port").partition(":")[2].strip()
        for login in ("", f"--user {cached.name} --pass wrong"):
            ask = f"$(command -v valkey-cli || command -v redis-cli) -p {port} {login}"
            answer = app.run(f"cd / && runuser -u nobody -- {ask} keys '*' 2>&1 || true")
            assert "NOAUTH" in answer or "WRONGPASS" in answer, answer
        listening = app.run(f"ss --listening --tcp --numeric --no-header | awk '{{print $4}}' | grep ':{port}$'").split()
        assert listening == [f"127.0.0.1:{port}"]
        assert "NOPERM" in asked(cached, purpose, "config set maxmemory 0")
        secret = f"/etc/hotclub/{cached.name}-valkey/{purpose}"
        assert not app.succeeds(f"runuser -u nobody -- sh -c 'cat {secret}/password || cat {secret}/users.acl'")


def test_status_names_them_and_what_is_wrong(cached: Site) -> None:
    assert "used_mb" in json.dumps(cached.play("status", status_format="json").must_succeed().output)
    cached.app.run(f"systemctl stop {cached.name}-cache.service")
    try:
        told = cached.play("status")
    finally:
        cached.app.run(f"systemctl start {cached.name}-cache.service")
    assert told.says("the cache gives no answer", f"systemctl status {cached.name}-cache.service"), told


def test_one_is_switched_off_and_both_leave(cached: Site) -> None:
    app, name = cached.app, cached.name
    write_inventory(cached, site_cache_enabled=False)
    cached.play("site").must_succeed()
    environment = app.run(f"cat {cached.root}/etc/environment")
    assert "CELERY_BROKER_URL" in environment and "CACHE_URL" not in environment
    assert not app.succeeds(f"systemctl is-active {name}-cache.service")
    assert app.succeeds(f"systemctl is-active {name}-broker.service")
    assert cached.play("site").must_succeed().changed == 0
    cached.write_inventory()
    cached.play("site").must_succeed()
    left = app.run(f"find /etc /run -path '*{name}-valkey*' -type f; systemctl list-units --plain --no-legend '{name}-broker*'")
    assert left.strip() == "", left
    assert "REDIS_URL" not in app.run(f"cat {cached.root}/etc/environment")
    assert cached.play("site").must_succeed().changed == 0
