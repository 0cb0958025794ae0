"""A controller that lacks the secrets of a site that exists, or has others, is known by what hosts keep of them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.module_utils.machine.secret_fingerprints import fingerprint, forget, keep, look
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import render
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets import authority, rotation
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.fingerprints import Held, held, problems, remedy, wanted
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import PREVIEW, STEPS, SecretStore

from tests.unit.conftest import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"
LENGTHS = {"secret_key": 64, "database_password": 40, "authority_passphrase": 40}


class Host:
    """A host of a site, with nothing on it."""

    def __init__(self, folder: Path, *tiers: str) -> None:
        self.root = folder / "srv"
        self.kept = folder / "kept"
        self.tiers = tiers

    @property
    def file(self) -> Path:
        return self.kept / "shop.json"

    def look(self) -> dict[str, Any]:
        return look("shop", str(self.root), [str(self.root / "etc" / "certificate*")], self.kept)

    def keep(self, here: Held) -> bool:
        found = self.look()
        return keep("shop", found["salt"], wanted(self.tiers, found, here), folder=self.kept)

    def converged_by_an_older_version(self, controller: Controller) -> None:
        (self.root / "etc" / "certificate").mkdir(parents=True)
        values = {name: SecretStore(controller.folder, []).read(name).current for name in ("secret_key", "database_password")}
        environment = {
            "SECRET_KEY": values["secret_key"],
            "DATABASE_URL": f"postgres://shop:{values['database_password']}@127.0.0.1:5432/shop",
        }
        (self.root / "etc" / "environment").write_text("# Ansible managed\n\n" + render(environment), encoding="utf-8")
        shutil.copy(controller.authority / "authority.crt", self.root / "etc" / "certificate" / "authority.pem")


class Controller:
    """Somebody who runs playbooks, with a folder of secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = folder / "authority"

    def with_secrets(self) -> Controller:
        for name, length in LENGTHS.items():
            SecretStore(self.folder, []).obtain(name, length)
        authority.ensure(self.authority, "shop", "passphrase", authority.utc_now())
        return self

    def held(self, *settings: str, overridden: tuple[str, ...] = ()) -> Held:
        return held(self.folder, set(settings), {"authority": self.authority, "database_authority": self.authority}, overridden)

    def take(self, name: str, *steps: str) -> None:
        for step in steps:
            SecretStore(self.folder, []).change(name, STEPS[step])

    def copied(self) -> Controller:
        return Controller(Path(shutil.copytree(self.folder, self.folder.with_name(f"{self.folder.name}-copy"))))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host", "lb", "app", "db")


@pytest.fixture
def owner(tmp_path: Path) -> Controller:
    return Controller(tmp_path / "owner").with_secrets()


@pytest.fixture
def colleague(tmp_path: Path) -> Controller:
    return Controller(tmp_path / "colleague")


def told(host: Host, here: Held, unknown: tuple[str, ...] = ()) -> list[str]:
    return problems("shop", {"web1": host.look()}, unknown, here)


