"""The program that saves uploads: what restic is told, and what is refused before."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools.docs import CHECKOUT

# Python puts the folder of a program there as well.
sys.path.append(str(CHECKOUT / "roles/uploads_backup/templates/usr/local/lib/hotclub"))

import save_uploads

PLENTY = 10 * 2**30


@pytest.fixture
def save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Return a function that makes a copy, and says what restic was told."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media/a.pdf").write_bytes(b"x" * 2**20)
    (tmp_path / "copies/locks").mkdir(parents=True)

    def done(name: str = "hourly", codes: dict[str, list[int]] | None = None, free: int = PLENTY) -> list[str]:
        told: list[str] = []

        def restic(*words: str) -> int:
            told.append(" ".join(words))
            left = (codes or {}).get(words[0], [])
            return left.pop(0) if left else 0

        monkeypatch.setattr(save_uploads, "restic", restic)
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
        settings = {"SITE": "shop", "KEPT_DAYS": "21", "UPLOADS": str(tmp_path / "media")}
        save_uploads.save(name, settings | {"RESTIC_REPOSITORY": str(tmp_path / "copies")})
        return told

    return done


def test_the_first_copy_begins_the_repository(save: Callable[..., list[str]], tmp_path: Path) -> None:
    assert save("before-the-sale") == ["init", f"backup --host shop --tag before-the-sale {tmp_path}/media"]


def test_the_hourly_one_removes_what_is_too_old_and_what_a_killed_one_has_left(
    save: Callable[..., list[str]], tmp_path: Path
) -> None:
    (tmp_path / "copies/config").touch()
    (tmp_path / "copies/locks/1").touch()
    assert [words.split()[0] for words in save()] == ["unlock", "backup", "forget"]


def test_a_file_that_goes_meanwhile_is_no_failure_and_one_that_can_not_be_read_is(save: Callable[..., list[str]]) -> None:
    assert [words.split()[0] for words in save("once", {"backup": [3]})] == ["init", "backup", "backup"]
    with pytest.raises(save_uploads.SaveError, match="not whole"):
        save("once", {"backup": [3, 3]})


def test_a_copy_that_would_fill_the_disk_is_not_begun(save: Callable[..., list[str]], tmp_path: Path) -> None:
    with pytest.raises(
        save_uploads.SaveError, match=r"512 MiB free, and 1 MiB of uploads are new.*uploads_backup_path"
    ) as refused:
        save(free=513 * 2**20 - 1)
    assert str(tmp_path / "copies") in str(refused.value)


def test_a_repository_that_is_not_mounted_is_told(save: Callable[..., list[str]], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "copies")
    with pytest.raises(save_uploads.SaveError, match=r"There is no folder .*/copies. Mount what holds it"):
        save()
