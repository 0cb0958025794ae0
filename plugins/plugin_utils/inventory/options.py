# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The options that the argument specs describe, and whether a value fits one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

SHOWN_LENGTH = 70
# What ends a line for one program or another, or is no character at all.
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
PEM = "-----BEGIN "
# A description states the limits of a number in one of these sentences, so that what is documented is what is enforced.
LIMIT_SENTENCES = {
    "both": re.compile(r"\bFrom (-?\d+) to (-?\d+)\."),
    "least": re.compile(r"\bAt least (-?\d+)\."),
    "most": re.compile(r"\bAt most (-?\d+)\."),
}


@dataclass(frozen=True)
class Complaint:
    """What is wrong with a value, and what to write instead."""

    subject: str
    wrong: str
    remedy: str


@dataclass(frozen=True)
class Option:
    """One variable, or one key of a dictionary, as its spec describes it."""

    name: str
    type: str = "str"
    elements: str | None = None
    required: bool = False
    choices: tuple[Any, ...] = ()
    secret: bool = False
    least: int | None = None
    most: int | None = None
    options: Mapping[str, Option] = field(default_factory=dict)

    @property
    def hides(self) -> bool:
        """Whether a value of this option may carry a secret."""
        return self.secret or any(option.hides for option in self.options.values())

    def element(self) -> Option:
        """Return what one element of this list must be."""
        return Option(
            self.name,
            self.elements or "raw",
            choices=self.choices,
            secret=self.secret,
            least=self.least,
            most=self.most,
            options=self.options,
        )


def read_options(specs: Mapping[str, Any]) -> dict[str, Option]:
    """Return the options of all entry points in a role's argument specs."""
    entry_points = (specs.get("argument_specs") or {}).values()
    return {
        name: _option(name, spec) for entry_point in entry_points for name, spec in (entry_point.get("options") or {}).items()
    }


def limits(description: str | list[str]) -> tuple[int | None, int | None]:
    """Return the smallest and the largest number that a description allows."""
    text = description if isinstance(description, str) else " ".join(description)
    if both := LIMIT_SENTENCES["both"].search(text):
        return int(both[1]), int(both[2])
    least, most = (LIMIT_SENTENCES[end].search(text) for end in ("least", "most"))
    return (int(least[1]) if least else None), (int(most[1]) if most else None)


def _option(name: str, spec: Mapping[str, Any]) -> Option:
    kind = spec.get("type", "str")
    least, most = limits(spec.get("description", ""))
    if least is None and "int" in (kind, spec.get("elements")):
        least = 0
    return Option(
        name,
        type=kind,
        elements=spec.get("elements"),
        required=bool(spec.get("required", False)),
        choices=tuple(spec.get("choices") or ()),
        secret=bool(spec.get("no_log", False)),
        least=least,
        most=most,
        options={key: _option(key, nested) for key, nested in (spec.get("options") or {}).items()},
    )


