"""A new inventory: made as a whole, right at once, and never over something that is there."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.new import (
    LENGTHS,
    TOPOLOGIES,
    Wish,
    make,
    problems,
    scalar,
)

from tests.unit.conftest import CHECKOUT

EXAMPLES = CHECKOUT / "inventories"


@pytest.fixture
def wish(tmp_path: Path) -> Wish:
    return Wish(
        name="journal",
        domain="journal.example.org",
        source="git@git.example.org:you/journal.git",
        topology="single",
        address="2001:db8::7",
        folder=tmp_path / "journal",
        vault_password_path=tmp_path / "home" / "journal.vault-password",
    )


def vault_of(path: Path) -> Sequence[tuple[str, Any]]:
    return [("default", VaultSecret(path.read_bytes().strip()))]


def read(folder: Path) -> dict[str, Any]:
    inventory: dict[str, Any] = yaml.safe_load((folder / "hosts.yml").read_text())["all"]
    return inventory


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_it_is_the_example_with_what_was_said(wish: Wish, topology: str) -> None:
    wish = dataclasses.replace(wish, topology=topology)
    assert list(problems(wish)) == []
    make(wish, EXAMPLES, vault_of)

    made, example = read(wish.folder), yaml.safe_load((EXAMPLES / topology / "hosts.yml").read_text())["all"]
    said = {"site_name": wish.name, "site_domain": wish.domain, "site_source": wish.source, "site_version": "HEAD"}
    assert made["vars"] == {**example["vars"], **said}
    if topology == "single":
        example["children"]["lb"]["hosts"]["web1"]["ansible_host"] = wish.address
    assert made["children"] == example["children"]


def test_its_secrets_are_encrypted_and_the_password_is_elsewhere(wish: Wish) -> None:
    make(wish, EXAMPLES, vault_of)

    password = wish.vault_password_path.read_text().strip()
    assert len(password) >= 32
    assert wish.vault_password_path.stat().st_mode & 0o777 == 0o600
    assert [path for path in wish.folder.rglob("*") if path.is_file() and password in path.read_text()] == []
    assert f"vault_password_file = {wish.vault_password_path}\n" in (wish.folder / "ansible.cfg").read_text()
    for name, length in LENGTHS.items():
        kept = (wish.folder / ".secrets" / "journal" / name).read_bytes()
        assert len(VaultLib(vault_of(wish.vault_password_path)).decrypt(kept).strip()) == length


def test_secrets_are_as_long_as_those_that_are_made_without_it() -> None:
    defaults = (CHECKOUT / "roles" / "site" / "defaults" / "main.yml").read_text()
    assert {name: int(length) for name, length in re.findall(r"'/(\w+)', length=(\d+)", defaults)} == LENGTHS


def test_a_vault_password_that_is_there_is_used(wish: Wish) -> None:
    wish.vault_password_path.parent.mkdir()
    wish.vault_password_path.write_text("my own\n")
    make(wish, EXAMPLES, vault_of)

    assert wish.vault_password_path.read_text() == "my own\n"
    assert VaultLib(vault_of(wish.vault_password_path)).decrypt((wish.folder / ".secrets/journal/secret_key").read_bytes())


def test_all_mistakes_are_told_with_their_remedies(wish: Wish) -> None:
    wrong = dataclasses.replace(
        wish,
        name="Journal",
        domain="https://journal.example.org/",
        source="",
        topology="triple",
        address="a b",
        vault_password_path=wish.folder / "password",
    )
    told = {problem.subject: problem.remedy for problem in problems(wrong)}

    assert list(told) == [f"init_{part}" for part in ("name", "domain", "source", "topology", "address", "vault_password_path")]
    assert told["init_domain"] == "Write journal.example.org."
    assert "-e init_source=" in told["init_source"]


@pytest.mark.parametrize("source", ["/srv/{{ lookup('pipe', 'id') }}", "https://git.example.org/a\nall: {}", "/srv/{% raw %}"])
def test_nothing_that_ansible_would_execute_gets_in(wish: Wish, source: str) -> None:
    (problem,) = problems(dataclasses.replace(wish, source=source))
    assert problem.subject == "init_source"


@pytest.mark.parametrize("text", ["yes", "1.10", "a: b", "it's", '"', "# a", "git@git.example.org:you/shop.git", "~", "a\\1b"])
def test_a_text_stays_what_it_is(text: str) -> None:
    assert yaml.safe_load(f"value: {scalar(text)}") == {"value": text}


def test_what_is_there_is_not_touched(wish: Wish) -> None:
    wish.folder.mkdir()
    (wish.folder / "hosts.yml").write_text("mine")

    (problem,) = problems(wish)
    assert f"{wish.folder} is there already, and nothing is overwritten" in problem.wrong
    with pytest.raises(OSError, match="not empty"):
        make(wish, EXAMPLES, vault_of)
    assert [path.name for path in wish.folder.iterdir()] == ["hosts.yml"]
    assert (wish.folder / "hosts.yml").read_text() == "mine"
    assert [path.name for path in wish.folder.parent.iterdir() if path.name.startswith(".")] == [], "half an inventory is left"
