"""What a server that keeps the backups of other hosts is told, and by whom it is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refused

from tests.unit.conftest import evaluate_for_role

Render = Callable[..., str]
SERVER: dict[str, Any] = {
    "backup_server_site_name": "shop",
    "backup_server_address": "10.0.0.51",
    "backup_server_clients": ["db1", "db2"],
    "backup_server_path": "/mnt/backups",
    "backup_server_authority_path": "/secrets/authority",
}


def test_the_database_s_hosts_alone_are_let_in_each_by_a_name_that_nobody_else_has(render: Render) -> None:
    text = render("backup_server", "etc/hotclub/_site_-backup/pgbackrest.conf.j2", **SERVER)

    assert [line for line in text.splitlines() if "auth" in line and not line.startswith(("#", "tls-server-ca"))] == [
        "tls-server-auth=backups of db1=main",
        "tls-server-auth=backups of db2=main",
    ]
    assert "tls-server-address=10.0.0.51\n" in text
    # Neither a way to a database nor a key to what is kept.
    assert "pg1-" not in text and "cipher" not in text


def test_it_writes_nothing_but_the_backups(render: Render) -> None:
    lines = render("backup_server", "etc/systemd/system/_site_-backup.service.j2", **SERVER).splitlines()

    assert {"User=shop-backup", "ProtectSystem=strict", "ReadWritePaths=/mnt/backups/shop"} <= set(lines)
    assert "RequiresMountsFor=/mnt/backups/shop" in lines and "KillMode=process" in lines


@pytest.mark.parametrize(
    ("address", "names", "common"),
    [("10.0.0.51", [], "10.0.0.51"), ("fd00::51", [], "fd00::51"), ("backup1.internal", ["backup1.internal"], "")],
)
def test_its_certificate_has_the_address_where_pgbackrest_looks_for_it(address: str, names: list[str], common: str) -> None:
    [step] = evaluate_for_role(
        "backup_server", "{{ __backup_server_certificate_steps }}", **{**SERVER, "backup_server_address": address}
    )
    [certificate] = step["host_certificates"]["certificates"]

    assert (certificate["names"], certificate["common_name"], certificate["usages"]) == (names, common, ["server"])


def test_another_folder_has_to_be_there() -> None:
    def made(path: str) -> list[str]:
        said = {**SERVER, "backup_server_path": path}
        return [one["path"] for one in evaluate_for_role("backup_server", "{{ __backup_server_folders }}", **said)]

    assert made("/mnt/backups") == ["/mnt/backups/shop"]
    assert made("/var/lib/hotclub-backup") == ["/var/lib/hotclub-backup", "/var/lib/hotclub-backup/shop"]


@pytest.mark.parametrize(("release", "wrong"), [("trixie", 0), ("bookworm", 1)])
def test_an_older_pgbackrest_is_refused(release: str, wrong: int) -> None:
    said = {**SERVER, "inventory_hostname": "backup1", "ansible_facts": {"distribution_release": release}}
    found = list(refused(evaluate_for_role("backup_server", "{{ __backup_server_refusals }}", **said)))

    assert len(found) == wrong and all("bookworm" in text and "Debian 13" in text for text in found)
