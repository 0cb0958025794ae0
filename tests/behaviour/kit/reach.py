"""Who reaches what: the open ports of hosts, as others find them, and as the table of flows has them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.behaviour.kit.lab import ROOT, Lab, Machine
from tests.behaviour.kit.operator import Playbook

SCAN = Path(__file__).with_name("scan.py")
SITES = "/etc/hotclub/firewall/sites"
Table = dict[str, Any]
Found = dict[str, list[int]]


def listened_to(machine: Machine) -> set[int]:
    """The ports of a host on which something listens, on whatever address. No other one can be open."""
    told = machine.run("ss --listening --tcp --numeric --no-header | awk '{print $4}'").split()
    return {int(address.rpartition(":")[2]) for address in told}


def scan_from(machine: Machine, addresses: Iterable[str], ports: Iterable[int]) -> Found:
    """Which of these ports are open on each address, as a lab host finds them."""
    machine.run(f"cat > /run/scan.py <<'EOF'\n{SCAN.read_text(encoding='utf-8')}EOF")
    tried = ",".join(str(port) for port in sorted(ports))
    found: Found = json.loads(machine.run(f"python3 /run/scan.py --ports={tried} {' '.join(addresses)}"))
    return found


def reached(machine: Machine, address: str, port: int) -> bool:
    """Whether a host gets a connection."""
    return machine.succeeds(f"timeout 2 bash -c '< /dev/tcp/{address}/{port}'")


def scan_from_outside(addresses: Iterable[str]) -> Found:
    """The open ports of each address, as this machine finds them, which is no host of any inventory."""
    command = [sys.executable, "-m", "tests.behaviour.kit.scan", *addresses]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: Found = json.loads(done.stdout)
    return found


def tables_of(lab: Lab, workspace: Path, sites: Iterable[str]) -> list[Table]:
    """The table of flows of each of the sites, from its own inventory."""
    inventories: list[Sequence[str | Path]] = [lab.inventories, *([path] for path in sorted(workspace.glob("*/hosts.yml")))]
    path, missing, tables = workspace / "flows.json", set(sites), []
    for inventory in inventories:
        if not missing:
            break
        Playbook(inventory, "../tests/behaviour/kit/flows", {"flows_path": str(path)}).wait().must_succeed()
        table: Table = json.loads(path.read_text(encoding="utf-8"))
        if table["name"] in missing:
            missing.remove(table["name"])
            tables.append(table)
    assert not missing, f"no inventory is known of {missing}"
    return tables


def allowed(tables: Iterable[Table], source: str | None, target: str) -> list[int]:
    """The TCP ports of a host that another one is to reach; without a source, that everybody is to reach."""
    return sorted(
        {
            int(flow["port"])
            for table in tables
            for flow in table["flows"]
            if flow["protocol"] == "tcp"
            and flow["to"] in (*tiers_of(table, target), "all")
            and flow["from"] in ("world", "controller", *(tiers_of(table, source) if source else ()))
        }
    )


def tiers_of(table: Table, host: str) -> list[str]:
    return [tier for tier, peers in table["tiers"].items() if host in {peer["name"] for peer in peers}]


def sites_on(machine: Machine) -> set[str]:
    """The sites that have rules on a host."""
    return {name.removesuffix(".nft") for name in machine.run(f"ls {SITES}").split()}
