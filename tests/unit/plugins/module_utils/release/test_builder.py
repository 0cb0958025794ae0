"""What a build brings and a release does not need is not kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.release.builder import checks_wait, remove_leftovers


def test_folders_that_a_build_leaves_go_wherever_they_are_and_links_stay(tmp_path: Path) -> None:
    source, shared = tmp_path / "src", tmp_path / "shared"
    for folder in (
        shared,
        source / "node_modules" / "left",
        source / "front" / "node_modules" / "node_modules",
        source / "front" / "app",
    ):
        folder.mkdir(parents=True)
        (folder / "file.js").write_text("x")
    # A folder of the project that outlives releases: what it points to is none of the build's.
    (source / ".cache").symlink_to(shared)
    (source / "npm").write_text("x")
    remove_leftovers(source, ["node_modules", ".cache", "npm"])
    assert sorted(path.relative_to(source).as_posix() for path in source.rglob("*")) == [
        ".cache",
        "front",
        "front/app",
        "front/app/file.js",
        "npm",
    ]
    assert (shared / "file.js").exists()


@pytest.mark.parametrize(
    ("fresh", "pending", "wait"), [(True, ["shop.0001_initial"], True), (True, [], False), (False, ["shop.0002"], False)]
)
def test_checks_wait_for_the_first_tables_where_there_will_be_any(fresh: bool, pending: list[str], wait: bool) -> None:
    assert checks_wait({"fresh": fresh, "pending": pending}) is wait
