"""What a first run would cut off or replace on a host that others use, too."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.machine import first_contact
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding, is_of_others, told
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import FILE, Wanted, apply, changes_of, of_others
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files_diff import account_name, group_name

OURS = b"""\
# Ansible managed
# What all sites of this host share.

# After a reload, old workers finish what they serve; web sockets would keep them for ever.
worker_shutdown_timeout 300s;
"""
PACKAGED = b"user www-data;\n# Read what others have written\ninclude /etc/nginx/conf.d/*.conf;\n"
SOMEBODYS = PACKAGED + b"stream { server { listen 5000; } }\n"


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The main file of nginx, and dpkg's list, which has the packaged one."""
    file = tmp_path / "nginx.conf"
    status = tmp_path / "status"
    status.write_text(f"Package: nginx-common\nConffiles:\n {file} {hashlib.md5(PACKAGED, usedforsecurity=False).hexdigest()}\n")
    monkeypatch.setattr(first_contact, "DPKG_LIST", status)
    monkeypatch.setattr(first_contact, "MAIN", re.compile(f"{re.escape(str(tmp_path))}/[^/]+"))
    return file


def ours(file: Path) -> Wanted:
    status = file.parent.stat()
    return Wanted(str(file), FILE, content=OURS, owner=account_name(status.st_uid), group=group_name(status.st_gid))


@pytest.mark.parametrize(
    ("found", "somebodys"),
    [
        (SOMEBODYS, True),
        (PACKAGED, False),
        (OURS, False),
        # An earlier version of ours, and one that somebody has edited since.
        (b"# Managed by us\n# What all sites of this host share.\nworker_processes 4;\n", False),
        (OURS + b"error_log syslog:server=10.0.0.1;\n", False),
        # Another project's that Ansible wrote.
        (b"# Ansible managed\n# The proxy of the intranet, written with care\nevents {}\n", True),
        (b"# only comments have nothing to lose\n\n", False),
        (b"", False),
    ],
)
def test_a_file_is_somebodys_work_unless_it_is_ours_or_the_package_s(nginx: Path, found: bytes, somebodys: bool) -> None:
    assert is_of_others(str(nginx), found, OURS) is somebodys


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/etc/nginx/nginx.conf", True),
        ("/etc/postgresql/17/main/pg_ident.conf", True),
        ("/etc/timezone", False),
        # nginx would read what is kept beside.
        ("/etc/nginx/sites-enabled/shop.conf", False),
    ],
)
def test_main_files_of_packages_are_asked_about_and_no_others(path: str, asked: bool) -> None:
    assert is_of_others(path, SOMEBODYS, OURS) is asked


def test_a_host_that_a_run_has_configured_is_not_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_contact, "OURS", (tmp_path / "settings", tmp_path / "hotclub"))
    assert first_contact.is_first()

    (tmp_path / "hotclub").mkdir()
    assert not first_contact.is_first()


def test_what_is_replaced_stays_beside_as_it_was_and_once(nginx: Path) -> None:
    kept = nginx.with_name("nginx.conf.before-hotclub")
    nginx.write_bytes(SOMEBODYS)
    nginx.chmod(0o640)
    changes = changes_of([ours(nginx)])

    assert [change.path for change in of_others(changes)] == [str(nginx)]
    apply(changes)
    assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (SOMEBODYS, 0o640)

    nginx.write_bytes(b"events {}\n")
    apply(changes_of([ours(nginx)]))
    assert (nginx.read_bytes(), kept.read_bytes()) == (OURS, SOMEBODYS)


def test_nothing_is_left_of_a_packaged_file(nginx: Path) -> None:
    nginx.write_bytes(PACKAGED)
    apply(changes_of([ours(nginx)]))

    assert not nginx.with_name("nginx.conf.before-hotclub").exists()


def test_a_step_with_nothing_to_tell_tells_nothing() -> None:
    assert told([]) == {}
    assert told([Finding("a", "b")]) == {"first_contact": [{"what": "a", "remedy": "b", "refused": False}]}
