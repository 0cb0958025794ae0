"""Argument specs, defaults and documentation of each role say the same."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Option, check_value, read_options
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.rules import RULES

from tools.docs import CHECKOUT, Role, pages, read_roles

ROLES = {role.name: role for role in read_roles(CHECKOUT)}
FOLDERS = sorted(path.name for path in (CHECKOUT / "roles").iterdir() if (path / "tasks").is_dir())


@pytest.fixture(params=FOLDERS)
def role(request: pytest.FixtureRequest) -> Role:
    """Return each role in turn."""
    assert request.param in ROLES, f"roles/{request.param} has no meta/argument_specs.yml"
    return ROLES[request.param]


def is_expression(value: Any) -> bool:
    """Tell whether a default is worked out rather than given."""
    return "{{" in str(value) or "{%" in str(value)


def test_names_agree(role: Role) -> None:
    described = [name for name, option in role.options.items() if not option.get("required")]

    assert sorted(role.defaults) == sorted(described)


def test_names_carry_the_role_s(role: Role) -> None:
    assert [name for name in role.options if not name.startswith(f"{role.name}_")] == []


def test_required_variables_have_no_default(role: Role) -> None:
    required = {name for name, option in role.options.items() if option.get("required")}

    assert [name for name in required if name in role.defaults or "default" in role.options[name]] == []


def test_defaults_agree(role: Role) -> None:
    given = {name: value for name, value in role.defaults.items() if not is_expression(value)}
    described = {name: option["default"] for name, option in role.options.items() if "default" in option}

    assert described == given


def test_types_agree(role: Role) -> None:
    options: dict[str, Option] = read_options({"argument_specs": {"main": role.spec}})
    given = {name: value for name, value in role.defaults.items() if not is_expression(value)}

    found = [complaint for name, value in given.items() for complaint in check_value(options[name], value, name)]

    assert found == []


def test_specs_hold_no_expression(role: Role) -> None:
    """Ansible would work it out each time that it validates the role's arguments."""
    assert not re.search(r"{[{%]", yaml.safe_dump(role.spec))


def test_lists_and_dictionaries_say_what_is_in_them(role: Role) -> None:
    vague = [
        name
        for name, option in role.options.items()
        if "type" not in option
        or (option["type"] == "list" and "elements" not in option)
        or (option.get("elements") == "dict" and "options" not in option)
    ]

    assert vague == []


def test_what_looks_like_a_secret_is_marked(role: Role) -> None:
    secret = re.compile(r"(password|passphrase|secret|private_key|deploy_key|secret_key|secret_access_key|token)$")

    assert [
        name
        for name, option in flat(role.options)
        if secret.search(name) and option.get("type", "str") == "str" and not option.get("no_log")
    ] == []


def flat(options: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Return all options with their nested ones."""
    return [
        (name, option) for key, value in options.items() for name, option in [(key, value), *flat(value.get("options") or {})]
    ]


def test_rules_are_for_variables_that_exist() -> None:
    known = {name for role in ROLES.values() for name in role.options}

    assert sorted(RULES.keys() - known) == ["private_address"]


def test_the_committed_reference_is_what_the_specs_say() -> None:
    stale = [
        str(path.relative_to(CHECKOUT))
        for path, text in pages(CHECKOUT).items()
        if not path.is_file() or path.read_text() != text
    ]

    assert stale == [], "run: make docs"
