"""Access rules for members of a cluster, and none of them for a server of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from tests.unit.conftest import CHECKOUT, evaluate_for_role

Render = Callable[..., str]
FOLDER = "etc/postgresql/_version_/main"
MEMBERS: dict[str, Any] = {
    "postgresql_members": [{"name": "db1", "address": "10.0.0.31"}, {"name": "db2", "address": "fd00::32"}]
}


def test_members_copy_one_another_by_their_certificates(render: Render) -> None:
    rules = [
        " ".join(line.split()) for line in render("postgresql", f"{FOLDER}/pg_hba.d/10-members.conf.j2", **MEMBERS).splitlines()
    ]

    assert rules[1:] == [
        "local replication hotclub_replication peer map=members",
        "hostssl replication hotclub_replication 10.0.0.31/32 cert map=members",
        "hostssl postgres hotclub_rewind 10.0.0.31/32 cert map=members",
        "hostssl replication hotclub_replication fd00::32/128 cert map=members",
        "hostssl postgres hotclub_rewind fd00::32/128 cert map=members",
    ]


def test_a_certificate_is_a_member_by_its_name_alone(render: Render) -> None:
    lines = render("postgresql", f"{FOLDER}/pg_ident.conf.j2", ansible_managed="managed", **MEMBERS).splitlines()
    names = [line.split()[1:] for line in lines if line.startswith("members ")]

    assert [name for name, _account in names] == ["postgres", "db1", "db1", "db2", "db2"]


def test_a_server_of_its_own_has_the_names_that_it_had(render: Render) -> None:
    assert render("postgresql", f"{FOLDER}/pg_ident.conf.j2", ansible_managed="managed").splitlines() == [
        "#",
        "# managed",
        "#",
        "# Who of this host's accounts may connect as postgres. Without root, its tasks would have to become postgres first.",
        "",
        "administrators  postgres  postgres",
        "administrators  root      postgres",
    ]


def test_the_certificate_of_a_member_carries_the_name_of_its_host_and_any_other_is_as_it_was() -> None:
    facts = {
        "ansible_facts": {"distribution_release": "trixie"},
        "postgresql_certificate_names": ["db1", "10.0.0.31", "127.0.0.1"],
    }
    name = "{{ __postgresql_certificate_steps[0].host_certificates.certificates[0].common_name }}"

    assert evaluate_for_role("postgresql", name, **facts, **MEMBERS) == "db1"
    assert evaluate_for_role("postgresql", name, **facts) == ""


def test_a_new_application_host_brings_a_server_of_its_own_no_rules_of_members() -> None:
    [files, _server] = yaml.safe_load((CHECKOUT / "roles/postgresql/tasks/access.yml").read_text(encoding="utf-8"))
    present = files["hotclub.django.host_files"]["present"][f"{FOLDER}/pg_hba.d/10-members.conf"]

    assert evaluate_for_role("postgresql", present) is False
    assert evaluate_for_role("postgresql", present, **MEMBERS) is True
