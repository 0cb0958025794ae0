"""What pgBackRest is told, and by which of the sites that share a server."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal, Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import backups
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.backups import Backups, Wanted
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import FOR_BACKUPS

SHOP = Wanted("shop", "17", 5432, "pass-of-shop", [{"type": "local"}], 2, 7, 2, 7, 0, 1)
BUCKET = {
    "type": "s3",
    "bucket": "backups",
    "endpoint": "s3.example.org",
    "access_key_id": "key",
    "secret_access_key": "key-of-s3",
    "kept_fulls": 8,
}
KEPT = [backups.ARCHIVED, backups.SETTINGS, backups.CONFIGURATION]
RUNS = "ActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n"


class Host:
    """A host whose timer is in a state of our choice."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.shown = root, RUNS
        self.commands: list[str] = []
        self.backups = Backups(self.run, str(root))
        patch.setattr(pwd, "getpwnam", lambda _name: SimpleNamespace(pw_uid=os.getuid(), pw_gid=os.getgid()))
        patch.setattr(files, "put", lambda path, text, _mode=0, _owner=None: Path(path).write_text(text))

    def run(self, command: list[str], **_more: Any) -> Outcome:
        self.commands.append(" ".join(command))
        return Outcome(0, self.shown if "show" in command else "")

    def take(self, steps: Iterable[Any]) -> list[str]:
        taken = []
        for name, do in steps:
            taken.append(name)
            do()
        return taken

    def read(self, path: str) -> str:
        return (self.root / path).read_text()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    return Host(tmp_path, monkeypatch)


def test_a_second_run_does_nothing(host: Host) -> None:
    assert host.take(host.backups.steps(SHOP)) == [backups.CONFIGURATION, backups.SETTINGS, "start"]
    assert host.take(host.backups.steps(SHOP)) == []


def test_the_packages_own_file_is_roots(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.take(host.backups.steps(SHOP))
    (host.root / backups.PACKAGED).touch()
    owned: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "chown", lambda _path, user, group: owned.append((user, group)))
    monkeypatch.setattr(Path, "stat", lambda _self, **_more: SimpleNamespace(st_uid=106, st_mode=0o100640))

    assert host.take(host.backups.steps(SHOP)) == [backups.PACKAGED]
    assert owned == [(0, -1)]


def test_a_new_host_has_its_timer_started(host: Host) -> None:
    host.shown = "ActiveState=inactive\nUnitFileState=\nNeedDaemonReload=no\n"
    assert host.take(host.backups.steps(SHOP))[2:] == ["reload", "enable", "start"]


def test_only_pgbackrests_own_file_has_secrets(host: Host) -> None:
    host.take(host.backups.steps(replace(SHOP, repositories=[BUCKET])))
    for secret in ("pass-of-shop", "key-of-s3"):
        assert secret in host.read(backups.CONFIGURATION)
        assert secret not in host.read(backups.SETTINGS)
        assert not any(secret in command for command in host.commands)


def test_a_repository_on_the_host_itself() -> None:
    lines = SHOP.configuration().splitlines()
    assert "repo1-path=/var/lib/pgbackrest/shop" in lines
    assert {"repo1-cipher-type=aes-256-cbc", "repo1-cipher-pass=pass-of-shop", "repo1-retention-full=2"} <= set(lines)
    assert "pg1-path=/var/lib/postgresql/17/main" in lines
    assert not any("async" in line or "queue" in line for line in lines)
    assert not SHOP.is_elsewhere


def test_several_repositories_are_archived_beside_the_server() -> None:
    wanted = replace(SHOP, repositories=[{"type": "local", "path": "/mnt/backups"}, BUCKET], queue_mb=4096)
    lines = set(wanted.configuration().splitlines())
    assert {"repo1-path=/mnt/backups/shop", "repo2-type=s3", "repo2-s3-endpoint=s3.example.org", "repo2-path=/shop"} <= lines
    assert {"repo1-retention-full=2", "repo2-retention-full=8", "repo2-cipher-pass=pass-of-shop"} <= lines
    assert {"archive-async=y", "archive-push-queue-max=4096MiB"} <= lines
    assert json.loads(wanted.settings())["queue_mb"] == 4096
    places = json.loads(wanted.settings())["repositories"]
    assert [(place["number"], place["where"], place["elsewhere"]) for place in places] == [
        (1, "/mnt/backups/shop", False),
        (2, "s3.example.org/backups/shop", True),
    ]


