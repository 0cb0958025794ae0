"""Judges the outcomes of a load against what the database holds and which releases were meant to answer."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Sequence

from tests.load.outcome import Outcome

SHOWN_EXAMPLES = 5


@dataclasses.dataclass(frozen=True)
class Window:
    """From `begin` to `end` only these versions were meant to answer."""

    begin: float
    end: float
    versions: frozenset[str]

    def overlaps(self, outcome: Outcome) -> bool:
        return outcome.started < self.end and outcome.finished > self.begin


@dataclasses.dataclass(frozen=True)
class Verdict:
    requests: int
    posts: int
    seconds: float
    failed: list[Outcome]
    acknowledged_not_stored: list[str]
    stored_twice: list[str]
    stored_not_acknowledged: list[str]
    from_wrong_version: list[Outcome]
    versions: dict[str, int]
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def flawless(self) -> bool:
        return not (
            self.failed
            or self.acknowledged_not_stored
            or self.stored_twice
            or self.stored_not_acknowledged
            or self.from_wrong_version
        )

    def __str__(self) -> str:
        facts = [
            f"{self.requests} requests ({self.posts} POST) in {self.seconds:.1f} s, {self.rate:.0f} a second",
            f"latency p50 {self.p50_ms:.0f} ms, p99 {self.p99_ms:.0f} ms, max {self.max_ms:.0f} ms",
            "answers by version: " + ", ".join(f"{name or 'unknown'} {count}" for name, count in sorted(self.versions.items())),
            _list("failed", self.failed),
            _list("acknowledged but not stored", self.acknowledged_not_stored),
            _list("stored twice", self.stored_twice),
            _list("stored but not acknowledged", self.stored_not_acknowledged),
            _list("answered by a release that was not meant to", self.from_wrong_version),
        ]
        return "\n".join(facts)


def judge(outcomes: Sequence[Outcome], stored: Iterable[str] | None = None, windows: Sequence[Window] = ()) -> Verdict:
    """Compare what the visitors were told with `stored`, the ids in the database, each as often as it is there.

    Without `stored` nobody looked into the database, and nothing is said about it.
    An answer may come from any version allowed in a window that the request touched; without windows, from any.
    Ids that this load did not send are ignored.
    """
    sent = {outcome.text_id: outcome for outcome in outcomes if outcome.text_id}
    acknowledged = [text_id for text_id, outcome in sent.items() if outcome.acknowledged]
    found = Counter(acknowledged if stored is None else (text_id for text_id in stored if text_id in sent))
    latencies = sorted(1000 * outcome.latency for outcome in outcomes)
    return Verdict(
        requests=len(outcomes),
        posts=sum(outcome.method == "POST" for outcome in outcomes),
        seconds=_span(outcomes),
        failed=[outcome for outcome in outcomes if outcome.failed],
        acknowledged_not_stored=[text_id for text_id in acknowledged if not found[text_id]],
        stored_twice=[text_id for text_id, times in found.items() if times > 1],
        stored_not_acknowledged=[text_id for text_id in found if not sent[text_id].acknowledged],
        from_wrong_version=[outcome for outcome in outcomes if windows and _is_from_wrong_version(outcome, windows)],
        versions=dict(Counter(outcome.version for outcome in outcomes if not outcome.failed)),
        p50_ms=percentile(latencies, 50),
        p99_ms=percentile(latencies, 99),
        max_ms=percentile(latencies, 100),
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of the values do not exceed (nearest rank)."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _is_from_wrong_version(outcome: Outcome, windows: Sequence[Window]) -> bool:
    if outcome.failed:
        return False
    touched = [window for window in windows if window.overlaps(outcome)]
    return bool(touched) and not any(outcome.version in window.versions for window in touched)


def outage(outcomes: Sequence[Outcome]) -> float:
    """Return the seconds from the first request that failed to the first good one after the last failure; 0 without one."""
    failures = [outcome.scheduled for outcome in outcomes if outcome.failed]
    if not failures:
        return 0.0
    later = [outcome.scheduled for outcome in outcomes if not outcome.failed and outcome.scheduled > max(failures)]
    return min(later) - min(failures) if later else math.inf


def _span(outcomes: Sequence[Outcome]) -> float:
    if not outcomes:
        return 0.0
    return max(outcome.finished for outcome in outcomes) - min(outcome.scheduled for outcome in outcomes)


def _list(title: str, items: Sequence[object]) -> str:
    examples = "".join(f"\n    {item}" for item in items[:SHOWN_EXAMPLES])
    return f"{title}: {len(items)}{examples}"
