"""A release that waits for its turn to serve: it takes no request before, and then does at once."""

from __future__ import annotations

import time

import pytest

from tests.behaviour.kit.sites import Site
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

MAKE_READY = "../tests/behaviour/kit/playbooks/ready"
# For its workers to load the project.
LOADED_SECONDS = 5


def waiting(site: Site) -> list[str]:
    return site.app.run(f"ls /run/{site.name} | grep waits || true").split()


# With gunicorn's own workers, and with those for ASGI.
@pytest.mark.parametrize("name", ["plain", "gallery"])
def test_a_release_that_is_ready_takes_no_request_before_its_turn(request: pytest.FixtureRequest, name: str) -> None:
    site: Site = request.getfixturevalue(name)
    site.at("v1").at("v2")
    before = site.instances()
    plan = site.load(rate=30)
    with constant_load(plan) as load:
        site.play(MAKE_READY).must_succeed()
        ready = site.instances()
        time.sleep(LOADED_SECONDS)
    verdict = judge(load.finish(), site.stored(plan))
    assert len(ready) == 2 and waiting(site), ready
    assert verdict.flawless, str(verdict)
    assert set(verdict.versions) == {"v2"}, "a release served before its turn"
    assert site.instances() == ready, "what waited has ended by itself"
    plan = site.load(rate=30)
    with constant_load(plan) as load:
        run = site.rollback().must_succeed()
    verdict = judge(load.finish(), site.stored(plan))
    assert verdict.flawless, str(verdict)
    assert site.serves() == "v1", run
    assert site.instances() == [unit for unit in ready if unit not in before], "another instance than the one that was ready"
    assert not waiting(site)


def test_a_release_whose_turn_never_comes_ends_with_the_next_run(plain: Site) -> None:
    plain.at("v1").at("v2")
    before = plain.instances()
    plain.play(MAKE_READY).must_succeed()
    assert len(plain.instances()) == 2
    plain.play("site", "--tags", "django").must_succeed()
    assert plain.instances() == before
    assert not waiting(plain)
    assert plain.serves() == "v2"