def test_one_folder_that_takes_nothing_stops_the_archive_of_no_other() -> None:
    wanted = replace(SHOP, repositories=[{"type": "local"}, {"type": "local", "path": "/mnt/backups"}])
    assert "archive-async=y" in wanted.configuration().splitlines()


def test_a_server_is_backed_up_for_the_first_of_its_sites_until_it_leaves(host: Host) -> None:
    blog = replace(SHOP, site="blog", passphrase="pass-of-blog")
    host.take(host.backups.steps(SHOP))
    assert host.take(host.backups.steps(blog)) == []
    assert host.take(host.backups.leave("blog")) == []
    (host.root / backups.ARCHIVED).parent.mkdir(parents=True)
    (host.root / backups.ARCHIVED).touch()
    assert host.take(host.backups.leave("shop")) == ["disable", "stop", *KEPT]
    assert host.backups.keeper == ""
    assert host.take(host.backups.steps(blog))
    assert "/var/lib/pgbackrest/blog" in host.read(backups.CONFIGURATION)


def test_another_passphrase_than_that_of_the_backups_is_refused(host: Host) -> None:
    host.take(host.backups.steps(SHOP))
    other = replace(SHOP, passphrase="made-by-another-controller")
    with pytest.raises(Refusal, match="another passphrase"):
        host.take(host.backups.steps(other))
    (host.root / "mnt/anew").mkdir(parents=True)
    host.take(host.backups.steps(replace(other, repositories=[{"type": "local", "path": "/mnt/anew"}])))


@pytest.mark.parametrize("repositories", [[BUCKET], [{"type": "local"}, BUCKET], [BUCKET, {"type": "local"}]])
def test_another_passphrase_is_refused_wherever_the_backups_are(host: Host, repositories: list[dict[str, Any]]) -> None:
    wanted = replace(SHOP, repositories=repositories)
    host.take(host.backups.steps(wanted))
    for anew in (False, True):
        # A storage elsewhere can't be set aside.
        with pytest.raises(Refusal, match="another passphrase"):
            host.take(host.backups.steps(replace(wanted, passphrase="other", anew=anew, repositories=repositories[::-1])))
    assert "cipher-pass=other" not in host.read(backups.CONFIGURATION)
    host.take(host.backups.steps(replace(wanted, passphrase="other", repositories=[BUCKET | {"bucket": "another"}])))


def test_a_folder_for_backups_has_to_be_there_since_its_disk_may_not_be_mounted(host: Host) -> None:
    wanted = replace(SHOP, repositories=[{"type": "local", "path": "/mnt/backups"}])
    with pytest.raises(Refusal, match="/mnt/backups of pgbackrest_repositories is not on"):
        host.take(host.backups.steps(wanted))
    (host.root / "mnt/backups").mkdir(parents=True)
    folder = host.root / "mnt/backups/shop"
    assert host.take(host.backups.steps(wanted))[0] == "/mnt/backups/shop"
    assert folder.stat().st_mode & 0o777 == 0o750
    assert host.take(host.backups.steps(wanted)) == []
    # With new secrets it is set aside, and begun anew.
    anew = host.take(host.backups.steps(replace(wanted, passphrase="another", anew=True)))
    assert anew[:2] == ["begin anew", "/mnt/backups/shop"] and folder.is_dir()
    # One that has gone since.
    folder.rmdir()
    with pytest.raises(Refusal, match="/mnt/backups/shop of pgbackrest_repositories is not on"):
        host.take(host.backups.steps(replace(wanted, passphrase="another")))


def test_backups_that_end_stop_one_that_is_under_way_before_anything_is_removed(host: Host) -> None:
    host.take(host.backups.steps(SHOP))
    (host.root / backups.DRILL / "data").mkdir(parents=True)
    host.commands.clear()
    assert host.take(host.backups.leave("shop"))[-1] == "drill"
    assert host.commands == [f"systemctl disable --quiet --now {backups.TIMER}", f"systemctl stop {backups.SERVICE}"]
    assert not (host.root / backups.DRILL).exists()


@pytest.mark.parametrize("path", ["etc/postgresql/17/main/postgresql.conf", "etc/postgresql/17/main/conf.d/own.conf"])
def test_a_server_that_something_else_archives_is_left_to_it(host: Host, path: str) -> None:
    file = host.root / path
    file.parent.mkdir(parents=True)
    file.write_text("archive_command = 'wal-g wal-push %p'\n")
    with pytest.raises(Refusal, match="wal-g"):
        host.take(host.backups.steps(SHOP))
    file.write_text(f"#archive_command = 'x'\narchive_command = ''\narchive_command = '{FOR_BACKUPS['archive_command']}'\n")
    host.take(host.backups.steps(SHOP))


