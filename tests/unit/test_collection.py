"""What users install: the archive of the collection, without the checkout around it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
SECONDS = 120

Ansible = Callable[..., str]


@pytest.fixture(scope="module")
def ansible(tmp_path_factory: pytest.TempPathFactory) -> Ansible:
    """Run one of Ansible's commands as somebody who has nothing but the installed archive."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "ansible.cfg").write_text("[defaults]\ncollections_path = collections\n", encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}

    def run(program: str, *words: str | Path, cwd: Path = folder) -> str:
        done = subprocess.run(
            [TOOLS / program, *words], cwd=cwd, env=kept, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("ansible-galaxy", "collection", "build", "--output-path", folder, cwd=ROOT)
    run("ansible-galaxy", "collection", "install", "--offline", "--no-deps", archive(folder))
    return run


def archive(folder: Path) -> Path:
    return next(folder.glob("hotclub-django-*.tar.gz"))


def test_the_archive_holds_what_users_need_and_nothing_else(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> None:
    with tarfile.open(archive(next(tmp_path_factory.getbasetemp().glob("user*")))) as packed:
        top = {name.split("/")[0] for name in packed.getnames()}
    assert top == {
        *("FILES.json", "LICENSE", "MANIFEST.json", "README.md", "SECURITY.md", "requirements.txt", "requirements.yml"),
        *("changelogs", "docs", "inventories", "meta", "playbooks", "plugins", "roles"),
    } - ({"SECURITY.md"} if not (ROOT / "SECURITY.md").exists() else set())


def test_who_builds_an_image_learns_what_it_needs(ansible: Ansible, tmp_path_factory: pytest.TempPathFactory) -> None:
    with tarfile.open(archive(next(tmp_path_factory.getbasetemp().glob("user*")))) as packed:
        said = yaml.safe_load(read(packed, "meta/execution-environment.yml"))
        lines = read(packed, said["dependencies"]["system"]).splitlines()
    packages = {line.split()[0] for line in lines if line and not line.startswith("#")}
    assert {"git", "openssh-client", "openssh-clients"} <= packages


def read(packed: tarfile.TarFile, name: str) -> str:
    file = packed.extractfile(name)
    assert file is not None
    return file.read().decode()


@pytest.mark.parametrize("inventory", ["single", "cluster"])
def test_the_installed_collection_checks_an_inventory(ansible: Ansible, inventory: str) -> None:
    ansible("ansible-playbook", "--inventory", ROOT / "inventories" / inventory, "hotclub.django.check")


def test_the_installed_collection_knows_the_topology(ansible: Ansible, tmp_path: Path) -> None:
    drawing = tmp_path / "cluster.svg"
    inventory = ROOT / "inventories" / "cluster"
    ansible("ansible-playbook", "--inventory", inventory, "hotclub.django.draw", "--extra-vars", f"draw_path={drawing}")
    assert drawing.read_text(encoding="utf-8") == (ROOT / "docs" / "images" / "cluster.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml")))
def test_every_verb_can_be_called_by_its_full_name(ansible: Ansible, verb: str) -> None:
    shown = ansible("ansible-playbook", "--inventory", ROOT / "inventories" / "single", "--list-tasks", f"hotclub.django.{verb}")
    assert "TAGS" in shown
