"""What a run costs, counted without a clock: what goes to each host, and how many tasks it is part of."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.behaviour.kit import counted_ssh
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site

# Of the recap: what a host has met is in one of these. What changed something, or failed and was ignored, is among the first.
MET = ("ok", "failed", "skipped", "unreachable", "rescued")


@dataclasses.dataclass(frozen=True)
class Price:
    """What one host has cost: commands sent by ssh, those of them that are modules, and what they hold."""

    calls: int = 0
    module_calls: int = 0
    # By the names of the modules; each is assembled once for a run.
    payloads: tuple[str, ...] = ()
    bytes: int = 0
    task_entries: int = 0

    def above(self, ceiling: Price) -> list[str]:
        """In what it costs more than that."""
        costs, allowed = self._counts(), ceiling._counts()
        return [f"{name}: {costs[name]} instead of {allowed[name]} at most" for name in costs if costs[name] > allowed[name]]

    def _counts(self) -> dict[str, int]:
        counts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {**counts, "payloads": len(self.payloads)}

    def __str__(self) -> str:
        named = f" ({', '.join(self.payloads)})" if self.payloads else ""
        return (
            f"{self.calls} calls, {self.module_calls} of modules with {len(self.payloads)} payloads{named}, "
            f"{self.bytes:,} bytes, {self.task_entries} task entries"
        )


def priced(site: Site, playbook: str, *options: str, **variables: Any) -> tuple[Run, dict[str, Price]]:
    """Run a playbook, and return what each host has cost, by its name in the inventory."""
    folder = site.folder / "price"
    folder.mkdir(parents=True, exist_ok=True)
    records = folder / "calls.jsonl"
    records.unlink(missing_ok=True)
    counted = {
        "ansible_ssh_executable": str(write_program(folder, records)),
        # By ssh, where it is counted, and not by sftp.
        "ansible_ssh_transfer_method": "piped",
    }
    run = site.play(playbook, *options, **counted, **variables)
    lines = records.read_text(encoding="utf-8").splitlines() if records.exists() else []
    names = {machine.address: name for name, machine in site.lab.machines.items()}
    return run, prices((json.loads(line) for line in lines), run.recap, names)


def write_program(folder: Path, records: Path) -> Path:
    """Write a program that does as ssh and writes its calls into a file. What Ansible calls it with begins with its own name."""
    program = folder / "ssh"
    # Isolated: it finds the standard library alone, and not its neighbours by the same names.
    words = [sys.executable, "-SI", counted_ssh.__file__, str(records)]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return program


def prices(
    records: Iterable[Mapping[str, Any]], recap: Mapping[str, Mapping[str, int]], names: Mapping[str, str]
) -> dict[str, Price]:
    """What each host of a recap has cost, by the records of the calls, which name hosts by their addresses."""
    of_host: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        of_host[names.get(record["host"], record["host"])].append(record)
    return {host: _price(of_host[host], counts) for host, counts in recap.items()}


def _price(records: Iterable[Mapping[str, Any]], counts: Mapping[str, int]) -> Price:
    calls = list(records)
    modules = [record for record in calls if record["payload"]]
    payloads = {record["payload"]: str(record["module"]) for record in modules}
    return Price(
        calls=len(calls),
        module_calls=len(modules),
        payloads=tuple(sorted(payloads.values())),
        bytes=sum(record["bytes"] for record in calls),
        task_entries=sum(counts.get(name, 0) for name in MET),
    )
