"""A host that has no program yet to ask a database by is given it and looked at again, as it was before."""

from __future__ import annotations

from typing import Any

import yaml

from tests.unit.conftest import CHECKOUT

TASKS = CHECKOUT / "playbooks" / "tasks"


def arguments(tasks: str, step: str) -> dict[str, Any]:
    """Return what the first task of a file says to a step."""
    listed = yaml.safe_load((TASKS / tasks).read_text(encoding="utf-8"))
    found: dict[str, Any] = next(task[f"hotclub.django.{step}"] for task in listed if f"hotclub.django.{step}" in task)
    return found


def test_the_host_gets_the_program_and_the_authorities_to_believe() -> None:
    assert arguments("try_database.yml", "packages")["names"] == ["ca-certificates", "postgresql-client"]


def test_the_second_look_finds_all_that_the_first_one_did() -> None:
    first, second = arguments("check_secrets.yml", "look"), arguments("try_database.yml", "look")

    assert second["names"] == first["names"]
    assert {name: first["secrets"][name] for name in second["secrets"]} == second["secrets"]