def test_a_host_without_backups_says_so(host: Host) -> None:
    with pytest.raises(Trouble, match="makes no backups"):
        host.backups.ask("look")


def test_what_the_program_says_is_the_message(host: Host) -> None:
    host.take(host.backups.steps(SHOP))
    host.backups.run = lambda *_words, **_more: Outcome(1, "", "backup failed: no room\n")
    with pytest.raises(Trouble, match="no room"):
        host.backups.ask("backup", "full")


def test_a_site_with_new_secrets_sets_its_backups_aside_and_begins_anew(host: Host) -> None:
    host.take(host.backups.steps(SHOP))
    (host.root / "var/lib/pgbackrest/shop/backup").mkdir(parents=True)
    archived = host.root / backups.ARCHIVED
    archived.parent.mkdir(parents=True)
    archived.touch()
    anew = replace(SHOP, passphrase="another", anew=True)
    assert host.take(host.backups.steps(anew)) == ["begin anew", backups.CONFIGURATION, "start"]
    assert not archived.exists()
    assert [path.name.partition(".")[0] for path in (host.root / "var/lib/pgbackrest").iterdir()] == ["shop"]
    assert not (host.root / "var/lib/pgbackrest/shop").exists()
    assert host.take(host.backups.steps(anew)) == []


def test_nobody_but_postgresql_reads_the_passphrase(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = {}
    monkeypatch.setattr(files, "put", lambda path, _text, mode=0, owner=None: modes.update({Path(path).name: (mode, owner)}))
    host.take(host.backups.steps(SHOP))
    assert modes == {"pgbackrest.conf": (0o640, (0, os.getgid())), "backups.json": (0o644, None)}


def test_check_mode_writes_nothing(host: Host) -> None:
    assert [name for name, _do in host.backups.steps(SHOP)] == [backups.CONFIGURATION, backups.SETTINGS, "start"]
    assert list(host.root.iterdir()) == []
    assert all(command.startswith("systemctl show") for command in host.commands)


KEEPER = {"name": "backup1", "address": "10.0.0.51", "port": 10432, "path": "/mnt/backups"}
SENT = replace(SHOP, repositories=[{"type": "local"}, {"type": "host", "kept_fulls": 8}], host=KEEPER)


def test_backups_are_sent_to_a_host_over_tls_and_encrypted_here() -> None:
    told = dict(line.split("=", 1) for line in SENT.configuration().splitlines() if line.startswith("repo2-"))

    assert (told["repo2-host"], told["repo2-host-type"], told["repo2-host-port"]) == ("10.0.0.51", "tls", "10432")
    assert told["repo2-path"] == "/mnt/backups/shop"
    assert told["repo2-host-config"] == "/etc/hotclub/shop-backup/pgbackrest.conf"
    assert {told[f"repo2-host-{one}-file"].rpartition("/")[0] for one in ("ca", "cert", "key")} == {
        "/etc/hotclub/shop-backup/certificate"
    }
    assert (told["repo2-cipher-type"], told["repo2-cipher-pass"]) == ("aes-256-cbc", "pass-of-shop")
    assert told["repo2-retention-full"] == "8"
    assert "archive-async=y" in SENT.configuration()
    places = json.loads(SENT.settings())["repositories"]
    assert places[1] == {"number": 2, "where": "backup1:/mnt/backups/shop", "elsewhere": True}


def test_backups_on_a_host_by_another_passphrase_are_refused_and_never_set_aside(host: Host) -> None:
    host.take(host.backups.steps(SENT))
    other = replace(SENT, passphrase="another", anew=True)
    with pytest.raises(Refusal, match="encrypted by another passphrase"):
        host.take(host.backups.steps(other))
    # Another host has nothing of it yet.
    elsewhere = replace(other, repositories=[{"type": "host"}], host={**KEEPER, "address": "10.0.0.52"})
    assert backups.CONFIGURATION in host.take(host.backups.steps(elsewhere))


def test_what_proves_to_a_host_who_this_one_is_goes_when_nothing_is_sent_there(host: Host) -> None:
    folder = host.root / "etc/hotclub/shop-backup/certificate"
    folder.mkdir(parents=True)
    host.take(host.backups.steps(SENT))
    assert folder.exists()
    host.take(host.backups.steps(SHOP))
    assert not folder.exists()
    folder.mkdir()
    host.take(host.backups.leave("shop"))
    assert not folder.exists()
