# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch uploaded files from a host, or send them to it, part by part: memory and room are needed for one part at a time."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.core import folder_of_run
from ansible_collections.hotclub.django.plugins.plugin_utils.files.export import append, close, cut, parts_of
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.transfer import Transfer

COUNTED = ("files", "bytes", "left_out")


class ActionModule(Transfer):
    """Controller side of site_uploads."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step, for the whole archive where it has to do with one."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        state = arguments.get("state")
        if state not in ("packed", "unpacked") or self._task.check_mode:
            return {} if state == "packed" else self.ask("site_uploads", arguments, task_vars)
        archive = Path(str(arguments["local"]))
        with tempfile.TemporaryDirectory(dir=folder_of_run(), prefix="uploads-") as folder:
            part = Path(folder) / "part"
            if state == "packed":
                return self._fetch(arguments, archive, part, task_vars)
            return self._send(arguments, archive, part, task_vars)

    def _fetch(self, arguments: dict[str, Any], archive: Path, part: Path, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        total: dict[str, Any] = {**dict.fromkeys(COUNTED, 0), "changed": False}
        while True:
            result = self.with_remote_file(lambda remote: self._fetch_part(arguments, str(remote), part, task_vars))
            if result.get("failed"):
                return result
            append(archive, part, result["length"])
            os.unlink(part)
            total.update({name: total[name] + result[name] for name in COUNTED})
            if not result["next"]:
                close(archive)
                return {**result, **total}
            arguments["after"] = result["next"]

    def _fetch_part(self, arguments: dict[str, Any], remote: str, part: Path, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result = self.ask("site_uploads", {**arguments, "file": remote}, task_vars)
        if not result.get("failed"):
            self.fetch_new(remote, str(part))
        return result

    def _send(self, arguments: dict[str, Any], archive: Path, part: Path, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        total: dict[str, Any] = {**dict.fromkeys(COUNTED, 0), "changed": True}
        # An archive of nothing makes a folder of nothing.
        for number, (begin, end) in enumerate(list(parts_of(archive)) or [(0, 0)]):
            cut(archive, begin, end, part)
            arguments["first"] = number == 0
            result = self.with_remote_file(lambda remote: self._send_part(arguments, part, str(remote), task_vars))
            if result.get("failed"):
                return result
            total.update({name: total[name] + result[name] for name in COUNTED})
        return {**result, **total}

    def _send_part(self, arguments: dict[str, Any], part: Path, remote: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        self.put(str(part), remote)
        return self.ask("site_uploads", {**arguments, "file": remote}, task_vars)
