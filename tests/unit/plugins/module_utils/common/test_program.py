"""A program that a host keeps: it is whole, runs without Ansible, and the same code gives the same bytes."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.program import OURS, needed, program

MODULES = ("status.watch",)


@pytest.mark.parametrize("module", MODULES)
def test_it_runs_without_ansible_and_without_anything_of_ours_beside_it(module: str, tmp_path: Path) -> None:
    path = tmp_path / "program.pyz"
    path.write_bytes(program(module))
    # Each of its modules, for what one imports late.
    names = list(needed(f"{OURS}.{module}"))
    script = f"import sys, importlib; sys.path.insert(0, {str(path)!r}); [importlib.import_module(name) for name in {names!r}]; "
    script += "sys.exit(any(name == 'ansible' or name.startswith('ansible.') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_it_has_what_it_imports_inside_functions_too_and_nothing_twice(module: str) -> None:
    with zipfile.ZipFile(io.BytesIO(program(module))) as archive:
        files = archive.namelist()
    assert len(files) == len(set(files))
    folder = OURS.replace(".", "/")
    assert {"__main__.py", f"{folder}/__init__.py", f"{folder}/{module.replace('.', '/')}.py"} <= set(files)
    assert f"{folder}/common/call.py" not in files


def test_the_same_code_gives_the_same_bytes() -> None:
    assert program("status.watch") == program("status.watch")
