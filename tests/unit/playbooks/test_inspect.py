"""The playbook inspect, as somebody runs it who has a project and no host."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.projects.variants import build
from tests.unit.conftest import CHECKOUT

INVENTORY = """\
all:
  vars:
    site_name: stock
    site_domain: stock.example
    site_source: {source}
    site_version: v2
    site_env: {{APP_SECRET: "{{{{ site_secret_key }}}}"}}
  children:
    # No host of this network answers.
    app: {{hosts: {{web1: {{ansible_host: 192.0.2.1}}}}}}
"""


@pytest.mark.parametrize("words", [[], ["--check"]], ids=["run", "check"])
def test_it_reads_a_repository_and_writes_lines_and_nothing_else(tmp_path: Path, words: list[str]) -> None:
    commits = build("hashed", tmp_path / "repositories")
    (tmp_path / "inventory").mkdir()
    source = f"file://{tmp_path}/repositories/hashed.git"
    (tmp_path / "inventory" / "hosts.yml").write_text(INVENTORY.format(source=source), encoding="utf-8")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    told = inspect(tmp_path, *words, TMPDIR=str(temporary))

    assert f"stock: {source}" in told
    assert f"v2 is {commits['v2'][:12]}" in told
    lines = yaml.safe_load(told.split("Lines for the inventory", 1)[1].split("\n\n", 1)[1].split("\nok: [localhost]")[0])
    assert lines["site_static_url"] == "/assets/"
    assert "APP_SECRET" not in lines["site_env"] and lines["site_env"]["DB_NAME"] == "{{ site_database_name }}"
    assert sorted(path.name for path in (tmp_path / "inventory").iterdir()) == ["hosts.yml"]
    assert list(temporary.iterdir()) == []


def inspect(folder: Path, *words: str, **environment: str) -> str:
    done = subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "--inventory",
            folder / "inventory",
            CHECKOUT / "playbooks" / "inspect.yml",
            *words,
        ],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
