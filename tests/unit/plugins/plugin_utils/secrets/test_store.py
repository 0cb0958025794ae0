"""Generated secrets on the controller: made once, encrypted where there is a vault password, replaced step by step."""

from __future__ import annotations

import itertools
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import (
    STEPS,
    Secret,
    SecretStore,
    parse,
    render,
)

Vault = list[tuple[str, VaultSecret]]
VAULT: Vault = [("default", VaultSecret(b"a vault password"))]
OTHER_VAULT: Vault = [("default", VaultSecret(b"another one"))]
NONE: Vault = []


def obtain(folder: Path) -> str:
    return SecretStore(folder, NONE).obtain("secret_key", 64).current


class TestKeeping:
    """The file on the controller."""

    def test_a_secret_is_made_once(self, tmp_path: Path) -> None:
        made = obtain(tmp_path)

        assert len(made) == 64
        assert made.isalnum()
        assert obtain(tmp_path) == made
        assert obtain(tmp_path / "elsewhere") != made

    def test_processes_that_begin_together_agree(self, tmp_path: Path) -> None:
        with multiprocessing.get_context("fork").Pool(8) as pool:
            assert len(set(pool.map(obtain, [tmp_path / "new"] * 8))) == 1

    def test_only_its_owner_can_read_it_and_nothing_else_is_left(self, tmp_path: Path) -> None:
        obtain(tmp_path / "new")

        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        assert [(path.name, path.stat().st_mode & 0o777) for path in (tmp_path / "new").iterdir()] == [("secret_key", 0o600)]

    def test_with_a_vault_password_the_file_is_one_of_ansible_vault(self, tmp_path: Path) -> None:
        made = SecretStore(tmp_path, VAULT).obtain("secret_key", 64).current
        kept = (tmp_path / "secret_key").read_bytes()

        assert made.encode() not in kept
        assert VaultLib(VAULT).decrypt(kept).decode().split() == [made]
        assert SecretStore(tmp_path, VAULT).read("secret_key").current == made

    def test_what_is_plain_can_be_encrypted_later(self, tmp_path: Path) -> None:
        made = obtain(tmp_path)
        assert SecretStore(tmp_path, VAULT).read("secret_key").current == made

        path = tmp_path / "secret_key"
        path.write_bytes(VaultLib(VAULT).encrypt(path.read_bytes(), VAULT[0][1]))
        assert SecretStore(tmp_path, VAULT).read("secret_key").current == made

    @pytest.mark.parametrize(("given", "told"), [(NONE, "no vault password is given"), (OTHER_VAULT, "another vault password")])
    def test_without_the_right_vault_password_it_says_so_and_makes_no_other(
        self, tmp_path: Path, given: Vault, told: str
    ) -> None:
        SecretStore(tmp_path, VAULT).obtain("secret_key", 64)
        before = (tmp_path / "secret_key").read_bytes()

        with pytest.raises(AnsibleError, match=told) as refused:
            SecretStore(tmp_path, given).obtain("secret_key", 64)
        assert str(tmp_path / "secret_key") in str(refused.value)
        assert (tmp_path / "secret_key").read_bytes() == before

    def test_what_the_password_lookup_has_made_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "secret_key").write_text("made-before salt=abc\n")
        assert obtain(tmp_path) == "made-before"

    def test_the_lookup_gives_each_part(self, tmp_path: Path) -> None:
        def part(**options: str) -> Any:
            words = "".join(f", {name}='{value}'" for name, value in options.items())
            expression = f"{{{{ lookup('hotclub.django.secret', '{tmp_path}/secret_key'{words}) }}}}"
            return Templar(None, {}).template(trust_as_template(expression))

        assert part(part="fallbacks") == []
        assert list(tmp_path.iterdir()) == [], "asking for the rotation made a secret"
        made = part()
        SecretStore(tmp_path, NONE).change("secret_key", STEPS["announced"])
        assert part() == made
        assert part(part="rotation")["step"] == "announced"
        assert part(part="fallbacks") == [part(part="rotation")["following"]]


