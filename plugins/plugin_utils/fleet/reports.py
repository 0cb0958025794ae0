# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the hosts of a play have found, shown in one piece."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display


def registered(variables: Mapping[str, Any], step: str) -> dict[str, Any]:
    """Return what each host of the play has registered under a name, unreachable hosts included, which have nothing.

    :param variables: of the task.
    """
    return {str(host): variables["hostvars"][host].get(step) for host in variables["ansible_play_hosts_all"]}


def publish(report: Mapping[str, Any], text: str, arguments: Mapping[str, Any]) -> None:
    """Show a report as text, or as JSON where that is asked for, and write the JSON to a file that is named.

    :param arguments: of the task, of which ``format`` and ``path`` count.
    """
    as_json = json.dumps(report, indent=2, default=str)
    if arguments.get("path"):
        put_report(arguments["path"], as_json + "\n")
    Display().display(as_json if arguments.get("format") == "json" else text)


def put_report(path: str, text: str) -> None:
    """Write a report to a file on the controller.

    :raises AnsibleActionFail: it can't be written.
    """
    file = Path(path).expanduser()
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AnsibleActionFail(
            f"The report can't be written to {file.absolute()} ({error.strerror}). Name a file in a folder that is there."
        ) from error
