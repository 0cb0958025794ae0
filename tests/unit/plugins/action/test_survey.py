"""A survey: what it asks of a host, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.action.survey import ActionModule, Scope, at_home, original, without_aliases
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import Request

PACKAGES, UV = "python: Install the packages of Python", "python: Install uv and the interpreter"
Ask = Callable[..., dict[str, Any]]


class Survey(ActionModule):
    """The action without Ansible around it and without a host."""

    def __init__(self, variables: dict[str, Any], answers: Sequence[dict[str, Any]]) -> None:
        self._loader = DataLoader()
        self._templar = Templar(self._loader, variables)
        self._task = SimpleNamespace(check_mode=False, diff=False, delegate_to=None, async_val=0, args={})
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.comparing = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        return super().run(tmp, task_vars)

    def validate_argument_spec(self, spec: Mapping[str, Any]) -> tuple[None, dict[str, Any]]:
        return None, {"roles": self.roles, "first_contact": self.first_contact}

    def send(
        self, requests: Sequence[Request], task_vars: dict[str, Any] | None, comparing: bool = False
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        self.requests, self.comparing = list(requests), comparing
        return self.answers, {}

    roles: Sequence[str] = ("python",)
    first_contact = "ask"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setattr("ansible.plugins.action.ActionBase.run", lambda self, tmp=None, task_vars=None: {})

    def run(
        *answers: dict[str, Any], roles: Sequence[str] = ("python",), first_contact: str = "ask", **variables: Any
    ) -> dict[str, Any]:
        given = {"inventory_hostname": "web1", **variables}
        survey = Survey(given, answers)
        survey.roles, survey.first_contact = roles, first_contact
        result = survey.run(task_vars=given)
        assert survey.comparing
        return result

    return run


def test_nothing_differs(ask: Ask) -> None:
    result = ask({"changed": False, "missing": []}, {"changed": False})

    assert result["settled"] is True
    assert result["differing"] == []
    assert list(result["answers"]) == [PACKAGES, UV]


def test_each_step_that_would_change_something_or_fails_is_named(ask: Ask) -> None:
    assert ask({"changed": True, "missing": ["python3"]}, {"changed": False})["differing"] == [PACKAGES]
    assert ask({"changed": False, "missing": []}, {"failed": True, "msg": "no"})["differing"] == [UV]


def test_missing_packages_are_those_of_steps_about_packages(ask: Ask) -> None:
    # A balancer says of static files that they are missing.
    result = ask({"changed": True, "missing": ["python3-pip-whl", "python3"]}, {"changed": False, "missing": True})

    assert result["missing"] == ["python3", "python3-pip-whl"]
    assert result["held"] == []


def test_a_host_that_can_not_be_asked_says_why(ask: Ask) -> None:
    failure = {"failed": True, "msg": "No room left on the device."}

    assert ask(failure) == failure


def test_a_host_on_which_a_run_must_not_begin_fails_before_anything_is_done(ask: Ask) -> None:
    masked = {"failed": True, "refuses": True, "msg": "postgresql.service is masked on web1."}

    result = ask({"changed": True, "missing": ["python3"]}, masked)

    assert result == {"failed": True, "msg": "Nothing has been changed.\npostgresql.service is masked on web1."}


CLOSED = {"what": "Port 25/tcp (master) can be reached now.", "remedy": "Add it to firewall_allowed.", "refused": False}
HELD = {"what": "Port 80/tcp is held by apache2.", "remedy": "Stop it.", "refused": True}


def test_all_that_others_have_on_a_host_is_one_message_and_goes_on_where_the_inventory_says_so(ask: Ask) -> None:
    answers = [{"changed": True, "missing": [], "first_contact": [CLOSED]}, {"changed": True, "first_contact": [HELD]}]

    assert ask(*answers)["msg"].splitlines() == [
        "Nothing has been changed.",
        "web1 is used for something else, too:",
        f"- {CLOSED['what']}",
        f"  {CLOSED['remedy']}",
        f"- {HELD['what']}",
        f"  {HELD['remedy']}",
        "Where all that is left may happen, say so for web1 in the inventory: site_first_contact: accept.",
    ]
    refused = ask(*answers, first_contact="accept")
    assert refused["failed"]
    assert CLOSED["what"] not in refused["msg"] and "site_first_contact" not in refused["msg"]
    assert "failed" not in ask(answers[0], {"changed": False}, first_contact="accept")


def test_what_a_role_can_not_say_yet_is_no_failure_but_differs(ask: Ask) -> None:
    result = ask({"changed": False, "missing": []}, {"changed": False}, roles=("python", "certificates"))

    assert result["settled"] is False
    assert result["differing"][0].startswith("certificates: ")


def test_what_a_role_refuses_is_told_before_anything_is_asked(ask: Ask) -> None:
    facts = {"os_family": "RedHat", "distribution": "Fedora", "distribution_version": "44"}
    with pytest.raises(AnsibleActionFail, match="web1 runs Fedora 44"):
        ask(roles=("os",), ansible_facts=facts)


@pytest.mark.parametrize("programs", [[], [{"name": "mail", "kind": "celery"}, {"name": "rows", "kind": "rq", "processes": 2}]])
def test_workers_are_one_step_of_the_one_call_however_many_there_are(ask: Ask, programs: list[dict[str, Any]]) -> None:
    given = {"workers_site_name": "shop", "workers_programs": programs, "ansible_facts": {"memtotal_mb": 4096}}

    result = ask({"changed": False}, roles=("workers",), **given)

    assert result["settled"] is True
    assert list(result["answers"]) == ["workers: Write the units of the workers"]


def test_what_is_told_at_each_run_is_shown_unless_the_role_does_it(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.display", lambda self, text, *_, **__: shown.append(text))
    settled, differs = {"changed": False, "missing": []}, {"changed": True, "missing": ["python3"]}

    result = ask(settled, {"changed": False}, __python_notices=["web1 still takes passwords.\n"])
    ask(differs, {"changed": False}, __python_notices=["The role itself tells it."], __site_notices=["web1: room for 3.\n"])

    # Nobody else tells what the site has to tell.
    assert shown == ["web1 still takes passwords.", "web1: room for 3."]
    assert not {"msg", "_ansible_verbose_always"} & set(result), "Ansible would print all that the host was asked"


def test_other_names_of_a_variable_are_resolved_where_ansible_would() -> None:
    alias = trust_as_template("{{ site_name }}")
    variables = {
        "site_name": "shop",
        "nginx_site_name": alias,
        "from_a_host": "{{ site_name }}",
        "odd": trust_as_template("{{ x }}"),
    }

    found = without_aliases(variables)

    assert found["nginx_site_name"] == "shop"
    # What a host has said is no expression, and what nobody knows stays one.
    assert found["from_a_host"] == "{{ site_name }}"
    assert original(found["odd"], variables) == "{{ x }}"


def test_a_variable_is_worked_out_once_however_many_others_are_made_of_it() -> None:
    variables = {"drawn": "{{ 10 ** 12 | random }}", "one": "{{ [drawn] }}", "two": "{{ dict(x=drawn) }}", "odd": "{{ missing }}"}
    scope = Scope.of([], DataLoader(), Templar(None, {}), {name: trust_as_template(text) for name, text in variables.items()})

    assert scope.value("one", None) == [scope.value("two", None)["x"]]
    with pytest.raises(AnsibleError, match="missing"):
        scope.value("odd", None)


def test_a_role_s_folder_is_its_own_beside_the_variables_of_others(tmp_path: Path) -> None:
    page = trust_as_template("{{ role_path }}/files/{{ name }}.html")
    found = at_home({"page": page, "port": 80, "said": "{{ role_path }}"}, tmp_path / "nginx")

    scope = Scope(Templar(None, {}), {**found, "name": "away", "role_path": "/elsewhere"})
    assert scope.value("page", None) == f"{tmp_path}/nginx/files/away.html"
    assert found["port"] == 80
