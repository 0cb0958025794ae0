# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The steps of one call: taken in order, or compared with the host all at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import verbs
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Process, result_of
from ansible_collections.hotclub.django.plugins.module_utils.common.registry import step_of

AT_ONCE = 4


def answer(process: Process, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what a call returns: whether anything changed, and the result of each step that was taken.

    :param wanted: `steps`, each with its name and arguments; `comparing`, whether to take none of them; and `run`, for whom.
    """
    steps, begun = wanted["steps"], time.time()
    if wanted["comparing"]:
        results = compared(process, steps)
    elif run := wanted.get("run"):
        names = [item["step"] for item in steps]
        is_open = verbs.begin(process, run, begun, names)
        results = list(taken(process, steps))
        verbs.note(process, run, begun, names, results, is_open)
    else:
        results = list(taken(process, steps))
    return {"changed": any(result.get("changed") for result in results), "results": results}


def taken(process: Process, steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Take steps in order, up to one that fails or has to wait for the controller."""
    for item in steps:
        result = asked(process, item, comparing=False)
        yield result
        if result.get("failed") or result.get("waits"):
            return


def compared(process: Process, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ask all steps whether they would change anything, several at once: most of the time they wait for programs."""

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(lambda item: asked(process, item, comparing=True), steps))


def asked(process: Process, item: dict[str, Any], comparing: bool) -> dict[str, Any]:
    """Take one step, or ask whether it would change anything; return its result, also where there is no such step."""
    return result_of(lambda: step_of(item["step"]), process, item["arguments"], comparing)
