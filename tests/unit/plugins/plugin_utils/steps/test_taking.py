"""Steps of a role: which of them are taken, in how many calls, and what the task returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible.template import Templar
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.steps import kinds
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.kinds import Context
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refuse, refused
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps, Request
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.taking import chosen, described, take

STEPS: list[dict[str, Any]] = [
    {"name": "Install it", "tags": ["install"], "packages": {"names": ["it"]}},
    {"name": "Configure it", "tags": ["configure"], "os_settings": {}},
    {"name": "Run it", "tags": ["service"], "nginx_service": {}},
]


class Host:
    """Stands for an action plugin and the host behind it."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers = list(answers)
        self.calls: list[list[str]] = []
        self._task = SimpleNamespace(check_mode=False, diff=False)

    def send(
        self, requests: Sequence[Request], task_vars: Mapping[str, Any], comparing: bool = False
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        self.calls.append([request.step for request in requests])
        return (self.answers.pop(0) if self.answers else [{"changed": False} for _ in requests]), {}


def run(host: Host, items: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    context = Context(cast(HostSteps, host), {"inventory_hostname": "web1"}, Path(), Templar())
    return take(cast(HostSteps, host), list(described(items)), context)


PHASES = ("install", "configure", "service")


def names(wanted: Sequence[str], skipped: Sequence[str] = (), of_the_task: Sequence[str] = PHASES) -> list[str]:
    variables = {"ansible_run_tags": list(wanted), "ansible_skip_tags": list(skipped)}
    return [step.name for step in chosen(described(STEPS), variables, of_the_task)]


@pytest.mark.parametrize(
    ("wanted", "skipped", "expected"),
    [
        (["all"], [], ["Install it", "Configure it", "Run it"]),
        (["all"], ["install"], ["Configure it", "Run it"]),
        (["configure"], [], ["Configure it"]),
        (["install", "service"], [], ["Install it", "Run it"]),
    ],
)
def test_tags_choose_among_steps(wanted: list[str], skipped: list[str], expected: list[str]) -> None:
    assert names(wanted, skipped) == expected


def test_a_tag_that_only_the_task_has_stands_for_all_steps() -> None:
    assert names(["nginx"], of_the_task=["install", "configure", "service", "nginx"]) == ["Install it", "Configure it", "Run it"]


def test_a_step_that_is_switched_off_is_left_out() -> None:
    assert [step.name for step in described([{**STEPS[0], "when": False}, STEPS[1]])] == ["Configure it"]


@pytest.mark.parametrize("item", [{"packages": {}}, {"name": "Two things", "packages": {}, "uv": {}}, {"name": "Nothing"}])
def test_a_step_has_a_name_and_one_module(item: dict[str, Any]) -> None:
    with pytest.raises(Trouble, match="one module"):
        list(described([item]))


def test_steps_go_in_one_call() -> None:
    host = Host()

    result = run(host, STEPS)

    assert host.calls == [["packages", "os_settings", "nginx_service"]]
    assert result["changed"] is False
    assert list(result["steps"]) == ["Install it", "Configure it", "Run it"]


def test_what_comes_after_a_signature_waits_for_it() -> None:
    certificate = {
        "name": "Issue it",
        "host_certificates": {"authority_path": "/a", "certificates": [{"path": "/c", "names": ["n"]}]},
    }
    host = Host([{"changed": False}, {"changed": False, "failed": True, "msg": "no openssl"}])

    result = run(host, [STEPS[0], certificate, STEPS[2]])

    assert host.calls == [["packages", "host_certificates"]]
    assert result["failed"]
    assert result["msg"] == "no openssl"


def test_the_first_failure_ends_the_steps_and_names_the_host_and_the_remedy() -> None:
    item = {"name": "Install it", "packages": {"names": ["it"], "remedy": "Correct os_packages."}}
    host = Host([{"failed": True, "missing": ["it"], "msg": "Unable to locate package it"}])

    result = run(host, [item, STEPS[1]])

    assert result["failed"]
    assert result["msg"] == "web1 can't install it:\nUnable to locate package it\nCorrect os_packages."


def test_what_changed_is_shown() -> None:
    host = Host([{"changed": True, "diff": {"before": "a", "after": "b"}}, {"changed": False}, {"changed": False}])

    result = run(host, STEPS)

    assert result["changed"]
    assert result["_ansible_verbose_always"]
    assert result["diff"] == [{"before": "a", "after": "b"}]


def test_unknown_options_of_a_step_are_refused() -> None:
    with pytest.raises(Trouble, match="name"):
        kinds.kind_of("packages", {"name": ["it"]}, Context(cast(HostSteps, Host()), {}, Path(), Templar()))


def test_all_that_does_not_hold_is_said_at_once() -> None:
    said = {"one": False, "two": True, "three": "no"}
    conditions: list[dict[str, Any]] = [{"that": that, "msg": msg} for msg, that in said.items()]

    assert list(refused(conditions)) == ["one", "three"]
    with pytest.raises(Trouble, match="one\nthree"):
        refuse(conditions)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"changed": False, "pending": {}, "contested": []}, True),
        ({"changed": True, "pending": {}, "contested": []}, False),
        ({"changed": False, "pending": {"port": "5433"}, "contested": []}, False),
        ({"changed": False, "pending": {}, "contested": ["max_connections"]}, False),
        ({"changed": False, "failed": True}, False),
    ],
)
def test_a_server_with_something_to_tell_is_not_left_out(result: dict[str, Any], expected: bool) -> None:
    kind = kinds.kind_of("postgresql_server", {}, Context(cast(HostSteps, Host()), {}, Path(), Templar()))

    assert kind.settled(result) is expected


@pytest.mark.parametrize(
    ("options", "held"),
    [({}, []), ({"started": False}, ["a", "b"]), ({"held": ["b"]}, ["b"])],
)
def test_daemons_that_are_configured_first_are_held(options: dict[str, Any], held: list[str]) -> None:
    kind = kinds.kind_of("packages", {"names": ["a", "b"], **options}, Context(cast(HostSteps, Host()), {}, Path(), Templar()))

    assert kind.request().arguments == {"names": ["a", "b"], "held": held}
