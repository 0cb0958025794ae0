"""A machine that has a site's secrets and not its first day says that HSTS begins anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.hotclub.django.plugins.action.check_inventory import COLLECTION, begins_anew
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import SecretStore

HOSTS = "[lb]\nweb1\n[app]\nweb1\n[db]\nweb1\n"
OWN = {"site_secret_key": "x" * 50, "site_database_password": "hunter2"}
Said = Callable[..., list[str]]


@pytest.fixture(name="said")
def _said(tmp_path: Path, inventory_vars: Callable[..., dict[str, Any]]) -> Said:
    def said(kept: tuple[str, ...] = (), **variables: Any) -> list[str]:
        folder = tmp_path / "secrets"
        for name in kept:
            folder.mkdir(exist_ok=True)
            (folder / name).write_text("2026-02-27\n")
        told = {"site_name": "journal", "site_domain": "journal.example.org", "site_tls_mode": "acme", **variables}
        task_vars = inventory_vars(tmp_path, {"hosts": HOSTS, "group_vars/all.yml": yaml.safe_dump(told)})
        reader = InventoryReader(COLLECTION, task_vars["loader"], task_vars["groups"], task_vars["hostvars"])
        return begins_anew(reader, reader.inventory(), SecretStore(folder, []))

    return said


@pytest.mark.parametrize("kept", [("secret_key",), ()])
def test_it_is_said_where_the_site_seems_to_exist(said: Said, kept: tuple[str, ...]) -> None:
    (text,) = said(kept, **({} if kept else OWN))
    assert "site_tls_hsts_since is not set" in text and "secrets/.hsts_since" in text
    assert 'write the first day into the inventory: site_tls_hsts_since: "2' in text


@pytest.mark.parametrize(
    ("kept", "variables"),
    [
        # A first run.
        ((), {}),
        (("secret_key", ".hsts_since"), {}),
        (("secret_key",), {"site_tls_hsts_since": "2026-02-27"}),
        (("secret_key",), {"site_tls_hsts_since": ""}),
        (("secret_key",), {"site_tls_mode": "internal"}),
        (("secret_key",), {"site_tls_hsts_seconds": 300}),
    ],
)
def test_nothing_is_said_where_nothing_begins_anew(said: Said, kept: tuple[str, ...], variables: dict[str, Any]) -> None:
    assert said(kept, **variables) == []
