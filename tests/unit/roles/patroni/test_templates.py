"""What Patroni is told: who the members are, by which proofs they speak, and what all of them agree on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.patroni import REPLICATION, REWIND

from tests.unit.conftest import evaluate_for_role

Render = Callable[..., str]
MEMBERS = [
    {"name": "db1", "address": "10.0.0.31"},
    {"name": "db2", "address": "fd00::32"},
    {"name": "db3", "address": "10.0.0.33"},
]
DB1: dict[str, Any] = {
    "inventory_hostname": "db1",
    "patroni_name": "db1",
    "patroni_address": "10.0.0.31",
    "patroni_members": MEMBERS,
    "patroni_etcd_hosts": MEMBERS,
    "ansible_facts": {"distribution_release": "trixie"},
}


def said(render: Render, **variables: Any) -> dict[str, Any]:
    return dict(yaml.safe_load(render("patroni", "etc/patroni/_version_-main.yml.j2", **DB1 | variables)))


def test_a_member_knows_etcd_and_the_others(render: Render) -> None:
    told = said(render)

    assert told["etcd3"]["hosts"] == ["10.0.0.31:2379", "[fd00::32]:2379", "10.0.0.33:2379"]
    assert (
        told["restapi"]["allowlist"] == ["10.0.0.31", "fd00::32", "10.0.0.33"] and told["restapi"]["verify_client"] == "required"
    )
    assert told["postgresql"]["listen"] == "127.0.0.1,10.0.0.31:5432"


def test_patroni_never_makes_an_empty_database(render: Render) -> None:
    assert said(render)["bootstrap"]["method"] == "refuse" and said(render)["bootstrap"]["refuse"]["command"] == "/bin/false"


def test_members_prove_themselves_by_certificates_alone(render: Render) -> None:
    told = said(render)["postgresql"]["authentication"]

    assert [told[purpose]["username"] for purpose in ("superuser", "replication", "rewind")] == ["postgres", REPLICATION, REWIND]
    assert not [account for account in told.values() if "password" in account]
    assert told["replication"]["sslmode"] == "verify-full"


@pytest.mark.parametrize(
    ("mode", "waits", "strictly"), [("none", False, False), ("preferred", True, False), ("required", True, True)]
)
def test_whether_commits_wait_for_another_member(render: Render, mode: str, waits: bool, strictly: bool) -> None:
    agreed = said(render, patroni_synchronous_mode=mode)["bootstrap"]["dcs"]

    assert (agreed["synchronous_mode"], agreed["synchronous_mode_strict"]) == (waits, strictly)


def test_times_that_don_t_fit_are_refused() -> None:
    def refusal(**variables: Any) -> bool:
        return bool(evaluate_for_role("patroni", "{{ __patroni_refusals[0].that }}", **DB1 | variables))

    assert refusal() and refusal(patroni_ttl_seconds="20", patroni_retry_seconds="7")
    assert not refusal(patroni_retry_seconds=10)


def test_both_roles_know_the_same_versions() -> None:
    assert evaluate_for_role("patroni", "{{ __patroni_versions }}") == evaluate_for_role(
        "postgresql", "{{ __postgresql_versions }}"
    )
