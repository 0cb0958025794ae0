"""Runs all the tests, goes on after a failure, and ends with totals."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab import engine
from lab.change import read_change
from lab.commands import hand_over
from lab.errors import LabError
from lab.image import ensure_image
from lab.pace import VARIABLE, Pace, pace
from lab.paths import LOGS, ROOT, STATE, VENV

RESULTS = STATE / "results"
SCENARIOS = ROOT / "molecule"
# They run when named: nobody has seen Ubuntu's work, and the cluster of Debian 12 takes as long as that of Debian 13 again.
ON_REQUEST = ("single-noble", "cluster-bookworm")
# How long the scenarios take, against each other.
SHARES = {"single-trixie": 5, "single-bookworm": 3, "cluster-trixie": 6}
# Tells the behaviour tests that they run on a machine that is too slow for all of them.
LEAVES_OUT = "HOTCLUB_LEAVES_OUT"
# In a scenario that repeats tests of another one on a second distribution: the marker of those that run here alone.
REPEATS_EXCEPT = "HOTCLUB_REPEATS_EXCEPT"
# The scenario that anybody can run without the lab; here it has the lab's image of this suite.
WITHOUT_LAB, ITS_SUITE = "default", "trixie"
# All the tests end within 90 minutes on any machine: what has not begun after so many seconds is left out, and named.
SECONDS = 77 * 60
# What the summary repeats of a failed test, in characters: enough for the message, which the log has in full further up.
EXCERPT = 1500
# And of its last lines, where the names of all that failed must fit.
BRIEF = 300


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
    ``share`` is the part of a line's time that it may take, against the other stages of the same line.
    """

    name: str
    command: list[str]
    results: Path | None = None
    before: list[str] | None = None
    share: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a stage ended."""

    stage: Stage
    succeeded: bool
    counts: Counts
    seconds: float
    failures: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scope:
    """How the machine's pace shapes a run."""

    apart: frozenset[str]
    leaves_out: bool


def scope_for(machine: Pace, only: Collection[str], beside: Collection[str], everything: bool) -> Scope:
    """Return what runs side by side, and whether tests are left out.

    A slow machine runs one stage after the other. It leaves tests out unless it was asked for everything, or for some stages.
    """
    if not machine.is_slow:
        return Scope(frozenset(beside), leaves_out=False)
    return Scope(frozenset(), leaves_out=not (everything or only))


def run_stages(only: Collection[str], beside: Collection[str] = (), everything: bool = False) -> int:
    """Run all stages, or those named, one after the other; return the exit code.

    Those in `beside` run at the same time as the others, one after another too, and each is shown when it has ended. On a slow
    machine nothing runs beside anything, and the longest tests are left out unless `everything` is wanted.
    """
    os.chdir(ROOT)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    if not sys.stdout.isatty():
        os.environ["NO_COLOR"] = "1"
    chosen = choose(list(only))
    if unknown := set(beside) - {stage.name for stage in chosen}:
        raise LabError(f"No stage that runs is called {', '.join(sorted(unknown))}.")
    started = time.monotonic()
    scope = _fit_machine(only, beside, everything)
    if any(stage.name == WITHOUT_LAB for stage in chosen):
        # Before anything else makes the same image.
        engine.start()
        os.environ.update(image_for_molecule(ensure_image(ITS_SUITE)))
    end = None if everything or only else time.time() + SECONDS
    lines = [[stage for stage in chosen if (stage.name in scope.apart) is apart] for apart in (False, True)]
    # In turn, so that never more than two of them share the machine's cores.
    with ThreadPoolExecutor(max_workers=1) as pool:
        other = pool.submit(run_line, lines[1], end, run_beside)
        outcomes = run_line(lines[0], end, run_stage)
        outcomes += other.result()
    sys.stdout.write(report(outcomes, time.monotonic() - started))
    return 0 if outcomes and all(outcome.succeeded for outcome in outcomes) else 1


def run_line(stages: Sequence[Stage], end: float | None, run: Callable[[Stage], Outcome]) -> list[Outcome]:
    """Run stages one after the other, each with its share of the time that is left until `end`, where there is an end."""
    outcomes = []
    for place, stage in enumerate(stages):
        if stage.results is not None:
            _limit(stage.results, end, stage.share, sum(later.share for later in stages[place:]))
        outcomes.append(run(stage))
    return outcomes


def _limit(results: Path, end: float | None, share: int, shares: int) -> None:
    file = ends_file(results)
    file.unlink(missing_ok=True)
    if end is not None and share:
        now = time.time()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{now + (end - now) * share / shares:.0f}\n", encoding="utf-8")


