# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From which variables another one is worked out."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any


def sources(name: str, wiring: Mapping[str, Any], settable: Collection[str]) -> list[str]:
    """Return the settable variables from which the wiring works out this one, as directly as it says."""
    expressions = [str(wiring[name])]
    seen = {name}
    while expressions:
        words = set(re.findall(r"\w+", " ".join(expressions)))
        if found := [candidate for candidate in settable if candidate in words]:
            return found
        steps = (words & wiring.keys()) - seen
        seen |= steps
        expressions = [str(wiring[step]) for step in steps]
    return []
