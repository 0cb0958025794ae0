"""Secrets that an inventory shows to whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible_collections.hotclub.django.plugins.action.check_inventory import COLLECTION
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory, warn_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import (
    SecretStore,
)

Vault = list[tuple[str, VaultSecret]]
VAULT: Vault = [("default", VaultSecret(b"a vault password"))]
NONE: Vault = []


def obtain(folder: Path) -> str:
    return SecretStore(folder, NONE).obtain("secret_key", 64).current


Warnings = Callable[..., list[str]]


class TestWarnings:
    """Secrets that an inventory shows."""

    @pytest.fixture
    def reader(self, tmp_path: Path, inventory_vars: Callable[..., dict[str, Any]]) -> Callable[..., InventoryReader]:
        def read(variables: dict[str, Any], files: dict[str, str] | None = None) -> InventoryReader:
            given = {"site_name": "shop", "site_domain": "shop.example.org", "site_source": "https://git.example.org/shop.git"}
            hosts = "[lb]\nweb1\n[app]\nweb1\n[db]\nweb1\n"
            written = {"hosts": hosts, "group_vars/all/site.yml": yaml.safe_dump(given | variables)} | (files or {})
            task_vars = inventory_vars(tmp_path / "inventory", written, vault=VAULT)
            return InventoryReader(COLLECTION, task_vars["loader"], task_vars["groups"], task_vars["hostvars"])

        return read

    @pytest.fixture
    def warnings(self, reader: Callable[..., InventoryReader]) -> Warnings:
        def warn(variables: dict[str, Any], files: dict[str, str] | None = None) -> list[str]:
            read = reader(variables, files)
            return warn_inventory(read.inventory(), read.rules)

        return warn

    def test_a_plain_secret_is_named_with_its_place_and_the_remedy_and_not_shown(
        self, warnings: Warnings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (found,) = warnings({"site_database_password": "hunter2-hunter2"})

        assert found.startswith("site_database_password (inventory/group_vars/all/site.yml:1, web1): is a secret in plain text. ")
        assert "ansible-vault encrypt_string --name site_database_password" in found
        assert "hunter2" not in found

    def test_so_is_what_looks_like_one_in_the_projects_environment(self, warnings: Warnings) -> None:
        environment = {
            "PAYMENT_API_KEY": "sk-live-1234567890",
            "REPORTS_URL": "postgres://reports:hunter2@10.0.0.9/reports",
            "MAP_URL": "https://maps.example.org/",
            "PASSWORD_RESET_SECONDS": "3600",
            "USE_TOKENS": "true",
            "KEYBOARD": "de",
        }
        found = warnings({"site_env": environment})

        assert [line.split(" ")[0] for line in found] == ["site_env.PAYMENT_API_KEY", "site_env.REPORTS_URL"]

    def test_what_comes_from_a_lookup_or_another_variable_is_not_in_plain_text(self, warnings: Warnings) -> None:
        store = "{{ lookup('ansible.builtin.pipe', 'echo from-a-store') }}"
        assert warnings({"site_database_password": store, "site_env": {"DB_PASSWORD": "{{ site_database_password }}"}}) == []

    def test_what_is_encrypted_is_not_in_plain_text(self, warnings: Warnings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(VAULT))
        encrypted = VaultLib(VAULT).encrypt("hunter2-hunter2", VAULT[0][1]).decode()
        inline = "---\nsite_database_password: !vault |\n" + "".join(f"  {line}\n" for line in encrypted.splitlines())
        text = yaml.safe_dump({"site_secret_key": "x" * 40, "site_env": {"API_TOKEN": "hunter2-hunter2"}})
        whole = VaultLib(VAULT).encrypt(text, VAULT[0][1]).decode()

        assert warnings({}, {"group_vars/all/inline.yml": inline, "group_vars/all/whole.yml": whole}) == []

    def test_a_password_from_a_store_reaches_the_project(self, reader: Callable[..., InventoryReader]) -> None:
        store = {"site_database_password": "{{ lookup('ansible.builtin.pipe', 'echo from-a-store') }}"}
        assert "shop:from-a-store@127.0.0.1" in reader(store).value("django_environment")["DATABASE_URL"]

    def test_a_project_may_not_log_in_as_the_owner(self, reader: Callable[..., InventoryReader]) -> None:
        read = reader({"site_env": {"DB_USER": "{{ site_database_user }}"}})
        (problem,) = check_inventory(read.inventory(), read.rules)
        assert problem.endswith("Write site_database_login.")
