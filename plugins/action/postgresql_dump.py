# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch the dump of a database from a host, or send one to it: as a file, which never passes through a result."""

from __future__ import annotations

import os
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.transfer import Transfer


class ActionModule(Transfer):
    """Controller side of postgresql_dump."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step with the file that it needs or gives."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        state, local = arguments.get("state"), str(arguments.get("local", ""))
        if state not in ("dumped", "loaded") or self._task.check_mode:
            return self.ask("postgresql_dump", arguments, task_vars)
        if state == "dumped":
            return self.with_remote_file(lambda remote: self._fetch(arguments, str(remote), local, task_vars))
        return self.with_remote_file(lambda remote: self._send(arguments, local, str(remote), task_vars))

    def _fetch(self, arguments: dict[str, Any], remote: str, local: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result = self.ask("postgresql_dump", {**arguments, "file": remote}, task_vars)
        if not result.get("failed"):
            self.fetch_new(remote, local)
            result["packed_bytes"] = os.path.getsize(local)
        return result

    def _send(self, arguments: dict[str, Any], local: str, remote: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        self.put(local, remote)
        return self.ask("postgresql_dump", {**arguments, "file": remote}, task_vars)