def _fit_machine(only: Collection[str], beside: Collection[str], everything: bool) -> Scope:
    """Look how quick the machine is, say so, and let the stages know."""
    machine = pace()
    scope = scope_for(machine, only, beside, everything)
    os.environ[VARIABLE] = f"{machine.ratio:.2f}"
    os.environ[LEAVES_OUT] = "1" if scope.leaves_out else ""
    sys.stdout.write(f"{machine}\n")
    if machine.is_slow:
        sys.stdout.write("So one stage runs after the other.\n")
    if scope.leaves_out:
        sys.stdout.write(f"Some tests are left out, and named at the end; ALL=1 runs them. {read_change()}\n")
    return scope


def image_for_molecule(image: str) -> dict[str, str]:
    """Return the environment in which the scenario without the lab starts from one of the lab's images."""
    return {
        "HOTCLUB_MOLECULE_IMAGE": image,
        "HOTCLUB_MOLECULE_IMAGE_IS_BUILT": "true",
        "HOTCLUB_MOLECULE_INIT": "/usr/local/sbin/lab-init",
    }


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
    results, share = RESULTS / f"{name}.xml", SHARES.get(name, 0)
    return Stage(name, [*molecule, "test", *named], results, [*molecule, "destroy", *named], share)


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
        left_out_file(stage.results).unlink(missing_ok=True)
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
    succeeded = succeeded and counts.passed > 0 and counts.failed == 0
    return Outcome(stage, succeeded, counts, seconds, failures, tuple(read_left_out(stage.results)))


def read_counts(results: Path) -> Counts:
    """Return the counts in a JUnit file; none when there is no file."""
    if not results.exists():
        return Counts()
    suites = ElementTree.parse(results).getroot().iter("testsuite")  # noqa: S314 (pytest wrote it a moment ago)
    return sum((_counts(suite) for suite in suites), Counts())


def left_out_file(results: Path) -> Path:
    """Return where the tests write which of them were left out, beside their results."""
    return results.with_suffix(".left-out")


def ends_file(results: Path) -> Path:
    """Return where the suite writes when the tests of a stage must end, in seconds since 1970, beside their results."""
    return results.with_suffix(".ends")


def read_left_out(results: Path) -> list[str]:
    """Return which tests were left out on this machine."""
    file = left_out_file(results)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def read_failures(results: Path) -> Iterator[str]:
    """Yield which tests failed, as a JUnit file has them, each with the beginning and the end of its message."""
    if not results.exists():
        return
    for case in ElementTree.parse(results).getroot().iter("testcase"):  # noqa: S314 (pytest wrote it a moment ago)
        for found in (*case.iter("failure"), *case.iter("error")):
            yield f"{case.get('classname')}::{case.get('name')}\n{shortened(found.get('message', ''), EXCERPT)}"


def shortened(text: str, length: int) -> str:
    """Return a text of at most that length: its beginning, which says what was tried, and more of its end, which says why."""
    if len(text) <= length:
        return text
    head, gap = length // 3, " [...] "
    return f"{text[:head]}{gap}{text[head + len(gap) - length :]}"


def report(outcomes: list[Outcome], seconds: float) -> str:
    """Return the closing lines, with how long all of it took."""
    lines = [_line(outcome) for outcome in outcomes]
    total = sum((outcome.counts for outcome in outcomes), Counts())
    broken = [outcome.stage.name for outcome in outcomes if not outcome.succeeded]
    verdict = f"FAILED: {', '.join(broken)}" if broken else "all stages succeeded"
    failures = [f"{outcome.stage.name} {failure}" for outcome in outcomes for failure in outcome.failures]
    left_out = [f"{outcome.stage.name} {test}" for outcome in outcomes for test in outcome.left_out]
    totals = f"{total}{f', {len(left_out)} left out' if left_out else ''} in {seconds / 60:.1f} minutes; {verdict}"
    parts = [[failure] for failure in failures] + [["===== summary =====", *lines]]
    if left_out:
        parts.append(["Left out for lack of time; make test ALL=1 runs them:", *left_out])
    if failures:
        # Once more and short, since whoever is shown only an end must learn what failed.
        parts.append(["Failed:", *(shortened(" ".join(failure.split()), BRIEF) for failure in failures)])
    return "\n" + "\n\n".join("\n".join(part) for part in [*parts, [totals]]) + "\n"


def _line(outcome: Outcome) -> str:
    state = "ok" if outcome.succeeded else "FAILED"
    counts = f"{outcome.counts}" if outcome.stage.results else ""
    return f"{outcome.stage.name:18} {state:7} {outcome.seconds:7.1f} s  {counts}".rstrip()


def _counts(suite: ElementTree.Element) -> Counts:
    tests, failures, errors, skipped = (int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped"))
    return Counts(tests - failures - errors - skipped, failures + errors, skipped)
