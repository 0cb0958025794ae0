"""Deploys and runs that change nothing, against shell scripts that do no more than needed."""

from __future__ import annotations

from bench import hosts, reference
from bench.measure import Comparison, Samples, in_turns, seconds, tell


def unchanged(rounds: int) -> list[Comparison]:
    """A run that finds everything as it should be, against one script that looks at the same things."""
    hosts.play("site")
    reference.be_there()

    def ours(_: int) -> float:
        run = hosts.play("site")
        if run.changed:
            raise SystemExit(f"This run was to change nothing:\n{run}")
        return run.seconds

    def other(_: int) -> float:
        return seconds(reference.check)

    taken, by_script = in_turns(rounds, ours, other)
    return [
        Comparison("run that changes nothing", Samples("site.yml", taken), Samples("a script that looks at the same", by_script))
    ]


def code_only(rounds: int) -> list[Comparison]:
    """A commit that changes code and nothing else."""
    return [_deploys("deploy of a commit", rounds, lambda number: f"v{2 - number % 2}")]


def with_requirements(rounds: int) -> list[Comparison]:
    """A commit that changes what the project requires: a new virtualenv."""
    if rounds > len(hosts.REQUIREMENTS):
        raise SystemExit(f"There are {len(hosts.REQUIREMENTS)} sets of requirements, so at most that many rounds.")
    return [_deploys("deploy with changed requirements", rounds, lambda number: f"requirements-{number}")]


def _deploys(what: str, rounds: int, version_of: reference.VersionOf) -> Comparison:
    hosts.play("site")
    hosts.play("deploy", site_version="v1")
    reference.be_there()
    reference.deploy("v1")

    def ours(number: int) -> float:
        version = version_of(number)
        run = hosts.play("deploy", site_version=version)
        hosts.serves(hosts.OURS, version)
        return run.seconds

    def other(number: int) -> float:
        version = version_of(number)
        taken = seconds(lambda: reference.deploy(version))
        hosts.serves(hosts.REFERENCE, version)
        return taken

    tell(what)
    taken, by_script = in_turns(rounds, ours, other)
    return Comparison(what, Samples("deploy.yml", taken), Samples("a plain script", by_script))
