"""The one module that runs on hosts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.modules import payload


class Ended(BaseException):
    """The module has returned its result."""


class Module:
    """AnsibleModule without a process of its own."""

    check_mode = False
    _diff = False
    params: dict[str, Any]

    def __init__(self, **_: Any) -> None: ...

    def exit_json(self, **result: Any) -> None:
        raise Ended(result)


def taken(monkeypatch: pytest.MonkeyPatch, *steps: dict[str, Any], comparing: bool = False) -> list[dict[str, Any]]:
    monkeypatch.setattr(payload, "AnsibleModule", Module)
    monkeypatch.setattr(
        Module, "params", {"payload": json.dumps({"steps": steps, "comparing": comparing}), "keep": ""}, raising=False
    )
    with pytest.raises(Ended) as ended:
        payload.main()
    result: dict[str, Any] = ended.value.args[0]
    return list(result["results"])


@pytest.mark.parametrize("comparing", [False, True])
def test_a_step_that_nobody_knows_is_a_failure_like_any_other(monkeypatch: pytest.MonkeyPatch, comparing: bool) -> None:
    (result,) = taken(monkeypatch, {"step": "dance", "arguments": {}}, comparing=comparing)

    assert result == {"failed": True, "msg": "There is no step 'dance' in this collection."}


def test_nothing_comes_after_a_step_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [{"step": "packages", "arguments": {}}, {"step": "dance", "arguments": {}}]

    assert [result["msg"] for result in taken(monkeypatch, *steps)] == ["missing required arguments: names"]
