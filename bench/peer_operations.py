"""The operations that pyinfra runs: what state.json in its folder says, and nothing more."""

from __future__ import annotations

import json
from pathlib import Path

from pyinfra.operations import apt, files, server, systemd

state = json.loads(Path("state.json").read_text(encoding="utf-8"))

for number, names in enumerate(state["packages"], start=1):
    apt.packages(name=f"Packages, group {number}", packages=names, no_recommends=True)
for file in state["files"]:
    files.put(
        name=f"The file {file['path']}",
        src=file["source"],
        dest=file["path"],
        user=file["user"],
        group=file["group"],
        mode=file["mode"],
    )
files.directory(name="The site's folder", **state["folder"])
server.sysctl(name="A kernel setting", **state["setting"])
server.user(name="The site's account", ensure_home=False, **state["account"])
for unit in state["services"]:
    systemd.service(name=f"The service {unit}", service=unit, running=True, enabled=True)
