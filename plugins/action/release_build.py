# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add to release_build who asks, and send the source along when it is a folder on the controller."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble, failure
from ansible_collections.hotclub.django.plugins.plugin_utils.core import folder_of_run
from ansible_collections.hotclub.django.plugins.plugin_utils.files.folders import Listed
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import account
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.transfer import Transfer

ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)", re.IGNORECASE)


class ActionModule(Transfer):
    """Controller side of a build."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build on the host; from a folder here, send it what it lacks of the files first."""
        super().run(tmp, task_vars)
        arguments = {**self._task.args, "by": account()}
        source = str(arguments["source"])
        if ADDRESS.match(source) or self._task.check_mode:
            return self.ask_locked("release_build", arguments, task_vars)
        try:
            listed = self._listed(source, str(arguments.get("commit", "")))
            arguments.update(list=listed.sha256, commit=listed.commit)
            return self.with_remote_file(lambda remote: self._build(listed, {**arguments, "file": remote}, task_vars))
        except Trouble as trouble:
            return failure(trouble)

    def _listed(self, source: str, wanted: str) -> Listed:
        folder = Path(source).expanduser()
        if not folder.is_dir():
            raise Trouble(
                f"site_source {source!r} is neither a git address nor a folder on this machine.",
                "Write an address such as https://host/project.git or git@host:project.git, or the path of a folder.",
            )
        listed = Listed(folder, folder_of_run())
        if wanted not in ("", listed.commit):
            raise Trouble(
                f"{source} has changed since the fleet's release was made from it: this host can't be given the same.",
                "Run playbooks/deploy.yml: it gives all hosts a new release.",
            )
        return listed

    def _build(self, listed: Listed, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Send the list, and then part by part what the host says that it lacks; with the last one it builds."""
        self.put(str(listed.list), arguments["file"])
        result = self.ask_locked("release_build", arguments, task_vars)
        for part in result.get("parts", []):
            self.put(str(listed.pack(part)), arguments["file"])
            result = self.ask_locked("release_build", {**arguments, "part": part}, task_vars)
            if result.get("failed"):
                return result
        if result.get("parts"):
            raise Trouble("Files of the source that were sent have gone from the host again.", "Run this again.")
        return result
