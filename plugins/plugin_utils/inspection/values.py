# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of the values in a project's settings without running them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any


@dataclass(frozen=True)
class Unknown:
    """A value that only the running project knows.

    :param names: the environment variables that it depends on, as far as one can see.
    :param text: what is known of it as a text, with variables as ``{NAME}``.
    :param absent: it may be None, since a variable has no default.
    """

    names: frozenset[str] = frozenset()
    text: str = ""
    absent: bool = False


class Given(str):
    """A text that an environment variable has, or that is its default."""

    __slots__ = ("variable",)
    variable: str


@dataclass(frozen=True)
class Place:
    """A path below the source, as settings work it out from ``__file__``."""

    path: PurePosixPath

    def __str__(self) -> str:
        """Return it relative to the source."""
        return str(self.path)


@dataclass(frozen=True)
class Dotted:
    """Something of a library, by its full name."""

    name: str


@dataclass(frozen=True)
class Environment:
    """A reader of environment variables: django-environ's and environs' ``Env``.

    :param defaults: what it was told of variables when it was made.
    :param prefix: what all their names begin with.
    """

    defaults: dict[str, Any] = field(default_factory=dict, hash=False)
    prefix: str = ""


@dataclass(frozen=True)
class Method:
    """A method of a value."""

    of: Any
    name: str


@dataclass(frozen=True)
class Wrapper:
    """A function of the project that reads the variable that it is given.

    :param name: its own name.
    :param needed: it fails where the variable is not there.
    :param exact: the variable is called as the function is told, and not by a name that it works out of that.
    """

    name: str
    needed: bool = False
    exact: bool = True


@dataclass
class Read:
    """An environment variable that the project reads.

    :param name: its name.
    :param needed: without it, the project can't be imported.
    :param default: what it is where the environment doesn't say, as far as one can see.
    :param places: where it is read, as file:line.
    :param paths: which settings it becomes, such as ("DATABASES", "default", "HOST").
    :param number: the text must be a number.
    :param truth: any text but an empty one counts as true.
    :param split: by what the text is taken apart.
    """

    name: str
    needed: bool = False
    default: Any = None
    places: list[str] = field(default_factory=list)
    paths: list[tuple[str, ...]] = field(default_factory=list)
    number: bool = False
    truth: bool = False
    split: str = ""


def names_of(values: Iterable[Any]) -> frozenset[str]:
    """Return the environment variables that values depend on."""
    found: frozenset[str] = frozenset()
    for value in values:
        if isinstance(value, Unknown):
            found |= value.names
    return found


def is_known(value: Any) -> bool:
    """Say whether a value is known: a text, a number, a list or a dictionary as such."""
    return not isinstance(value, (Unknown, Dotted, Environment, Method, Wrapper))


def text_of(value: Any) -> str:
    """Return what is known of a value as a text; empty for what is none."""
    if isinstance(value, Unknown):
        return value.text
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, Place)) else ""
