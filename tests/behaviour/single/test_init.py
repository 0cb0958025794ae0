"""Somebody begins: makes an inventory, and runs the collection with nothing but that."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.behaviour.kit.lab import TOOLS, Lab
from tests.behaviour.kit.operator import Playbook, environment
from tests.behaviour.kit.sites import REPOSITORIES, connection

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12


def in_folder(folder: Path, *words: str) -> str:
    """Run one of Ansible's commands in a folder, with no settings but those that are there."""
    kept = {name: value for name, value in environment().items() if name != "ANSIBLE_CONFIG"}
    done = subprocess.run([TOOLS / words[0], *words[1:]], cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_new_inventory_works_at_once_and_shows_no_secret(lab: Lab, repositories: Path, tmp_path: Path) -> None:
    folder = tmp_path / "begun"
    said = {
        "init_name": "begun",
        "init_domain": "begun.example",
        "init_source": f"{REPOSITORIES}/plain.git",
        "init_address": lab.app.address,
        "init_path": str(folder),
        "init_vault_password_path": str(tmp_path / "vault-password"),
    }
    made = Playbook([], "init", said).wait().must_succeed()
    assert made.says(f"cd {folder}", "ansible-playbook hotclub.django.site"), made
    again = Playbook([], "init", said).wait().must_fail()
    assert again.says(f"{folder} is there already, and nothing is overwritten"), again

    # How this machine reaches the host is the operator's to say.
    (folder / "host_vars").mkdir()
    reached = {name: value for name, value in connection(lab.app).items() if not name.startswith("site_database")}
    (folder / "host_vars" / "web1.yml").write_text(yaml.safe_dump(reached), encoding="utf-8")
    secrets = [in_folder(folder, "ansible-vault", "view", str(path)).strip() for path in (folder / ".secrets/begun").iterdir()]
    told = in_folder(folder, "ansible-playbook", "hotclub.django.site", "--check", "--diff", "-vvv")
    # The folder's settings have the run told by the collection's own plugin.
    assert "Checked, and nothing was changed, in " in told
    assert "plain text" not in told, told
    assert [secret for secret in secrets if secret in told] == []
