"""A run with one site's inventory reads what another one says, and takes nothing else from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible_collections.hotclub.django.plugins.action.check_inventory import COLLECTION
from ansible_collections.hotclub.django.plugins.action.other_site import found
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.other_site import OtherSite, read_other_site

VAULT = [("default", VaultSecret(b"a vault password"))]
HOSTS = """\
all:
  vars:
    site_name: shop
    site_domain: shop.example.org
    site_source: https://git.example.org/shop.git
    ansible_user: ada
    ansible_become_password: "{{ vault_word }}"
    ansible_ssh_private_key_file: "{{ inventory_dir }}/key"
  children:
    lb: {hosts: {web1: {}}}
    app: {hosts: {web1: {ansible_host: 192.0.2.1}, web2: {}}}
    db: {hosts: {db1: {ansible_port: 2222}}}
"""


@pytest.fixture(autouse=True)
def vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext(VAULT))


def read(folder: Path, hosts: str = HOSTS, **variables: Any) -> OtherSite:
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.yml").write_text(hosts)
    word = VaultLib(VAULT).encrypt(b"a word").decode().replace("\n", "\n  ")
    lines = [f"{name}: {value}" for name, value in variables.items()]
    (folder / "group_vars" / "all.yml").write_text("\n".join([f"vault_word: !vault |\n  {word}", *lines, ""]))
    loader = DataLoader()
    loader.set_vault_secrets(VAULT)
    return read_other_site(str(folder / "hosts.yml"), COLLECTION, loader)


def test_where_the_data_of_the_other_site_is(tmp_path: Path) -> None:
    other = read(tmp_path / "production", site_media_path="/mnt/media")
    assert (other.database_host, other.application_host) == ("db1", "web1")
    assert other.site == {
        "site_name": "shop",
        "site_database_name": "shop",
        "site_database_server_port": 5432,
        "site_media_path": "/mnt/media",
        "site_media_storage": "local",
    }


def test_a_host_is_added_with_its_connection_and_nothing_else(tmp_path: Path) -> None:
    other = read(tmp_path / "production")
    assert other.connections["db1"] == {
        "ansible_host": "db1",
        "ansible_port": 2222,
        "ansible_user": "ada",
        "ansible_become_password": "a word",
        "ansible_ssh_private_key_file": f"{tmp_path}/production/key",
    }
    added = found(other, "application")["add_host"]
    assert added["host_name"] == "application@shop" and added["groups"] == ["copied_application"]
    assert added["host_vars"]["ansible_host"] == "192.0.2.1"
    assert "add_host" not in found(other, "")


def test_an_inventory_without_such_a_site_is_refused(tmp_path: Path) -> None:
    for path, complaint in (("", "No inventory was named"), (str(tmp_path / "absent"), "There is no inventory")):
        with pytest.raises(Trouble, match=complaint):
            read_other_site(path, COLLECTION, DataLoader())
    with pytest.raises(Trouble, match="no host in the group app"):
        read(tmp_path / "empty", "all: {hosts: {web1: {}}}\n")
    with pytest.raises(Trouble, match="somebody else runs it"):
        read(tmp_path / "managed", HOSTS.replace("db: {hosts: {db1: {ansible_port: 2222}}}", "db: {}"))
