"""Releases on a disk, for whatever looks at them."""

from __future__ import annotations

import json

from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

OLD, MIDDLE, NEW = "20260101T000000-aaaaaaa", "20260102T000000-bbbbbbb", "20260103T000000-ccccccc"


def add(site: Site, release: str, *, served: bool = True, static: dict[str, str] | None = None) -> None:
    (site.release(release) / "static").mkdir(parents=True)
    for name, text in (static or {}).items():
        (site.release(release) / "static" / name).write_text(text)
    (site.release(release) / "RELEASE.json").write_text(json.dumps({"id": release}))
    if served:
        site.remember({"release": release, "action": "deploy"})
