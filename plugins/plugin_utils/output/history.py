# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the steps of earlier runs took: a small file, without which a run is the same but for what is left of it."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

# The newest are kept: a few sites with all verbs.
RUNS = 40
BYTES = 4 * 1024 * 1024


def short(text: str) -> str:
    """Return a digest, so that the file tells nothing of hosts and names."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


class History:
    """What a run like this one took before, and what this one takes.

    :param path: of the file.
    :param run: what makes runs alike: playbook, inventory, options.
    """

    def __init__(self, path: Path, run: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._key = short("\n".join(run))
        self._clock = clock
        self._began = clock()
        self._seen: Counter[str] = Counter()
        self._steps: dict[str, list[float]] = {}
        earlier = _read(path).get(self._key, {})
        self._total = _number(earlier.get("seconds"))
        before = earlier.get("steps")
        self._before: Mapping[str, Any] = before if isinstance(before, dict) else {}

    def begin(self, play: str, step: str) -> str:
        """Return how a step is called that begins now."""
        name = short(f"{play}\n{step}")
        self._seen[name] += 1
        name = f"{name}.{self._seen[name]}"
        self._steps[name] = [self._clock() - self._began, 0.0]
        return name

    def end(self, name: str, seconds: float) -> None:
        """Note what it took."""
        self._steps[name][1] = seconds

    def usual(self, name: str) -> float:
        """Return what the step took before; 0 when nobody knows."""
        return self._earlier(name)[1]

    def left(self, name: str, elapsed: float) -> float:
        """Return the seconds until the end of the run, once a step has been going on for so long; 0 when nobody knows."""
        began, took = self._earlier(name)
        if not self._total or name not in self._before:
            return 0.0
        return max(0.0, self._total - began - min(elapsed, took))

    def after(self, name: str) -> float:
        """Return the seconds from the end of a step to the end of the run; 0 when nobody knows."""
        return self.left(name, self.usual(name))

    def keep(self) -> None:
        """Write what this run took; a folder in which nothing can be written is no reason to stop."""
        runs = _read(self._path)
        runs.pop(self._key, None)
        steps = {name: [round(value, 1) for value in both] for name, both in self._steps.items()}
        runs[self._key] = {"seconds": round(self._clock() - self._began, 1), "steps": steps}
        text = json.dumps(dict(list(runs.items())[-RUNS:]), separators=(",", ":"))
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(beside, self._path)
            except OSError:
                os.unlink(beside)
        except OSError:
            return

    def _earlier(self, name: str) -> tuple[float, float]:
        both = self._before.get(name)
        if not isinstance(both, list) or len(both) != 2:
            return 0.0, 0.0
        return _number(both[0]), _number(both[1])


def _read(path: Path) -> dict[str, Any]:
    """Return all runs; none when the file is missing, torn, or something else."""
    try:
        if path.stat().st_size > BYTES:
            return {}
        runs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {name: run for name, run in runs.items() if isinstance(run, dict)} if isinstance(runs, dict) else {}


def _number(value: object) -> float:
    is_sane = isinstance(value, int | float) and 0 <= value < 10**6
    return float(value) if is_sane else 0.0  # type: ignore[arg-type]
