"""Sets of files on a host: what is compared, changed, proved and taken back."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import (
    ABSENT,
    DIRECTORY,
    FILE,
    LINK,
    Wanted,
    apply,
    changes_of,
    pack,
    unpack,
)
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files_diff import account_name, diff_of, group_name

OWNER, GROUP = account_name(os.getuid()), group_name(os.getgid())


def text_file(path: Path, content: str, mode: int = 0o644, secret: bool = False) -> Wanted:
    return Wanted(str(path), FILE, content=content.encode(), owner=OWNER, group=GROUP, mode=mode, secret=secret)


def write(changes: list[Wanted], check: str = "") -> list[str]:
    needed = changes_of(changes)
    apply(needed, check)
    return [change.path for change in needed]


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    wanted = [text_file(tmp_path / "etc/nginx/nginx.conf", "http {}\n")]

    assert write(wanted) == [str(tmp_path / "etc"), str(tmp_path / "etc/nginx"), str(tmp_path / "etc/nginx/nginx.conf")]
    assert write(wanted) == []


def test_a_file_arrives_with_its_permissions_and_leaves_no_trace(tmp_path: Path) -> None:
    write([text_file(tmp_path / "key", "secret", mode=0o640)])

    assert (tmp_path / "key").read_text() == "secret"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["key"]


def test_a_wrong_mode_alone_is_a_change(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret")
    file.chmod(0o666)

    changes = changes_of([text_file(file, "secret", mode=0o600, secret=True)])

    assert [(part["before"], part["after"]) for part in diff_of(changes)] == [
        (f"{OWNER}:{GROUP} 0666\n", f"{OWNER}:{GROUP} 0600\n")
    ]


def test_looking_changes_nothing(tmp_path: Path) -> None:
    wanted = [text_file(tmp_path / "new/file", "x"), Wanted(str(tmp_path / "link"), LINK, target="new/file")]

    assert len(changes_of(wanted)) == 3
    assert list(tmp_path.iterdir()) == []


def test_links_and_absent_files(tmp_path: Path) -> None:
    (tmp_path / "default").write_text("old")
    wanted = [Wanted(str(tmp_path / "enabled"), LINK, target="/somewhere"), Wanted(str(tmp_path / "default"), ABSENT)]

    write(wanted)

    assert (tmp_path / "enabled").readlink() == Path("/somewhere")
    assert not (tmp_path / "default").exists()
    assert write(wanted) == []


def test_a_file_replaces_a_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("other")
    (tmp_path / "file").symlink_to("target")

    write([text_file(tmp_path / "file", "own")])

    assert not (tmp_path / "file").is_symlink()
    assert (tmp_path / "target").read_text() == "other"


def test_a_refused_set_is_put_back_as_it_was(tmp_path: Path) -> None:
    old, gone = tmp_path / "old", tmp_path / "gone"
    old.write_text("good")
    old.chmod(0o604)
    gone.symlink_to("elsewhere")
    before = old.stat().st_mode
    wanted = [
        Wanted(str(tmp_path / "folder"), DIRECTORY, owner=OWNER, group=GROUP, mode=0o755),
        text_file(tmp_path / "made/new", "bad"),
        text_file(old, "bad"),
        Wanted(str(gone), ABSENT),
    ]

    with pytest.raises(Trouble, match=r"(?s)refuses what was written.*unknown directive.*again as it was"):
        write(wanted, check="sh -c 'echo unknown directive >&2; exit 1'")

    assert sorted(file.name for file in tmp_path.iterdir()) == ["gone", "old"]
    assert (old.read_text(), old.stat().st_mode, gone.readlink()) == ("good", before, Path("elsewhere"))


def test_the_check_sees_the_new_files_and_runs_only_after_a_change(tmp_path: Path) -> None:
    wanted = [text_file(tmp_path / "config", "fine")]

    write(wanted, check=f"grep -q fine {tmp_path}/config")
    write(wanted, check="false")


def test_a_missing_check_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="no program no-such-program"):
        write([text_file(tmp_path / "config", "x")], check="no-such-program -t")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_everything_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "first").write_text("old")
    move = os.replace

    def no_room_for_the_second(source: str, target: str) -> None:
        if target.endswith("second"):
            raise OSError(errno.ENOSPC, "No space left on device", target)
        move(source, target)

    monkeypatch.setattr(os, "replace", no_room_for_the_second)

    with pytest.raises(Trouble, match=r"The disk is full: .*second can't be written"):
        write([text_file(tmp_path / "first", "new"), text_file(tmp_path / "second", "new")])

    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("first", "old")]


def test_what_can_not_be_put_back_is_named_beside_the_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("good")
    changes = changes_of([text_file(tmp_path / "config", "bad")])

    def no_way_back(path: str, found: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", path)

    monkeypatch.setattr("ansible_collections.hotclub.django.plugins.module_utils.machine.host_files.restore", no_way_back)

    with pytest.raises(Trouble, match=r"(?s)'false' refuses.*can't be put back in .*config \(Read-only file system\)"):
        apply(changes, "false")


def test_an_unknown_account_is_a_change_to_look_at_and_refused_when_made(tmp_path: Path) -> None:
    wanted = [text_file(tmp_path / "a", "x"), Wanted(str(tmp_path / "b"), FILE, owner="nobody-knows-me", mode=0o644)]

    changes = changes_of(wanted)

    assert diff_of(changes)[1]["after_header"] == f"{tmp_path}/b (nobody-knows-me:root 0644)"
    with pytest.raises(Trouble, match="user nobody-knows-me, which does not exist"):
        apply(changes)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way_is_refused_before_anything_changes(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(Trouble, match="it is a directory"):
        write([text_file(tmp_path / "a", "x"), text_file(tmp_path / "folder", "x")])
    assert not (tmp_path / "a").exists()


def test_a_diff_shows_content_but_no_secret(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("former-word")
    changes = changes_of(
        [text_file(tmp_path / "config", "port 80\n"), text_file(tmp_path / "password", "pass-word", secret=True)]
    )

    shown = str(diff_of(changes))

    assert "port 80" in shown
    assert "word\\n" not in shown.replace("/password", "")
    assert "secret content" in shown


def test_the_way_to_the_host_keeps_every_byte() -> None:
    wanted = [Wanted("/a", FILE, content=bytes(range(256)), mode=0o600, secret=True), Wanted("/b", LINK, target="/a")]

    assert unpack(pack(wanted)) == wanted
