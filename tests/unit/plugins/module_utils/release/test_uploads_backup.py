"""Uploads of a moment: which of them come back, and what of today is left alone."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.uploads_backup import (
    Copies,
    Copy,
    moment_of,
    refuse_there,
)

WRITTEN = 1_700_000_000.25
COPY = Copy("c0ffee", WRITTEN + 60, "/srv/shop/shared/media")
SAVED = {"pictures/cat.jpg": b"a cat", "pictures/dog.jpg": b"a dog", "bill.pdf": b"a bill"}


class Restic(Copies):
    """Copies as restic tells of them."""

    @contextlib.contextmanager
    def _restic(self, *words: str) -> Iterator[IO[bytes]]:
        told = {"ls": self.listed, "dump": self.dumped, "snapshots": self.made}
        yield io.BytesIO(told[words[0]]())

    def made(self) -> bytes:
        times = ("2026-12-01T03:00:00.123456789Z", "2026-12-01T05:00:00.1+01:00", "2026-12-01T05:00:00Z")
        return json.dumps([{"id": time, "time": time, "paths": [COPY.folder]} for time in times]).encode()

    def listed(self) -> bytes:
        nodes = [{"id": COPY.id}, {"type": "dir", "path": f"{COPY.folder}/pictures", "mtime": "2023-11-14T22:13:20.25Z"}]
        for name, content in SAVED.items():
            path = f"{COPY.folder}/{name}"
            nodes.append({"type": "file", "path": path, "size": len(content), "mtime": "2023-11-14T22:13:20.25Z"})  # type: ignore[dict-item]
        return "\n".join(map(json.dumps, nodes)).encode()

    def dumped(self) -> bytes:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, content in SAVED.items():
                member = tarfile.TarInfo(f"{COPY.folder[1:]}/{name}")
                member.size, member.mtime, member.mode = len(content), int(WRITTEN), 0o640
                archive.addfile(member, io.BytesIO(content))
        return packed.getvalue()


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    (tmp_path / "copies").mkdir()
    (tmp_path / "copies/config").touch()
    return Restic("shop", tmp_path / "copies")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The uploads of today: one as it was, one that has changed, one that is new, and one that is gone."""
    media = tmp_path / "media"
    (media / "pictures").mkdir(parents=True)
    (media / "pictures/cat.jpg").write_bytes(SAVED["pictures/cat.jpg"])
    os.utime(media / "pictures/cat.jpg", (WRITTEN, WRITTEN))
    (media / "bill.pdf").write_bytes(b"another bill")
    (media / "new.pdf").write_bytes(b"new")
    return media


def test_the_newest_copy_not_after_the_moment_leads_there(copies: Copies) -> None:
    found = copies.before(moment_of("2026-12-01T04:30:00Z"))
    assert found and found.id == "2026-12-01T05:00:00.1+01:00"
    assert copies.before(moment_of("2026-12-01T02:00:00Z")) is None


def test_what_is_gone_comes_back_and_what_changed_since_is_as_it_was(copies: Copies, folder: Path) -> None:
    plan = copies.plan(COPY, folder, COPY.time)
    assert (list(plan.missing), list(plan.replaced)) == (["pictures/dog.jpg"], ["bill.pdf"])

    assert copies.bring(COPY, folder, COPY.time) == plan

    assert {name: (folder / name).read_bytes() for name in SAVED} == SAVED
    assert (folder / "new.pdf").read_bytes() == b"new"
    assert oct((folder / "bill.pdf").stat().st_mode & 0o777) == "0o640"
    again = copies.plan(COPY, folder, COPY.time)
    assert not again.missing and not again.replaced


def test_what_changed_between_the_copy_and_the_moment_is_right_as_it_is(copies: Copies, folder: Path) -> None:
    now = (folder / "bill.pdf").stat().st_ctime + 1
    assert copies.plan(COPY, folder, now).replaced == {}


def test_a_link_of_the_site_s_account_leads_nowhere(copies: Copies, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"of somebody else")
    (folder / "bill.pdf").unlink()
    (folder / "bill.pdf").symlink_to(tmp_path / "elsewhere")
    copies.bring(COPY, folder, COPY.time)
    assert (tmp_path / "elsewhere").read_bytes() == b"of somebody else"
    assert not (folder / "bill.pdf").is_symlink() and (folder / "bill.pdf").read_bytes() == SAVED["bill.pdf"]


def test_a_copy_beside_is_whole_and_refuses_a_folder_that_is_there(copies: Copies, folder: Path) -> None:
    beside = folder.with_name("media-restored-earlier")
    assert isinstance(copies, Restic)
    copies.beside(COPY, beside)
    assert {name: (beside / name).read_bytes() for name in SAVED} == SAVED
    with pytest.raises(Trouble, match=r"already\. Nothing was changed"):
        refuse_there(beside)