class TestComparing:
    """What a run is told before anything changes."""

    def test_who_made_the_secrets_may_go_on(self, host: Host, owner: Controller) -> None:
        assert told(host, owner.held()) == []
        assert host.keep(owner.held())
        assert told(host, owner.held()) == []
        assert not host.keep(owner.held()), "a second run has something to write"

    def test_a_fresh_host_takes_whatever_there_is(self, host: Host, colleague: Controller) -> None:
        assert told(host, colleague.held()) == []

    def test_without_the_folder_a_run_is_refused_and_told_what_to_bring(
        self, host: Host, owner: Controller, colleague: Controller
    ) -> None:
        host.keep(owner.held())
        message = " ".join([*told(host, colleague.held()), remedy("shop", colleague.held())])

        for word in ("shop", "web1", "secret_key is not here", "database_password is not here", "authority is not here"):
            assert word in message
        assert f"Bring {colleague.folder}" in message
        assert "-e secrets_new=true" in message
        assert not colleague.folder.exists(), "the comparison has made something"

    @pytest.mark.parametrize("name", ["secret_key", "database_password", "authority_passphrase"])
    def test_each_secret_counts_by_itself(self, host: Host, owner: Controller, name: str) -> None:
        host.keep(owner.held())
        (owner.folder / name).write_text("another-one-of-the-right-shape\n", encoding="utf-8")

        assert told(host, owner.held())[1:] == [f"web1: {name} is another one"]

    def test_a_new_authority_is_refused(self, host: Host, owner: Controller) -> None:
        host.keep(owner.held())
        shutil.rmtree(owner.authority)
        assert "the internal authority is not here" in told(host, owner.held())[1]

        authority.ensure(owner.authority, "shop", "passphrase", authority.utc_now())
        assert "the internal authority is another one" in told(host, owner.held())[1]

    def test_what_the_inventory_sets_is_the_operator_s_own_affair(self, host: Host, owner: Controller) -> None:
        host.keep(owner.held())
        (owner.folder / "secret_key").unlink()

        assert told(host, owner.held("site_secret_key")) == []

    def test_a_host_that_cannot_be_asked_may_have_the_site(self, host: Host, owner: Controller, colleague: Controller) -> None:
        assert "can't tell whether app2" in told(host, colleague.held(), ("app2",))[0]
        assert told(host, owner.held(), ("app2",)) == []

    def test_hosts_with_the_same_difference_are_one_line(self, tmp_path: Path, owner: Controller, colleague: Controller) -> None:
        hosts = [Host(tmp_path / name, "app") for name in ("one", "two")]
        for host in hosts:
            host.keep(owner.held())
        found = {f"app{number}": host.look() for number, host in enumerate(hosts, 1)}

        assert [line.split(":")[0] for line in problems("shop", found, [], colleague.held())[1:]] == ["app1, app2"]

    def test_each_tier_keeps_what_it_works_with(self, tmp_path: Path, owner: Controller) -> None:
        host = Host(tmp_path / "balancer", "lb")
        host.keep(owner.held())
        assert set(host.look()["known"]) == {"authority", "authority_passphrase"}


class TestOlderVersions:
    """A host that was converged before there were fingerprints."""

    def test_its_own_files_tell(self, host: Host, owner: Controller, colleague: Controller) -> None:
        host.converged_by_an_older_version(owner)
        assert told(host, owner.held()) == []
        assert "secret_key is not here" in told(host, colleague.held())[1]
        assert "secret_key is another one" in told(host, colleague.with_secrets().held())[1]

    def test_the_authority_counts_there_too(self, host: Host, owner: Controller) -> None:
        host.converged_by_an_older_version(owner)
        shutil.rmtree(owner.authority)
        assert "the internal authority is not here" in told(host, owner.held())[1]

    def test_what_the_project_is_given_instead_is_not_compared_and_nothing_is_made(
        self, host: Host, owner: Controller, colleague: Controller
    ) -> None:
        host.converged_by_an_older_version(owner)
        environment = host.root / "etc" / "environment"
        environment.write_text(render({"SECRET_KEY": "the project's own", "DATABASE_URL": "sqlite://"}), encoding="utf-8")

        assert told(host, owner.held(overridden=("SECRET_KEY",))) == []
        assert "secret_key is not here" in told(host, colleague.held(overridden=("SECRET_KEY",)))[1]

    def test_a_torn_file_is_no_excuse(self, host: Host, owner: Controller, colleague: Controller) -> None:
        host.converged_by_an_older_version(owner)
        host.keep(owner.held())
        host.file.write_text('{"salt": "', encoding="utf-8")

        assert told(host, owner.held()) == []
        assert told(host, colleague.held()) != []


class TestRotating:
    """The steps of rotate.yml, each of which may be the last one of a run that was cut off."""

    def test_at_each_step_the_owner_may_go_on(self, host: Host, owner: Controller) -> None:
        host.keep(owner.held())
        for steps in (("announced",), ("switched",)):
            owner.take("database_password", *steps)
            assert told(host, owner.held()) == [], f"after {steps}, before hosts know"
        host.keep(owner.held())
        for step in ("closed", "finished", "forgotten"):
            owner.take("database_password", step)
            assert told(host, owner.held()) == [], f"after {step}"
            assert not host.keep(owner.held())

    def test_a_colleague_s_folder_from_before_is_refused(self, host: Host, owner: Controller) -> None:
        host.keep(owner.held())
        stale = owner.copied()
        owner.take("secret_key", "announced", "switched")
        host.keep(owner.held())
        owner.take("secret_key", "closed", "finished")

        assert "secret_key is another one" in told(host, stale.held())[1]

    def test_the_authority_may_change_step_by_step(self, host: Host, owner: Controller) -> None:
        host.keep(owner.held())
        stale = owner.copied()
        for step in (rotation.prepare, rotation.switch):
            step(owner.authority, "shop", "passphrase", authority.utc_now())
            assert told(host, owner.held()) == [], step.__name__
            host.keep(owner.held())
        rotation.finish(owner.authority, "shop", "passphrase", authority.utc_now())
        assert told(host, owner.held()) == []
        assert "the internal authority is another one" in told(host, stale.held())[1]

    def test_rotate_lets_hosts_know_before_anything_is_forgotten(self) -> None:
        names = [name for play in yaml.safe_load((PLAYBOOKS / "rotate.yml").read_text()) for name in tasks_of(play)]
        switched, closed = (
            names.index("Replace the secrets on the controller"),
            names.index("Remove the old password from the controller"),
        )

        assert switched < names.index("Write the fingerprints of the new secrets") < closed
        assert switched < names.index("Write the fingerprint of the new password") < closed


