"""What more hosts cost: an inventory with 200 of them, and a deploy on many instead of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import yaml

from bench import cluster
from bench.measure import Samples, in_turns
from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.lab import Lab, Machine
from tests.behaviour.kit.operator import Run

MANY = 200
BUILD = "Build the release beside what serves"
SHOWN_TASKS = 8
# Until a balancer has seen that a host serves.
JOINED_SECONDS = 60


def inventory(lab: Lab, rounds: int) -> str:
    """One balancer checked and rendered, with the application hosts that there are and with 200."""
    site = cluster.site(lab, "balanced", site_version="first")
    site.play("site").must_succeed()

    def run(apps: int) -> float:
        site.write_inventory()
        add_hosts(site, apps - len(site.apps))
        # In check mode the balancer is compared with what would be written, and keeps what it has.
        # The firewalls of hosts that a limit leaves out would be looked at one by one, and nobody reaches the further ones.
        return site.play("site", "--limit", lab.lb.name, "--check", "--skip-tags", "firewall").must_succeed().seconds

    few = len(site.apps)
    run(few)
    many, usual = in_turns(rounds, lambda _: run(MANY), lambda _: run(few))
    site.write_inventory()
    return comparison(f"{MANY} application hosts in the inventory", f"{few} of them", many, usual)


def add_hosts(site: Fleet, count: int) -> None:
    """Name further application hosts in the inventory, which nobody reaches and which take no requests."""
    file = site.folder / "hosts.yml"
    known: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    # What the lab says of the site with each host.
    first = known["all"]["hosts"][site.apps[0].name]
    of_site = {name: value for name, value in first.items() if name.startswith("site_")}
    for number in range(count):
        address = f"203.0.113.{number % 250 + 1}"
        known["all"]["hosts"][f"more{number}"] = {**of_site, "ansible_host": address, "site_app_drained": True}
        known["all"]["children"]["app"]["hosts"][f"more{number}"] = {}
    file.write_text(yaml.safe_dump(known, sort_keys=False), encoding="utf-8")


def deploy(lab: Lab, rounds: int, cpus: float | None = None, at_once: bool = False) -> str:
    """A code-only deploy on all application hosts, against one on the first of them, each with so much of a core."""
    batches = {"site_deploy_batch": ["100%"]} if at_once else {}
    site = cluster.site(lab, "balanced", site_version="first", **batches)
    site.play("site").must_succeed()
    cluster.share_cores(lab, cpus)
    others = [machine.name for machine in site.apps[1:]]
    runs: dict[str, list[Run]] = {"all": [], "one": []}

    def one(number: int) -> float:
        return deploy_as("one", others, number)

    def everywhere(number: int) -> float:
        return deploy_as("all", [], number)

    def deploy_as(which: str, without: list[str], number: int) -> float:
        site.write_inventory(without=without)
        version = "second" if len(runs["all"] + runs["one"]) % 2 == 0 else "first"
        run = site.deploy(version).must_succeed()
        runs[which].append(run)
        return run.seconds

    try:
        many, single = in_turns(rounds, everywhere, one)
    finally:
        site.write_inventory()
        cluster.share_cores(lab, None)
    title = f"deploy of a commit on {len(site.apps)} application hosts"
    rest = [[run.seconds - by_task(run)[BUILD] for run in runs[which]] for which in ("all", "one")]
    lines = [comparison(title, "on one", many, single), row(f"{title}, without the build", "on one", *rest)]
    return "\n".join([*lines, "", where_the_time_goes(runs["all"][-1], runs["one"][-1])])


def joining(lab: Lab, rounds: int, make_bare: Callable[[Lab, Machine], None] = cluster.make_bare) -> str:
    """One application host more, bare until then: a whole run, against one of the new host and the balancers alone."""
    site = cluster.site(lab, "balanced", site_version="first")
    new = site.apps[-1]

    def join(*options: str) -> float:
        site.write_inventory(without=[new.name])
        site.play("site").must_succeed()
        make_bare(lab, new)
        site.write_inventory()
        run = site.play("site", *options).must_succeed()
        for balancer in lab.tier("lb"):
            site.await_view(balancer, new.name, "UP", JOINED_SECONDS)
        return run.seconds

    limit = ",".join(machine.name for machine in (new, *lab.tier("lb")))
    whole, limited = in_turns(rounds, lambda _: join(), lambda _: join("--limit", limit))
    return comparison(
        f"one application host more, beside {len(site.apps) - 1}", "--limit to it and the balancers", whole, limited
    )


def by_task(run: Run) -> dict[str, float]:
    """The seconds of each task of a run."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for task in run.tasks:
        seconds[task.name.rpartition(" : ")[2]] += task.seconds
    return seconds


def where_the_time_goes(many: Run, one: Run) -> str:
    most, least = by_task(many), by_task(one)
    longest = sorted(most.items(), key=lambda entry: entry[1], reverse=True)[:SHOWN_TASKS]
    rows = [f"| {name} | {seconds:.1f} s | {least.get(name, 0):.1f} s |" for name, seconds in longest]
    return "\n".join(["| task | on all | on one |", "|---|---|---|", *rows])


def comparison(what: str, other: str, many: list[float], few: list[float]) -> str:
    head = "| what | seconds | compared with | seconds | ratio |\n|---|---|---|---|---|"
    return f"{head}\n{row(what, other, many, few)}"


def row(what: str, other: str, many: list[float], few: list[float]) -> str:
    ours, theirs = Samples("", many), Samples("", few)
    return f"| {what} | {ours} | {other} | {theirs} | {ours.median / theirs.median:.2f} |"
