# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a host move its uploaded files part by part, tell how far it is, and add who is asking, for the deployment lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble, failure
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedSteps

COUNTED = ("files", "bytes", "copied", "copied_bytes", "removed", "unmoved")
FAILURES_SHOWN = 5
MEBI = 1024 * 1024


class ActionModule(LockedSteps):
    """Controller side of media_move."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the host until it has come to the end: a connection that breaks ends a call of a minute and not one of hours."""
        super().run(tmp, task_vars)
        host = str(self._task.delegate_to or (task_vars or {})["inventory_hostname"])
        total: dict[str, Any] = {**dict.fromkeys(COUNTED, 0), "changed": False}
        failures: list[str] = []
        arguments = dict(self._task.args)
        while True:
            result = self.ask_locked("media_move", arguments, task_vars)
            if result.get("failed") or "files" not in result:
                return result
            total.update({name: total[name] + result[name] for name in COUNTED}, changed=total["changed"] or result["changed"])
            failures += result["failures"][: FAILURES_SHOWN - len(failures)]
            if not result["next"]:
                break
            self._display.display(progress(host, total, result["next"]))
            arguments.update(after=result["next"], locked=result.get("locked", False))
        return failure(not_moved(total, failures)) if total["unmoved"] else {**result, **total}


def progress(host: str, total: Mapping[str, Any], name: str) -> str:
    """Return how far a host is."""
    removed = f", {total['removed']} removed" if total["removed"] else ""
    return (
        f"{host}: {total['files']} files seen, {total['copied']} with {total['copied_bytes'] / MEBI:.1f} MiB copied{removed}, "
        f"up to {name}"
    )


def not_moved(total: Mapping[str, Any], failures: list[str]) -> Trouble:
    """Explain that some files are where they were."""
    return Trouble(
        f"{total['unmoved']} of {total['files'] + total['unmoved']} files could not be moved; {total['copied']} were copied.",
        "Run this again once the cause is gone: what is there is not copied twice.",
        "\n".join(failures),
    )
