# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch the static files of a release from a host, or send them to one: as files, which never pass through a result."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.core import folder_of_run
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.transfer import Transfer


class ActionModule(Transfer):
    """Controller side of release_static."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step with the file that it needs or gives: the list of all files, or the pack of a part."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        state, part = arguments.get("state", "present"), arguments.get("part", "")
        # Another host has put it there, earlier in this run. The next part takes its place.
        local = folder_of_run() / f"{arguments['name']}-{arguments.get('release', '')}.{'pack' if part else 'list'}"
        if state != "present":
            return self.with_remote_file(lambda remote: self._fetch(arguments, str(remote), str(local), task_vars))
        if not arguments.get("list"):
            return self.ask("release_static", arguments, task_vars)
        return self.with_remote_file(lambda remote: self._send(arguments, str(local), str(remote), task_vars))

    def _fetch(self, arguments: dict[str, Any], remote: str, local: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result = self.ask("release_static", {**arguments, "file": remote}, task_vars)
        if not result.get("failed"):
            self._connection.fetch_file(remote, local)
        return result

    def _send(self, arguments: dict[str, Any], local: str, remote: str, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        self.put(local, remote)
        return self.ask("release_static", {**arguments, "file": remote}, task_vars)
