"""What patch says of itself to whoever meets its lock."""

from __future__ import annotations

import yaml

from tests.unit.conftest import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"


def test_nobody_takes_a_host_over_that_is_upgraded_and_reboots() -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "tasks" / "patch_host.yml").read_text(encoding="utf-8"))[0]["block"]
    locks = [task["hotclub.django.release_lock"] for task in tasks if "hotclub.django.release_lock" in task]
    known = yaml.safe_load((PLAYBOOKS / "vars" / "patch.yml").read_text(encoding="utf-8"))

    assert [lock["silent_seconds"] for lock in locks] == ["{{ patch_silent_seconds }}"]
    assert known["patch_silent_seconds"] > 2 * (known["patch_reboot_seconds"] + known["patch_drain_seconds"])
