"""A site whose folders are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site.at("shop", str(tmp_path))
    for name in ("releases", "static", "venvs"):
        (tmp_path / name).mkdir()
    return site
