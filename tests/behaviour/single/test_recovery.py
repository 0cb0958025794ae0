"""The current release serves again without help: after a crash, a stop, and a restart of the host."""

from __future__ import annotations

import time

import pytest

from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions

pytestmark = pytest.mark.about("gunicorn", "django")


def stop_for_good(site: Site) -> None:
    site.app.run(f"systemctl stop {' '.join(site.instances())}")
    assert site.instances() == []


def test_a_crashed_instance_comes_back(plain: Site) -> None:
    serving, _, _ = versions(plain)
    before = plain.app.run(f"systemctl show --value --property MainPID {plain.instances()[0]}")
    plain.app.run(f"systemctl kill --signal KILL {plain.instances()[0]}")
    plain.await_version(serving, seconds=30)
    after = plain.app.run(f"systemctl show --value --property MainPID {plain.instances()[0]}")
    assert before != after


def test_traffic_wakes_the_release_that_was_deployed_last(plain: Site) -> None:
    _, following, _ = versions(plain)
    plain.deploy(following).must_succeed()
    stop_for_good(plain)
    assert plain.visitor.get("/").json["version"] == following
    assert plain.instances() == [f"plain@{plain.current()}.service"]


@pytest.mark.debian12
def test_traffic_wakes_the_release_that_was_rolled_back_to(plain: Site) -> None:
    serving, following, _ = versions(plain)
    plain.deploy(following).must_succeed()
    plain.rollback().must_succeed()
    stop_for_good(plain)
    assert plain.visitor.get("/").json["version"] == serving


@pytest.mark.debian12
def test_traffic_wakes_the_old_release_after_a_refused_deploy(plain: Site) -> None:
    serving, _, _ = versions(plain)
    plain.deploy("wsgi-fails").must_fail()
    stop_for_good(plain)
    assert plain.visitor.get("/").json["version"] == serving


@pytest.mark.parametrize("how", [pytest.param("deploy", marks=pytest.mark.debian12), "rollback"])
def test_the_current_release_serves_after_a_restart_of_the_host(plain: Site, gallery: Site, how: str) -> None:
    serving, following, _ = versions(plain)
    plain.deploy(following).must_succeed()
    if how == "rollback":
        plain.rollback().must_succeed()
    expected, current = {"deploy": following, "rollback": serving}[how], plain.current()
    plain.app.restart()
    begin = time.monotonic()
    plain.await_version(expected)
    gallery.await_version("v1")
    assert time.monotonic() - begin < at_pace(60)
    assert plain.current() == current
    assert plain.instances() == [f"plain@{current}.service"]
    assert plain.play("site", site_version=expected).must_succeed().changed == 0


@pytest.mark.debian13
@pytest.mark.parametrize("project", ["plain", "gallery"])
def test_connections_are_renewed_after_a_restart_of_the_database(project: str, request: pytest.FixtureRequest) -> None:
    """Those that a thread keeps under WSGI, and those of the pool under ASGI."""
    site: Site = request.getfixturevalue(project)
    # Enough of them that a pool has connections to spare.
    assert {site.visitor.get("/").status for _ in range(20)} == {200}
    site.lab.db.run("systemctl restart postgresql")
    deadline = time.monotonic() + at_pace(30)
    while not site.lab.db.succeeds("cd / && runuser -u postgres -- psql -c 'SELECT 1'"):
        assert time.monotonic() < deadline, "PostgreSQL is not up again"
        time.sleep(0.2)
    answers = [site.visitor.get("/").status for _ in range(30)]
    assert answers == [200] * 30, answers
