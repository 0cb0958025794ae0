"""Services that several sites share."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.service import has_files


def test_a_service_is_needed_while_a_site_has_a_file(tmp_path: Path) -> None:
    assert not has_files(tmp_path / "none")
    assert not has_files(tmp_path)
    (tmp_path / "shop.cfg").touch()
    assert has_files(tmp_path)
