"""An export is there as a whole or not at all, and for its operator alone."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.files.export import Export, append


def test_the_folder_has_its_name_once_everything_is_in_it(tmp_path: Path) -> None:
    export = Export(tmp_path / "shop")
    export.begin()
    assert export.part.stat().st_mode & 0o777 == 0o700 and not export.path.exists()
    (export.part / "database.dump").write_text("dump")
    export.finish()
    assert export.sizes() == {"database": 4, "uploads": 0} and not export.part.exists()
    assert export.path.stat().st_mode & 0o777 == 0o700


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    export = Export(tmp_path / "shop")
    export.path.mkdir()
    with pytest.raises(Trouble, match="is not overwritten"):
        export.begin()
    export.path.rmdir()
    export.begin()
    with pytest.raises(Trouble, match="another run fills it"):
        export.begin()
    export.drop()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Trouble, match="can't be made"):
        Export(tmp_path / "absent" / "shop").begin()


def test_a_folder_that_is_no_export_is_refused(tmp_path: Path) -> None:
    export = Export(tmp_path)
    with pytest.raises(Trouble, match="import_from"):
        export.sizes()
    (tmp_path / "database.dump").write_text("dump")
    with tarfile.open(tmp_path / "uploads.tar", "w:gz"):
        pass
    with pytest.raises(Trouble, match="a packed one"):
        export.sizes()
    with tarfile.open(tmp_path / "uploads.tar", "w"):
        pass
    assert export.sizes()["uploads"] > 0


def test_a_part_that_is_not_whole_is_no_part(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(bytes(512))
    append(tmp_path / "archive", tmp_path / "part", 512)
    assert (tmp_path / "archive").stat().st_mode & 0o777 == 0o600
    with pytest.raises(Trouble, match="did not arrive whole"):
        append(tmp_path / "archive", tmp_path / "part", 1024)
