"""Hosts that nothing has prepared yet, beside those that the scenario has converged."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.behaviour.kit.lab import ROOT, Lab, Machine


@contextlib.contextmanager
def bare_host(lab: Lab, name: str) -> Iterator[tuple[Machine, Path]]:
    """Give a bare host and its inventory, and remove it afterwards.

    :param name: tells it from other bare hosts of the same scenario.
    """
    prefix = f"{Path(lab.inventories[-1]).resolve().parent.name.removesuffix('single')}{name}-"

    def verb(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "lab", *words, "--prefix", prefix], cwd=ROOT, check=True, capture_output=True)

    verb("down", "single")
    verb("up", "single", "--suite", lab.codename)
    inventory = ROOT / ".lab" / f"{prefix}single" / "hosts.yml"
    [machine] = Lab([str(inventory)]).machines.values()
    try:
        yield machine, inventory
    finally:
        machine.hang_up()
        verb("down", "single")