def nearest(name: str, known: list[str], likeness: float = 0.75) -> str | None:
    """Return the known name that is most like this one, when one is like it."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=likeness)), None)


def shown(value: Any, option: Option | None = None) -> str:
    """Return a value as a message may show it."""
    if option is not None and option.hides:
        return "(hidden)"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN_LENGTH else text[: SHOWN_LENGTH - 1] + "…"


def check_value(option: Option, value: Any, subject: str) -> Iterator[Complaint]:
    """Yield everything that is wrong with the type, the choice, the range and the nested keys of a value."""
    complaint = TYPE_CHECKS.get(option.type, _accept)(option, value)
    if complaint:
        yield Complaint(subject, *complaint)
    elif option.type == "list":
        for position, element in enumerate(_as_list(value)):
            yield from check_value(option.element(), element, f"{subject}[{position}]")
    elif option.type == "dict" and option.options:
        yield from _check_keys(option, value, subject)
    else:
        yield from _check_choice(option, value, subject)
        yield from _check_range(option, value, subject)


def _check_keys(option: Option, value: Mapping[str, Any], subject: str) -> Iterator[Complaint]:
    for key in value:
        if key not in option.options:
            near = nearest(str(key), list(option.options))
            yield Complaint(
                f"{subject}.{key}",
                "there is no such key",
                f"Did you mean {near}?" if near else f"The keys are {', '.join(option.options)}.",
            )
    for key, nested in option.options.items():
        if key in value:
            yield from check_value(nested, value[key], f"{subject}.{key}")
        elif nested.required:
            yield Complaint(f"{subject}.{key}", "is missing", f"Add {key} to this element.")


def _check_choice(option: Option, value: Any, subject: str) -> Iterator[Complaint]:
    if option.choices and value not in option.choices:
        near = nearest(str(value), [str(choice) for choice in option.choices], 0.6)
        remedy = f"Write one of {', '.join(map(str, option.choices))}" + (f"; did you mean {near}?" if near else ".")
        yield Complaint(subject, f"{shown(value, option)} is not one of the choices", remedy)


def _check_range(option: Option, value: Any, subject: str) -> Iterator[Complaint]:
    if option.type not in ("int", "float"):
        return
    number = float(value)
    if (option.least is not None and number < option.least) or (option.most is not None and number > option.most):
        yield Complaint(subject, f"{shown(value, option)} is out of range", f"Write a number {_range(option)}.")


def _range(option: Option) -> str:
    if option.least is not None and option.most is not None:
        return f"from {option.least} to {option.most}"
    return f"of at least {option.least}" if option.least is not None else f"of at most {option.most}"


# Each of these returns nothing for a value that fits, else what is wrong and what to write instead.
Finding = tuple[str, str] | None


def _accept(_option: Option, _value: Any) -> Finding:
    return None


def _check_text(option: Option, value: Any) -> Finding:
    if isinstance(value, str):
        return _check_lines(option, value)
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    if isinstance(value, float):
        return (
            f"{shown(value, option)} is a number, and YAML may have dropped what you typed (3.10 becomes 3.1)",
            "Put it in quotes.",
        )
    if isinstance(value, bool):
        return f"{shown(value, option)} is a boolean, not text", "Put it in quotes."
    if value is None:
        return "is empty (null)", 'Write "" for an empty text, or remove the line.'
    return f"{shown(value, option)} is {_kind(value)}, not text", "Write a single text."


def _check_lines(option: Option, value: str) -> Finding:
    """Refuse what would not stay in its line of a configuration file; keys and certificates have several."""
    if not CONTROL.search(value) or PEM in value:
        return None
    return (
        f"{shown(value, option)} has a line break or another control character in it",
        "Write one line; YAML keeps the last line break after | and >, and leaves it out after |- and >-.",
    )


def _check_number(option: Option, value: Any) -> Finding:
    if isinstance(value, int) and not isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return None
    return (
        f"{shown(value, option)} is {_kind(value)}, not a whole number",
        "Write digits only; the unit is in the variable's name.",
    )


def _check_fraction(option: Option, value: Any) -> Finding:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return None
    if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
        return None
    return f"{shown(value, option)} is {_kind(value)}, not a number", "Write a number such as 0.5."


def _check_boolean(option: Option, value: Any) -> Finding:
    if isinstance(value, bool):
        return None
    remedy = f"Write true or false without quotes; on a command line: -e '{{\"{option.name}\": false}}'."
    return f"{shown(value, option)} is {_kind(value)}, not a boolean", remedy


def _check_list(option: Option, value: Any) -> Finding:
    if isinstance(value, (list, tuple)):
        return None
    return f"{shown(value, option)} is {_kind(value)}, not a list", "Write each element on a line of its own, after a dash."


def _check_dictionary(option: Option, value: Any) -> Finding:
    if isinstance(value, Mapping):
        return None
    keys = f" The keys are {', '.join(option.options)}." if option.options else ""
    return f"{shown(value, option)} is {_kind(value)}, not a dictionary", f"Write lines of the form key: value.{keys}"


TYPE_CHECKS: dict[str, Callable[[Option, Any], Finding]] = {
    "str": _check_text,
    "path": _check_text,
    "int": _check_number,
    "float": _check_fraction,
    "bool": _check_boolean,
    "list": _check_list,
    "dict": _check_dictionary,
}


def _kind(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a dictionary" if isinstance(value, Mapping) else "a list"


def _as_list(value: Any) -> list[Any]:
    return list(value)