class TestRotation:
    """Steps that can be taken again."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> SecretStore:
        return SecretStore(tmp_path, VAULT)

    def take(self, store: SecretStore, *steps: str) -> Secret:
        for step in steps:
            store.change("secret_key", STEPS[step])
        return store.read("secret_key")

    def test_at_each_step_what_was_in_use_a_step_before_is_accepted(self, store: SecretStore) -> None:
        first = store.obtain("secret_key", 64).current
        seen = [store.read("secret_key")] + [self.take(store, step) for step in ("announced", "switched", "closed", "finished")]

        for before, after in itertools.pairwise(seen):
            assert before.current in [after.current, *after.fallbacks]
            assert after.current in [before.current, *before.fallbacks], "a host that is a step behind would refuse it"
        assert first != seen[-1].current
        assert (len(seen[-1].current), seen[-1].fallbacks, seen[-1].step) == (64, [first], "")

    def test_a_step_that_was_taken_is_not_taken_again(self, store: SecretStore) -> None:
        store.obtain("secret_key", 64)
        announced = self.take(store, "announced")
        assert self.take(store, "announced") == announced
        switched = self.take(store, "switched")
        assert switched.current == announced.following
        assert self.take(store, "announced", "switched") == switched
        assert self.take(store, "closed", "announced", "switched").current == switched.current

    def test_steps_are_taken_in_order(self, store: SecretStore) -> None:
        store.obtain("secret_key", 64)
        assert self.take(store, "switched", "closed", "finished") == store.read("secret_key")
        assert store.read("secret_key").turn == 0

    def test_former_keys_are_kept_until_they_are_forgotten(self, store: SecretStore) -> None:
        whole = ("announced", "switched", "closed", "finished")
        first = store.obtain("secret_key", 64).current
        second = self.take(store, *whole).current
        assert self.take(store, *whole).fallbacks == [second, first]
        assert self.take(store, "forgotten").fallbacks == []

    def test_nothing_is_forgotten_while_hosts_may_need_it(self, store: SecretStore) -> None:
        first = store.obtain("secret_key", 64).current
        assert self.take(store, "announced", "switched", "forgotten").fallbacks == [first]

    def test_a_file_keeps_everything(self) -> None:
        secret = Secret("now", 3, "announced", "next", ("before", "long-before"))
        assert parse(render(secret)) == secret


class TestTelling:
    """What is told of the folder."""

    def test_the_folder_of_generated_secrets_is_named_when_it_is_in_plain_text(self, tmp_path: Path) -> None:
        folder = tmp_path / ".secrets"
        (before,) = SecretStore(folder, NONE).warnings()
        made = obtain(folder)
        (after,) = SecretStore(folder, NONE).warnings()
        (with_password,) = SecretStore(folder, VAULT).warnings()

        assert str(folder) in before
        assert "vault_password_file" in before
        assert all(f"ansible-vault encrypt {folder}/secret_key" in line for line in (after, with_password))
        assert made not in after + with_password

    def test_secrets_that_cannot_be_opened_are_problems(self, tmp_path: Path) -> None:
        SecretStore(tmp_path, VAULT).obtain("secret_key", 64)
        assert SecretStore(tmp_path, VAULT).problems() == []
        (problem,) = SecretStore(tmp_path, NONE).problems()
        assert "ANSIBLE_VAULT_PASSWORD_FILE" in problem

    def test_encrypted_secrets_are_in_order_and_an_unfinished_rotation_is_not(self, tmp_path: Path) -> None:
        store = SecretStore(tmp_path, VAULT)
        store.obtain("secret_key", 64)
        assert store.warnings() == []
        store.change("secret_key", STEPS["announced"])
        assert store.warnings() == [
            "The rotation of secret_key has not ended. Run playbooks/rotate.yml -e rotate_what=secret_key again."
        ]
