"""The lab cluster of the measurements: a site whose hosts are made unequal, sick or many."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import yaml

from bench.hosts import ROOT, run_lab
from lab import docker, hosts
from lab.inventory import open_lab
from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab, Machine
from tests.behaviour.kit.sites import PLAIN
from tests.projects import variants

READY = ROOT / "inventories" / "cluster"
OWN = ROOT / ".lab" / "bench"
REPOSITORY = "bench-cluster.git"
# Of which a host gets its share of the cores, in µs.
CPU_PERIOD = 100_000
# A page waits for so long, for a database or a service, as the host's environment says.
PAUSE = "SITE_PAUSE_MS"


# A version whose build makes static files: so many, of so many bytes, of which one says which deploy it is of.
STATIC_VERSION = "static"
MADE_STATIC = "\nSTATICFILES_DIRS = [BASE_DIR / 'static-made']\n"
MAKE_STATIC = """import pathlib
import random
import sys

count, size, deploy, seed = map(int, sys.argv[1:])
folder = pathlib.Path("static-made/made")
folder.mkdir(parents=True)
for number in range(count):
    (folder / str(number)).write_bytes(random.Random(seed << 32 | number).randbytes(size) if number else f"{deploy}\\n".encode())
"""


def start(prefix: str, suite: str, apps: int | None = None, balancers: int = 1) -> Lab:
    """Have the hosts of inventories/cluster running, or one database and so many application hosts and balancers."""
    inventory = READY if apps is None else _inventory_of(apps, balancers)
    run_lab("up", str(inventory), "--prefix", prefix, "--suite", suite)
    lab = Lab([str(inventory), str(open_lab(str(inventory), prefix).overlay)])
    share_cores(lab, None)
    return lab


def share_cores(lab: Lab, cpus: float | None) -> None:
    """Let no host take more than that of this machine's cores; None for all of them.

    As many hosts as fit are then as fast as one.
    """
    for machine in lab.machines.values():
        quota = int((cpus or os.cpu_count() or 1) * CPU_PERIOD)
        docker.existing(machine.lab_host.container).update(cpu_period=CPU_PERIOD, cpu_quota=quota)


def make_bare(lab: Lab, machine: Machine) -> None:
    """Have one host as it was before anything was installed on it, at the same address."""
    machine.hang_up()
    host = machine.lab_host
    folder = Path(lab.inventories[0])
    hosts.remove_host(host)
    run_lab("up", str(folder), "--prefix", host.lab.removesuffix(folder.name), "--suite", host.suite)


def remove(prefix: str, apps: int | None = None, balancers: int = 1) -> None:
    """Remove the hosts."""
    run_lab("down", str(READY if apps is None else _inventory_of(apps, balancers)), "--prefix", prefix)


def site(lab: Lab, name: str, **variables: Any) -> Fleet:
    """A site on these hosts that no test shares; not yet on them."""
    folder = OWN / "sites" / Path(lab.inventories[-1]).parent.name / name
    given = {"site_name": name, "site_domain": f"{name}.example", "site_aliases": [], "site_media_storage": "none"}
    source = {"site_source": f"file:///srv/git/{REPOSITORY}"}
    return Fleet(lab, PLAIN, folder, **given, **source, **variables)


def make_repository() -> None:
    """The plain project in two versions, with a page that waits as it is told."""
    waits = (
        variants.replace("journal/views.py", "from django.db import", "import os\nimport time\n\nfrom django.db import"),
        variants.replace(
            "journal/views.py",
            '    if request.method != "POST":\n',
            f'    time.sleep(int(os.environ.get("{PAUSE}", "0")) / 1000)\n    if request.method != "POST":\n',
        ),
    )
    folder = ROOT / ".lab" / "git"
    folder.mkdir(parents=True, exist_ok=True)
    releases: dict[str, tuple[variants.Edit, ...]] = {
        name: (*waits, variants.plain_version(name)) for name in ("first", "second")
    }
    releases[STATIC_VERSION] = (
        *waits,
        variants.write("make_static.py", MAKE_STATIC),
        variants.append("mysite/settings.py", MADE_STATIC),
    )
    variants.build_repository(folder / REPOSITORY, variants.PROJECTS / "plain", releases)


def own_address(lab: Lab) -> str:
    """This machine, as the balancers see it."""
    with socket.create_connection((lab.lb.address, 22), 5) as connection:
        return str(connection.getsockname()[0])


def _inventory_of(apps: int, balancers: int) -> Path:
    counts = {"lb": balancers, "app": apps, "db": 1}
    tiers = {tier: [f"{tier}{number}" for number in range(1, count + 1)] for tier, count in counts.items()}
    children = {tier: {"hosts": dict[str, dict[str, str]]((host, {}) for host in hosts)} for tier, hosts in tiers.items()}
    variables = {"site_name": "shop", "site_domain": "shop.example.org", "site_media_storage": "none"}
    folder = OWN / "inventories" / (f"fleet-of-{apps}" + (f"-and-{balancers}" if balancers > 1 else ""))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": variables, "children": children}}), encoding="utf-8")
    return folder
