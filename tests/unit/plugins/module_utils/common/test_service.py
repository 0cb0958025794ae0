"""Services that several sites share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service, has_files


def test_a_service_is_needed_while_a_site_has_a_file(tmp_path: Path) -> None:
    assert not has_files(tmp_path / "none")
    assert not has_files(tmp_path)
    (tmp_path / "shop.cfg").touch()
    assert has_files(tmp_path)


@pytest.mark.parametrize(("can", "action"), [("yes", "reload"), ("no", "restart")])
def test_a_service_that_knows_no_reload_is_restarted(tmp_path: Path, can: str, action: str) -> None:
    (tmp_path / "site.conf").touch()
    shown = f"ActiveState=active\nUnitFileState=enabled\nMainPID={os.getpid()}\nNeedDaemonReload=no\nCanReload={can}"
    service = Service("exporter.service", lambda *_words, **_more: Outcome(0, shown), units=tmp_path, stamps=tmp_path)

    assert list(service.needed_actions(tmp_path)) == [action]


UNUSED = {
    "ActiveState": "inactive",
    "UnitFileState": "enabled",
    "FragmentPath": "/usr/lib/systemd/system/pgbouncer.service",
    "DropInPaths": "",
}


@pytest.mark.parametrize(
    ("more", "actions"),
    [
        ({}, ["disable"]),
        ({"UnitFileState": "disabled"}, []),
        # What runs was there before, or was started by somebody.
        ({"ActiveState": "active"}, []),
        ({"ActiveState": "failed"}, []),
        ({"FragmentPath": "/etc/systemd/system/pgbouncer.service"}, []),
        ({"DropInPaths": "/etc/systemd/system/pgbouncer.service.d/override.conf"}, []),
    ],
)
def test_a_service_of_a_package_that_nobody_uses_does_not_start_at_boot(more: dict[str, str], actions: list[str]) -> None:
    shown = "\n".join(f"{name}={value}" for name, value in (UNUSED | more).items())

    assert list(Service("pgbouncer.service", lambda *_words, **_more: Outcome(0, shown)).unused_actions()) == actions
