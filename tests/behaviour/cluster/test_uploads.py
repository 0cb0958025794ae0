"""A folder that all hosts of a site mount: whichever of them takes an upload, each of them has it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab, Machine
from tests.behaviour.kit.sites import ENVIRON

pytestmark = pytest.mark.about("gunicorn", "django", "release_switch", "site")

MOUNT = "/mnt/pictures"
# What all lab hosts have of the machine, and every network file system gives its clients: the same files.
VOLUME = "/var/cache/lab/apt"
NUMBER = 877


@pytest.fixture
def mounting(lab: Lab) -> Iterator[list[Machine]]:
    """A balancer and two application hosts with one folder of the machine mounted, owned by the same account everywhere."""
    machines = [lab.lb, *lab.tier("app")[:2]]
    shared, name = f"{VOLUME}/uploads-{uuid.uuid4().hex[:8]}", ENVIRON.variables["site_name"]
    for machine in machines:
        machine.run(
            f"""
            getent group {name} >/dev/null || groupadd --gid {NUMBER} {name}
            getent passwd {name} >/dev/null || useradd --no-create-home --uid {NUMBER} --gid {NUMBER} {name}
            mkdir -p {shared} {MOUNT} && mount --bind {shared} {MOUNT}
            chown {name}:www-data {MOUNT} && chmod 2750 {MOUNT}
            """
        )
    yield machines
    for machine in machines:
        machine.run(f"umount --lazy {MOUNT}; rm -rf {shared}; rmdir {MOUNT}")


def test_each_application_host_stores_uploads_in_the_shared_folder(
    lab: Lab, workspace: Path, repositories: Path, mounting: list[Machine]
) -> None:
    site = Fleet(lab, ENVIRON, workspace / "shared-uploads", site_media_storage="shared", site_media_path=MOUNT)
    taking_part = {machine.name for machine in [*mounting, lab.db]}
    site.write_inventory(without=set(lab.machines) - taking_part)
    site.play("site").must_succeed()
    stored = {}
    for number in range(6):
        content = f"picture {number}".encode()
        answer = site.visitor.upload("/pictures", {"text_id": f"shared-{number}"}, f"{number}.bin", content)
        assert answer.status == 201, answer
        stored[answer.json["url"]] = content
    served = {name: int(view["stot"]) for name, view in site.views(lab.lb).items()}
    assert len(served) == 2 and all(served.values()), f"the requests reached {served}"
    for url, content in stored.items():
        assert site.visitor.get(url).body == content, url
    for machine in mounting:
        assert machine.run(f"find {MOUNT} -type f | wc -l") == str(len(stored)), f"{machine.name} sees other files"
