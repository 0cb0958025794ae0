"""Runs all the tests, goes on after a failure, and ends with totals."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.bootstrap import bootstrap
from lab.commands import hand_over
from lab.errors import LabError
from lab.paths import LOGS, ROOT, STATE, VENV

RESULTS = STATE / "results"
SCENARIOS = ROOT / "molecule"
# They run when named: nobody has seen Ubuntu's work, and the cluster of Debian 12 takes as long as that of Debian 13 again.
ON_REQUEST = ("single-jammy", "single-noble", "cluster-bookworm")
# What the summary repeats of a failed test, in characters: enough for the message, which the log has in full further up.
EXCERPT = 1500


@dataclass(frozen=True)
class Counts:
    """How many tests ended how."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass(frozen=True)
class Stage:
    """A part of the tests: a command, and the file where pytest writes what it found, if it is pytest.

    ``before`` makes a clean start: an interrupted run leaves hosts behind, and Molecule's word that it has made them.
    """

    name: str
    command: list[str]
    results: Path | None = None
    before: list[str] | None = None


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    stage: Stage
    succeeded: bool
    counts: Counts
    seconds: float
    failures: tuple[str, ...] = ()


def run_stages(only: Iterable[str], beside: Iterable[str] = ()) -> int:
    """Run all stages, or those named, one after the other; return the exit code.

    Those in `beside` run at the same time as the others, one after another too, and each is shown when it has ended.
    """
    bootstrap()
    os.chdir(ROOT)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    if not sys.stdout.isatty():
        os.environ["NO_COLOR"] = "1"
    chosen, apart = choose(list(only)), set(beside)
    if unknown := apart - {stage.name for stage in chosen}:
        raise LabError(f"No stage that runs is called {', '.join(sorted(unknown))}.")
    started = time.monotonic()
    # In turn, so that never more than two of them share the machine's cores.
    with ThreadPoolExecutor(max_workers=1) as pool:
        others = [pool.submit(run_beside, stage) for stage in chosen if stage.name in apart]
        outcomes = [run_stage(stage) for stage in chosen if stage.name not in apart]
        outcomes += [other.result() for other in others]
    sys.stdout.write(report(outcomes, time.monotonic() - started))
    return 0 if outcomes and all(outcome.succeeded for outcome in outcomes) else 1


def choose(names: list[str]) -> list[Stage]:
    """Return the stages of these names, or those that must succeed on every machine."""
    known = {stage.name: stage for stage in stages()}
    if unknown := [name for name in names if name not in known]:
        raise LabError(f"No stage is called {', '.join(unknown)}. There are {', '.join(known)}.")
    return [known[name] for name in names] or [stage for stage in known.values() if stage.name not in ON_REQUEST]


def stages() -> list[Stage]:
    """Return all stages, the quick ones first."""
    unit = RESULTS / "unit.xml"
    scenarios = sorted((folder.name for folder in SCENARIOS.iterdir() if (folder / "molecule.yml").exists()), reverse=True)
    return [
        Stage("lint", ["make", "--no-print-directory", "lint"]),
        Stage("unit", ["pytest", "tests/unit", f"--junitxml={unit}"], unit),
        *(_scenario(name) for name in scenarios),
    ]


def _scenario(name: str) -> Stage:
    # Molecule finds its shared configuration by itself only in a git repository, and this may be an unpacked archive.
    molecule = ["molecule", "--base-config", ".config/molecule/config.yml"]
    named = ["--no-command-borders", "--scenario-name", name]
    return Stage(name, [*molecule, "test", *named], RESULTS / f"{name}.xml", [*molecule, "destroy", *named])


def run_beside(stage: Stage) -> Outcome:
    """Run a stage in the background, and show all of what it said at its end."""
    log = LOGS / f"test-{stage.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:

        def run(command: Sequence[str]) -> int:
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False).returncode

        outcome = run_stage(stage, run)
    sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
    return outcome


def run_stage(stage: Stage, run: Callable[[Sequence[str]], int] | None = None) -> Outcome:
    """Run a stage, by default on the reader's terminal. One that was to run tests and ran none has failed."""
    sys.stdout.write(f"\n===== {stage.name} =====\n")
    if stage.results is not None:
        stage.results.parent.mkdir(parents=True, exist_ok=True)
        stage.results.unlink(missing_ok=True)
    started = time.monotonic()
    run = run or hand_over
    if stage.before:
        run(stage.before)
    succeeded = run(stage.command) == 0
    seconds = time.monotonic() - started
    if stage.results is None:
        return Outcome(stage, succeeded, Counts(), seconds)
    counts = read_counts(stage.results)
    failures = tuple(read_failures(stage.results))
    return Outcome(stage, succeeded and counts.passed > 0 and counts.failed == 0, counts, seconds, failures)


def read_counts(results: Path) -> Counts:
    """Return the counts in a JUnit file; none when there is no file."""
    if not results.exists():
        return Counts()
    suites = ElementTree.parse(results).getroot().iter("testsuite")  # noqa: S314 (pytest wrote it a moment ago)
    return sum((_counts(suite) for suite in suites), Counts())


def read_failures(results: Path) -> Iterator[str]:
    """Yield which tests failed, as a JUnit file has them, each with the beginning of its message."""
    if not results.exists():
        return
    for case in ElementTree.parse(results).getroot().iter("testcase"):  # noqa: S314 (pytest wrote it a moment ago)
        for found in (*case.iter("failure"), *case.iter("error")):
            yield f"{case.get('classname')}::{case.get('name')}\n{found.get('message', '')[:EXCERPT]}"


def report(outcomes: list[Outcome], seconds: float) -> str:
    """Return the closing lines, with how long all of it took."""
    lines = [_line(outcome) for outcome in outcomes]
    total = sum((outcome.counts for outcome in outcomes), Counts())
    broken = [outcome.stage.name for outcome in outcomes if not outcome.succeeded]
    verdict = f"FAILED: {', '.join(broken)}" if broken else "all stages succeeded"
    failures = [f"{outcome.stage.name} {failure}\n" for outcome in outcomes for failure in outcome.failures]
    return "\n".join(["", *failures, "===== summary =====", *lines, f"{total} in {seconds / 60:.1f} minutes; {verdict}", ""])


def _line(outcome: Outcome) -> str:
    state = "ok" if outcome.succeeded else "FAILED"
    counts = f"{outcome.counts}" if outcome.stage.results else ""
    return f"{outcome.stage.name:18} {state:7} {outcome.seconds:7.1f} s  {counts}".rstrip()


def _counts(suite: ElementTree.Element) -> Counts:
    tests, failures, errors, skipped = (int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped"))
    return Counts(tests - failures - errors - skipped, failures + errors, skipped)
