"""Makes the virtual environment with the tools that the playbooks, the tests and the lab need.

Works where Debian's python3-venv package is missing: the environment is made without pip, and the machine's own pip,
which knows the reader's package index, puts uv into it. uv installs the rest.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from pathlib import Path

from lab.commands import run
from lab.errors import LabError
from lab.machine import ca_bundle, index_url
from lab.paths import LOGS, ROOT, VENV, VENV_PYTHON, tool
from lab.steps import step

OLDEST_PYTHON = (3, 11)
REQUIREMENTS = (ROOT / "requirements.txt", ROOT / "requirements-dev.txt")
STAMP = VENV / ".requirements"


def bootstrap() -> None:
    """Make or renew the virtual environment unless it fits the requirements already."""
    wanted = fingerprint(REQUIREMENTS)
    if VENV_PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    _check_python()
    with step("Install Ansible and the tools into .venv"):
        _install()
        STAMP.write_text(wanted, encoding="utf-8")


def fingerprint(files: tuple[Path, ...]) -> str:
    """Return a hash of the requirements and of the Python that they are installed for."""
    digest = hashlib.sha256(".".join(map(str, sys.version_info[:2])).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        raise LabError(
            f"Python {sys.version_info.major}.{sys.version_info.minor} is too old: ansible-core needs 3.11 or newer. "
            "Name another one, for example: make demo PYTHON=python3.12"
        )


def _install() -> None:
    log = LOGS / "bootstrap.log"
    # Not through a virtual environment, which may be the very one that is renewed.
    python = Path(sys.executable).resolve()
    if not _has_this_python():
        shutil.rmtree(VENV, ignore_errors=True)
    # One that is there is renewed in place: somebody may be using it.
    run([python, "-m", "venv", "--without-pip", VENV], log=log)
    pip = [str(python), "-m", "pip"]
    if run([*pip, "--version"], check=False).returncode != 0:
        raise LabError("This Python has no pip. Install it, on Debian with: apt-get install python3-pip")
    run([*pip, "--python", VENV_PYTHON, "install", "--quiet", _uv_requirement()], timeout=600, log=log)
    run(
        [tool("uv"), "pip", "install", "--python", VENV_PYTHON, "--requirement", REQUIREMENTS[-1]],
        timeout=1800,
        environment=index_settings(),
        log=log,
    )


def _has_this_python() -> bool:
    """Tell whether the virtual environment runs, by the version of Python that makes it."""
    if not VENV_PYTHON.exists():
        return False
    version = ".".join(map(str, sys.version_info[:2]))
    ask = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
    done = run([VENV_PYTHON, "-c", ask], check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def _uv_requirement() -> str:
    lines = REQUIREMENTS[-1].read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith("uv=="))


def index_settings() -> dict[str, str]:
    """Tell uv what pip knows of the package index, and of the certificates in front of it."""
    settings: dict[str, str] = {}
    index = index_url()
    if index:
        settings["UV_DEFAULT_INDEX"] = index
    bundle = ca_bundle()
    if bundle is not None and "SSL_CERT_FILE" not in os.environ:
        settings["SSL_CERT_FILE"] = str(bundle)
    return settings
