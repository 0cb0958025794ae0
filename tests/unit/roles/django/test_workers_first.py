"""Deploys of sites with workers: on several hosts, these take over everywhere before the first host serves."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.unit.conftest import CHECKOUT, evaluate_for_role


@pytest.mark.parametrize(
    ("hosts", "batches", "workers", "first", "proved"),
    [
        (["app1"], [1], False, False, False),
        # In the switch itself, between the proof and the first visitor.
        (["app1"], [1], True, False, False),
        (["app1", "app2"], ["100%"], False, False, False),
        (["app1", "app2"], ["100%"], True, True, True),
        (["app1", "app2"], [1, "100%"], False, False, True),
        (["app1", "app2"], [1, "100%"], True, True, True),
    ],
)
def test_workers_go_first_where_there_are_several_hosts(
    hosts: list[str], batches: list[Any], workers: bool, first: bool, proved: bool
) -> None:
    given = {"django_hosts": hosts, "ansible_play_hosts_all": hosts, "django_deploy_batch": batches}

    def said(name: str) -> Any:
        return evaluate_for_role("django", f"{{{{ {name} }}}}", **given, django_workers_enabled=workers)

    assert said("__django_workers_go_first") is first
    assert said("__django_proves_first") is proved


def tasks(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((CHECKOUT / "roles/django/tasks" / f"{name}.yml").read_text(encoding="utf-8"))
    return found


def test_they_take_over_after_the_proof_and_before_the_first_batch_and_a_failure_gives_back() -> None:
    names = [task["name"] for task in tasks("switch")]
    order = ["Prove the release on every host", "Let the workers of the release take over", "Switch batch by batch"]

    assert [name for name in names if name in order] == order
    assert [task for task in tasks("undo") if "__django_workers is defined" in str(task.get("when"))] != []
    # A host that goes on alone would let older workers of another one take its tasks.
    assert "hotclub.django.barrier" in tasks("workers")[-1]


@pytest.mark.parametrize("name", ["prove", "workers"])
def test_hosts_are_told_of_a_rollback_which_waits_for_no_older_workers(name: str) -> None:
    assert tasks(name)[0]["hotclub.django.release_switch"]["action"] == "{{ __django_action }}"
