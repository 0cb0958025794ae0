"""The few things that the lab asks of the Docker engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.commands import run
from lab.errors import LabError
from lab.machine import free_networks, network_mtu, read_routes
from lab.paths import ROOT

LABEL = "hotclub.lab"
# Hosts belong to the checkout that started them, so that two checkouts on one machine leave each other alone.
OWNER_LABEL = f"{LABEL}={ROOT}"

NETWORK = "hotclub"
SUBNETS = tuple(f"10.{second}.0.0/24" for second in (213, 214, 197, 182, 143))


def call(*words: str | Path, timeout: float = 120) -> str:
    """Run a docker command and return its output."""
    return run(["docker", *words], timeout=timeout).stdout.strip()


def inspect(kind: str, name: str) -> dict[str, Any] | None:
    """Return what the engine knows of an object, or None when there is none of that name."""
    done = run(["docker", kind, "inspect", name], check=False)
    if done.returncode != 0:
        return None
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found[0]


def image_exists(name: str) -> bool:
    """Tell whether the engine has an image of that name."""
    return inspect("image", name) is not None


def remove_container(name: str) -> None:
    """Remove a container, running or not, if it is there."""
    run(["docker", "rm", "--force", "--volumes", name], check=False)


def ensure_network() -> str:
    """Return the lab's network; make it in the first address range that the machine has free."""
    if inspect("network", NETWORK) is not None:
        return NETWORK
    mtu = network_mtu()
    options = ["--opt", f"com.docker.network.driver.mtu={mtu}"] if mtu else []
    said = ""
    for subnet in free_networks(SUBNETS, read_routes()):
        done = run(
            ["docker", "network", "create", "--subnet", subnet, "--label", f"{LABEL}=network", *options, NETWORK],
            check=False,
        )
        if done.returncode == 0:
            return NETWORK
        said = done.stderr
    raise LabError(f"No network for the lab could be made: of {', '.join(SUBNETS)} none is free.", detail=said)


def subnet() -> str:
    """Return the address range of the lab's network."""
    network = inspect("network", NETWORK)
    if network is None:
        raise LabError("The lab has no network; start a host first.")
    return str(network["IPAM"]["Config"][0]["Subnet"])


def remove_network() -> None:
    """Remove the lab's network unless another checkout's hosts are on it."""
    run(["docker", "network", "rm", NETWORK], check=False)


def remove_volumes() -> None:
    """Remove the volumes that lab hosts share, unless another checkout's hosts use them."""
    for volume in call("volume", "ls", "--quiet", "--filter", f"label={LABEL}").splitlines():
        run(["docker", "volume", "rm", volume], check=False)
