"""What backups cost a run that changes nothing: a server with them against the same without."""

from __future__ import annotations

from bench import hosts
from bench.measure import Comparison, Spent, by_turns, compared, spent
from tests.behaviour.kit.operator import Run


def unchanged(rounds: int) -> list[Comparison]:
    """A run that finds everything as it should be; the run before it switched the backups on or off, and restarted nothing."""

    def run(enabled: bool) -> Spent:
        _play(enabled)
        return spent(lambda: _unchanged(enabled))

    _play(enabled=True)
    found = by_turns(rounds, {"with": lambda _: run(True), "without": lambda _: run(False)})
    return compared("run that changes nothing, one server with backups", found["with"], found["without"], "without backups")


def _unchanged(enabled: bool) -> None:
    if (run := _play(enabled)).changed:
        raise SystemExit(f"This run was to change nothing:\n{run}")


def _play(enabled: bool) -> Run:
    return hosts.play("site", site_backups_enabled=enabled)