class TestFile:
    """What a host keeps."""

    def test_only_root_can_read_it_and_it_holds_no_secret(self, host: Host, owner: Controller) -> None:
        host.keep(owner.held())

        assert host.file.stat().st_mode & 0o777 == 0o600
        assert host.kept.stat().st_mode & 0o777 == 0o700
        assert not any(value in host.file.read_text() for values in owner.held().values.values() for value in values)

    def test_two_hosts_have_different_fingerprints_of_one_secret(self, tmp_path: Path, owner: Controller) -> None:
        hosts = [Host(tmp_path / name, "app") for name in ("one", "two")]
        for host in hosts:
            host.keep(owner.held())
        assert hosts[0].look()["known"]["secret_key"] != hosts[1].look()["known"]["secret_key"]

    def test_two_secrets_that_are_the_same_do_not_show_it(self) -> None:
        assert fingerprint("salt", "secret_key", "same") != fingerprint("salt", "database_password", "same")

    def test_check_mode_writes_nothing(self, host: Host) -> None:
        assert keep("shop", "salt", {"secret_key": "00"}, checking=True, folder=host.kept)
        assert not host.kept.exists()

    def test_a_site_that_leaves_takes_it_along(self, host: Host, owner: Controller) -> None:
        host.keep(owner.held())
        assert forget("shop", folder=host.kept)
        assert not forget("shop", folder=host.kept)


def test_to_look_at_an_inventory_makes_no_secret(tmp_path: Path) -> None:
    expression = trust_as_template(f"{{{{ lookup('hotclub.django.secret', '{tmp_path}/new/secret_key', length=64) }}}}")

    assert len(Templar(None, {PREVIEW: True}).template(expression)) == 64
    assert not (tmp_path / "new").exists()
    made = Templar(None, {}).template(expression)
    assert Templar(None, {PREVIEW: True}).template(expression) == made


def tasks_of(play: Mapping[str, Any]) -> list[str]:
    return [task["name"] for part in ("pre_tasks", "tasks") for task in play.get(part, [])]


# These change no host, or make nothing of what a secret is in.
WITHOUT = {"check", "commands", "diagnose", "draw", "export", "init", "inspect", "logs", "manage", "status", "timer"}


@pytest.mark.parametrize("verb", sorted(path.stem for path in PLAYBOOKS.glob("*.yml") if path.stem not in WITHOUT))
def test_every_verb_that_could_make_secrets_compares_first(verb: str) -> None:
    plays = yaml.safe_load((PLAYBOOKS / f"{verb}.yml").read_text(encoding="utf-8"))
    first_that_changes_hosts = next(play for play in plays if play.get("become"))
    first, *_ = first_that_changes_hosts.get("pre_tasks") or first_that_changes_hosts["tasks"]

    assert first.get("ansible.builtin.import_tasks") == "tasks/check_secrets.yml"


def test_no_playbook_validates_every_variable_of_the_site() -> None:
    """That would work out each of them, and so make secrets that are missing; the inventory check knows what to leave alone."""
    specs = yaml.safe_load((PLAYBOOKS.parent / "roles" / "site" / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    [check] = yaml.safe_load((PLAYBOOKS / "check.yml").read_text(encoding="utf-8"))

    assert list(specs["argument_specs"]) == ["check"]
    assert [task["ansible.builtin.import_role"]["rolespec_validate"] for task in check["tasks"]] == [False]
