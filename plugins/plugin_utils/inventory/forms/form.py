# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The form of a value: what is wrong with it, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

# What is wrong and what to write instead.
Finding = tuple[str, str]
Rule = Callable[[Any], Iterator[Finding]]


def form(form: re.Pattern[str], what: str, remedy: str) -> Rule:
    """Return the rule that a text, if there is one, or each element of a list has this form."""

    def check(value: Any) -> Iterator[Finding]:
        for text in value if isinstance(value, (list, tuple)) else [value]:
            if str(text) and not form.fullmatch(str(text)):
                yield (f'"{text}" is {what}', remedy)

    return check
