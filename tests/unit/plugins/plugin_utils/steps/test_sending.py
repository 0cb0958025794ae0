"""What an operator is told of a host on which no module can run at all."""

from __future__ import annotations

import importlib
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps, explained

NO_FOLDER = "FileNotFoundError: [Errno 2] No usable temporary directory found in ['/tmp', '/var/tmp', '/usr/tmp', '/root']"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"rc": 127, "msg": "The module interpreter '/usr/bin/python3' was not found.", "exception": "a traceback"},
            ["web1 has no /usr/bin/python3", "apt-get install --yes python3", "ansible_python_interpreter"],
        ),
        (
            {"rc": 127, "msg": "failed", "module_stderr": "/bin/sh: 1: /opt/python3.13: not found"},
            ["web1 has no /opt/python3.13"],
        ),
        ({"rc": 1, "msg": "no JSON", "module_stderr": f"Traceback\n{NO_FOLDER}"}, ["The disk of web1 is full", "df -h"]),
        ({"rc": 1, "msg": "OSError: [Errno 28] No space left on device"}, ["The disk of web1 is full"]),
    ],
)
def test_what_keeps_modules_from_running_is_told_with_the_remedy(answer: dict[str, object], said: list[str]) -> None:
    result = explained("web1", {"failed": True, **answer})

    assert [words for words in said if words not in str(result["msg"])] == []
    assert set(result) == {"failed", "changed", "msg"}, "Ansible would print more than the message"


def test_what_is_not_known_is_left_as_ansible_tells_it() -> None:
    answer = {"unreachable": True, "msg": "Failed to connect to the host via ssh"}
    assert explained("web1", answer) == answer


@pytest.mark.parametrize("name", ["manage", "site_timer"])
def test_a_step_that_an_action_adds_something_to_is_taken_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command or a timer would run twice."""
    asked: list[tuple[str, dict[str, Any]]] = []

    def ask(_self: object, step: str, arguments: dict[str, Any], _task_vars: object) -> dict[str, Any]:
        asked.append((step, arguments))
        return {"changed": True}

    kind = importlib.import_module(f"ansible_collections.hotclub.django.plugins.action.{name}").ActionModule
    monkeypatch.setattr(ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(HostSteps, "ask", ask)
    action = object.__new__(kind)
    action._task = SimpleNamespace(action=f"hotclub.django.{name}", args={"name": "shop"})

    assert action.run(None, {}) == {"changed": True}
    [(step, arguments)] = asked
    assert step == name and arguments["name"] == "shop" and "@" in arguments["by"]
