"""This version against an earlier commit and against pyinfra: what runs take and what they ask of this machine's cores."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from bench import hosts, peer
from bench.checkouts import checkout
from bench.measure import Comparison, Spent, by_turns, compared, spent
from tests.load import Plan, constant_load, judge

# Requests a second while a release is deployed: so few that a slow machine serves them beside all else.
RATE = 20
LOAD_SECONDS = 900


@dataclasses.dataclass
class Side:
    """A version, on the host that it has converged, and what its visitors were answered."""

    which: str
    folder: Path
    asked: int = 0
    failed: int = 0

    def unchanged(self, _: int) -> Spent:
        return spent(lambda: unchanged_run(self.which, self.folder))

    def deploy(self, number: int) -> Spent:
        """Deploy one of two versions while visitors ask and post."""
        version = f"v{2 - number % 2}"
        with constant_load(_load(self.which)) as load:
            taken = spent(lambda: hosts.play("deploy", self.which, self.folder, site_version=version))
        verdict = judge(load.finish())
        self.asked += verdict.requests
        self.failed += len(verdict.failed)
        hosts.serves(self.which, version)
        return taken


def host_of(commit: str) -> str:
    """The host of the other side: what is here needs none of its own."""
    return hosts.OURS if commit == "." else hosts.EARLIER


def unchanged(rounds: int, commit: str) -> list[Comparison]:
    """A run that finds everything as it should be: of site.yml, here and at the commit, and of pyinfra with such operations."""
    ours, other = _converged(commit)
    pyinfra = peer.Peer(hosts.OURS)
    found = by_turns(rounds, {"here": ours.unchanged, "there": other.unchanged, "pyinfra": lambda _: spent(pyinfra.run)})
    what = "run that changes nothing, one server"
    return [
        *compared(what, found["here"], found["there"], f"site.yml at {commit}"),
        *compared(what, found["here"], found["pyinfra"], f"pyinfra {peer.VERSION}, {pyinfra.operations} operations"),
    ]


def deploy(rounds: int, commit: str) -> list[Comparison]:
    """A commit is deployed, here and as the earlier version does it, while visitors ask and post."""
    ours, other = _converged(commit)
    for side in (ours, other):
        hosts.play("deploy", side.which, side.folder, site_version="v1")
    found = by_turns(rounds, {"here": ours.deploy, "there": other.deploy})
    lost = f"{ours.failed} of {ours.asked} requests failed, {other.failed} of {other.asked} there"
    return compared(
        f"deploy of a commit, one server; {lost}", found["here"], found["there"], f"deploy.yml at {commit}", "deploy.yml"
    )


def unchanged_run(which: str, folder: Path) -> None:
    """A run of site.yml that is void when it changes anything."""
    run = hosts.play("site", which, folder)
    if run.changed:
        raise SystemExit(f"This run was to change nothing:\n{run}")


def _converged(commit: str) -> tuple[Side, Side]:
    """This version and the earlier one, each on a host that is as it wants it."""
    sides = Side(hosts.OURS, hosts.ROOT), Side(host_of(commit), checkout(commit))
    for side in sides:
        hosts.play("site", side.which, side.folder)
    return sides


def _load(which: str) -> Plan:
    address = hosts.host(which).address
    return Plan(
        url=f"https://{address}/", host=hosts.DOMAIN, authority=str(hosts.authority(which)), rate=RATE, seconds=LOAD_SECONDS
    )
