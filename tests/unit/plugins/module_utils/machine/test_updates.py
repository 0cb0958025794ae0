"""Which upgrades wait on a host, since when, and which services run code that one has replaced."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine import updates as updates_module
from ansible_collections.hotclub.django.plugins.module_utils.machine.updates import (
    interrupting,
    services_with_replaced_code,
    summed,
    waiting,
)
from yaml import safe_load

from tests.unit.conftest import CHECKOUT

DAY = 24 * 3600
TOLD = """\
NOTE: This is only a simulation!
Inst nginx-common [1.26.3-3] (1.26.3-3+deb13u1 Debian-Security:13/stable-security [all])
Inst libssl3t64 [3.5.1-1] (3.5.4-1 Debian:13.3/stable, Debian-Security:13/stable-security [amd64]) []
Inst tzdata [2025b-4] (2025c-0+deb13u1 Debian:13.3/stable [all])
Inst linux-image-6.12.63 (6.12.63-1 Debian-Security:13/stable-security [amd64])
Conf tzdata (2025c-0+deb13u1 Debian:13.3/stable [all])
"""


@pytest.fixture(scope="module")
def program() -> ModuleType:
    path = str(CHECKOUT / "roles/os/templates/usr/local/lib/hotclub/waiting_updates.py")
    loader = importlib.machinery.SourceFileLoader("waiting_updates", path)
    spec = importlib.util.spec_from_loader("waiting_updates", loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_what_apt_would_upgrade_waits_since_it_was_first_seen(program: ModuleType) -> None:
    before = {"tzdata": {"version": "2025b-9", "security": False, "since": 100}, "gone": {"since": 1}}

    assert program.waiting(TOLD, before, 900) == {
        "nginx-common": {"version": "1.26.3-3+deb13u1", "security": True, "since": 900},
        "libssl3t64": {"version": "3.5.4-1", "security": True, "since": 900},
        "tzdata": {"version": "2025c-0+deb13u1", "security": False, "since": 100},
    }


def test_they_are_counted() -> None:
    updates = {
        "a": {"security": False, "since": 0},
        "c": {"security": True, "since": 3 * DAY},
        "b": {"security": True, "since": 5 * DAY},
    }

    found = summed(updates, 9.5 * DAY)

    assert found.facts() == {"count": 3, "security": ["b", "c"], "days": 9}
    assert found.security_days == 6
    assert summed({}, 9.5 * DAY).facts() == {"count": 0, "security": [], "days": 0}
    # A clock that jumped back.
    assert summed(updates, -DAY).days == 0


def test_a_host_that_tells_nothing_is_no_trouble(tmp_path: Path) -> None:
    program = tmp_path / "waiting_updates.py"
    assert waiting(lambda command: Outcome(0, "{}"), str(program)) is None
    program.touch()
    assert waiting(lambda command: Outcome(1, "", "apt is broken"), str(program)) is None
    one = json.dumps({"a": {"security": False, "since": 0}})
    told = waiting(lambda command: Outcome(0, one), str(program))
    assert told and told.count == 1


def process(root: Path, number: int, unit: str, mapped: str) -> None:
    folder = root / str(number)
    folder.mkdir()
    (folder / "exe").symlink_to("/usr/bin/python3.13")
    (folder / "cgroup").write_text(f"0::/system.slice/{unit}\n")
    (folder / "maps").write_text(f"7f00-7f01 {mapped}\n7f02-7f03 rw-p 00000000 00:01 1 /dev/zero (deleted)\n")


def test_services_are_found_whose_program_or_library_was_replaced(tmp_path: Path) -> None:
    process(
        tmp_path,
        1,
        "shop@20261123T081500-1a2b3c4.service",
        "r-xp 00001000 00:1f 5 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)",
    )
    process(
        tmp_path,
        2,
        "system-postgresql.slice/postgresql@17-main.service",
        "r-xp 00 00:1f 5 /usr/lib/postgresql/17/bin/postgres (deleted)",
    )
    process(tmp_path, 3, "ssh.service", "r-xp 00001000 00:1f 5 /usr/sbin/sshd (deleted)")
    process(tmp_path, 4, "nginx.service", "r-xp 00001000 00:1f 5 /usr/sbin/nginx")
    # No code: a file of translations, and memory that belongs to nobody else.
    process(tmp_path, 5, "haproxy.service", "r--p 00001000 00:1f 5 /usr/lib/locale/C.utf8/LC_CTYPE (deleted)")
    process(tmp_path, 6, "keepalived.service", "r-xp 00001000 00:1f 5 /memfd:jit (deleted)")

    found = services_with_replaced_code(tmp_path)

    assert found == ["postgresql@17-main.service", "shop@20261123T081500-1a2b3c4.service", "ssh.service"]
    assert interrupting(found, "shop") == found[:2]
    assert interrupting(["shop-tls.service", "shop2@1.service", "haproxy.service"], "shop") == [
        "shop-tls.service",
        "haproxy.service",
    ]


def test_workers_with_replaced_code_are_found_but_not_those_that_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = ("20261123T081500-1a2b3c4", "20261124T081500-2b3c4d5.w2")
    states = {f"shop-worker-mail-2@{older}.service": "deactivating", f"shop-worker-mail-2@{newer}.service": "active"}
    asked: list[str] = []

    def properties_of(units: list[str], *names: str) -> dict[str, dict[str, str]]:
        asked.extend(units)
        return {unit: {"Id": unit, "ActiveState": states[unit]} for unit in units}

    monkeypatch.setattr(updates_module, "properties_of", properties_of)
    others = [f"blog-worker-mail@{newer}.service", "nginx.service"]

    assert interrupting([*states, *others], "shop") == [f"shop-worker-mail-2@{newer}.service", "nginx.service"]
    assert asked == [*states]


@pytest.mark.parametrize(
    ("unit", "left_alone"),
    [
        ("nginx.service", True),
        ("postgresql@17-main.service", True),
        ("haproxy.service", True),
        ("keepalived.service", True),
        ("shop@20261123T081500-1a2b3c4.service", True),
        ("shop-worker-mail-2@20261123T081500-1a2b3c4.w2.service", True),
        ("shop-tls.service", True),
        ("ssh.service", False),
        ("getty@tty1.service", False),
    ],
)
def test_needrestart_leaves_alone_what_visitors_would_notice(unit: str, left_alone: bool) -> None:
    constants = safe_load((CHECKOUT / "roles/os/vars/main.yml").read_text())
    patterns = [each.replace(r"\@", "@") for each in constants["__os_interrupting_services"]]

    assert any(re.search(pattern, unit) for pattern in patterns) is left_alone
