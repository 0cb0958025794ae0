"""Where the lab finds the collection and keeps its own files."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

STATE = ROOT / ".lab"
LOGS = STATE / "logs"
GIT = STATE / "git"
ENGINE = STATE / "engine"
SSH_KEY = STATE / "id_ed25519"
PRIVATE_CA = STATE / "private-ca.pem"

VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"

RECIPE_TREE = ROOT / "lab" / "host"
RECIPE_SETUP = ROOT / "lab" / "host-setup.sh"


def tool(name: str) -> Path:
    """Return the path of a command that the virtual environment brings."""
    return VENV / "bin" / name
