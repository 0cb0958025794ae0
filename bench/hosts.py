"""The hosts of the measurements: one for the collection, and one for each way that it is compared with."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lab import hosts
from lab.inventory import open_lab
from tests.behaviour.kit.lab import TOOLS
from tests.behaviour.kit.operator import Playbook, Run
from tests.behaviour.kit.visitor import Visitor
from tests.projects import variants

ROOT = Path(__file__).resolve().parent.parent
INVENTORIES = ROOT / "bench" / "inventories"
PREFIX = "bench-"
OURS, REFERENCE, EARLIER, EIGHT = "ours", "reference", "earlier", "eight"
DOMAIN = "plain.example"
# The lab's overlay names the demo's source; the command line has the last word.
SOURCE = {"site_source": "file:///srv/git/bench.git"}
RELOAD_SECONDS = 15.0
# Enough different requirements for one set in each round.
REQUIREMENTS = ("24.0", "24.1", "24.2", "25.0", "26.0", "26.1", "26.2", "26.3")


def start(which: str, suite: str, afresh: bool = False) -> None:
    """Have a host running; afresh, one that nothing has been installed on."""
    if afresh:
        remove(which)
    run_lab("up", str(INVENTORIES / which), "--prefix", PREFIX, "--suite", suite)


def remove(which: str) -> None:
    run_lab("down", str(INVENTORIES / which), "--prefix", PREFIX)


def make_repository() -> None:
    """The project in two versions, and in as many as there are sets of requirements."""
    releases: dict[str, tuple[variants.Edit, ...]] = {"v2": (variants.plain_version("v2"),)}
    for number, version in enumerate(REQUIREMENTS):
        releases[f"requirements-{number}"] = (
            variants.plain_version(f"requirements-{number}"),
            variants.append("requirements.txt", f"packaging=={version}\n"),
        )
    folder = ROOT / ".lab" / "git"
    folder.mkdir(parents=True, exist_ok=True)
    variants.build_repository(folder / "bench.git", variants.PROJECTS / "plain", releases)


def play(playbook: str, which: str = OURS, checkout: Path = ROOT, **variables: object) -> Run:
    """Run a playbook on a host, of this checkout or of another one, to its good end."""
    return Playbook(_inventories(which), playbook, {**SOURCE, **variables}, checkout=checkout).wait().must_succeed()


def playbook_command(playbook: str, which: str = OURS) -> list[str]:
    """Return the command that runs a playbook of this checkout on a host, for who reads by himself what it prints."""
    inventories = [f"--inventory={path}" for path in _inventories(which)]
    return [str(TOOLS / "ansible-playbook"), *inventories, f"--extra-vars={json.dumps(SOURCE)}", f"playbooks/{playbook}.yml"]


def _inventories(which: str) -> list[Path]:
    return [INVENTORIES / which, open_lab(str(INVENTORIES / which), PREFIX).overlay]


def host(which: str) -> hosts.LabHost:
    found = hosts.hosts(open_lab(str(INVENTORIES / which), PREFIX))
    if not found:
        raise SystemExit(f"The host of {which} does not run.")
    return found[0]


def visitor(which: str) -> Visitor:
    """Return a visitor; the plain script's host has no TLS."""
    return Visitor(host(which).address, DOMAIN, None if which == REFERENCE else authority(which))


def authority(which: str) -> Path:
    """The certificate of the authority that has signed a host's."""
    return open_lab(str(INVENTORIES / which), PREFIX).authority


def serves(which: str, version: str) -> None:
    """Make sure that what was measured has happened; a plain script ends before its server has reloaded."""
    deadline = time.monotonic() + (RELOAD_SECONDS if which == REFERENCE else 0)
    while (served := visitor(which).get("/").json["version"]) != version:
        if time.monotonic() > deadline:
            raise SystemExit(f"The {which} host serves {served} and not {version}: the measurement is void.")
        time.sleep(0.1)


def ssh(which: str, words: Sequence[str] = (), stdin: str = "") -> str:
    """Run a command, or the script on stdin, on a host."""
    return ssh_bytes(which, words or ["bash", "-euo", "pipefail", "-s"], stdin.encode()).decode()


def ssh_bytes(which: str, words: Sequence[str], stdin: bytes = b"") -> bytes:
    done = subprocess.run(hosts.ssh_command(host(which), list(words)), input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"On {which}, {' '.join(words)} ended with {done.returncode}:\n{done.stderr.decode()[-3000:]}")
    return done.stdout


def run_lab(*words: str) -> None:
    """Run a verb of the lab."""
    done = subprocess.run([sys.executable, "-m", "lab", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
