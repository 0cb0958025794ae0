# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment files as systemd reads them (systemd.exec(5), EnvironmentFile=), written and read back.

What an operator maps for a project may refer to what every site gets, as ``${NAME}``. Most of these names mean one thing for a
site and are filled in when its file is written; those of a release mean another thing in each release.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
# Inside double quotes systemd, like a POSIX shell, takes a backslash before these four as an escape.
ESCAPED = re.compile(r'([\\"`$])')
ENTRY = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)
# ``$${`` stands for ``${`` as it is.
REFERENCE = re.compile(r"\$\$\{|\$\{(\w+)\}")
# What a release's own file says about it.
OF_RELEASE = (
    *("DJANGO_SETTINGS_MODULE", "PYTHONPATH", "SITE_APPLICATION", "SITE_INTERFACE", "SITE_RELEASE"),
    *("SITE_SETTINGS_MODULE", "STATIC_ROOT"),
)
# Every site may refer to it; only some have it.
OPTIONAL = {"SECRET_KEY_FALLBACKS": ""}
SECRET_NAME = re.compile(r"SECRET|PASSW|TOKEN|CREDENTIAL|PRIVATE|_KEY$|^KEY$|_URL$|_DSN$", re.IGNORECASE)


def render(environment: Mapping[str, object]) -> str:
    """Return the text of an environment file.

    :param environment: names and values; a value is written as text, booleans as ``True`` and ``False``
        because that is what Django settings modules compare with.
    :returns: one quoted assignment a line, sorted by name.
    :raises ValueError: a name that no process could read back.
    """
    lines = []
    for name in sorted(environment):
        if not NAME.match(name):
            raise ValueError(f"{name!r} is no name for an environment variable: use letters, digits and underscores")
        lines.append('{}="{}"'.format(name, ESCAPED.sub(r"\\\1", str(environment[name]))))
    return "\n".join(lines) + "\n" if lines else ""


def parse(text: str) -> dict[str, str]:
    """Return the variables of a file that :func:`render` wrote."""
    return {name: re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) for name, value in ENTRY.findall(text)}


# A value in parts: texts, and between each two of them the name that is filled in there.
Parts = list[str]


def parts_of(value: str) -> Parts:
    """Return a value that may refer to others in parts."""
    parts, text, end = [], "", 0
    for found in REFERENCE.finditer(value):
        text += value[end : found.start()]
        end = found.end()
        if found[1]:
            parts += [text, found[1]]
            text = ""
        else:
            text += "${"
    return [*parts, text + value[end:]]


def filled(parts: Parts, values: Mapping[str, str]) -> str:
    """Return a value with every name in it filled in; one that is not known is empty."""
    return "".join(values.get(part, "") if number % 2 else part for number, part in enumerate(parts))


def resolve(given: Mapping[str, object], mapped: Mapping[str, object]) -> tuple[dict[str, str], dict[str, Parts]]:
    """Return what a project gets: the values that are the same in every release, and those that are not, in parts.

    :param given: what every site gets, taken as it is.
    :param mapped: what the operator adds or says instead; it may refer to both. A name refers to the operator's value, and within
        that one to the given one.
    :raises ValueError: a name is not known, or two refer to one another.
    """
    fixed: dict[str, str] = {name: str(value) for name, value in given.items() if name not in mapped}
    of_release: dict[str, Parts] = {}
    for name, value in mapped.items():
        parts = _resolved(str(value), given, mapped, (name,))
        if len(parts) == 1:
            fixed[name] = parts[0]
        else:
            of_release[name] = parts
    return fixed, of_release


def _resolved(value: str, given: Mapping[str, object], mapped: Mapping[str, object], within: tuple[str, ...]) -> Parts:
    """Return a value in parts that refer to nothing but a release."""
    done = [""]
    for number, part in enumerate(parts_of(value)):
        if not number % 2:
            done[-1] += part
        elif part in mapped and part not in within:
            first, *others = _resolved(str(mapped[part]), given, mapped, (*within, part))
            done[-1] += first
            done += others
        elif part in given or (part in OPTIONAL and part not in within):
            done[-1] += str(given.get(part, OPTIONAL.get(part, "")))
        elif part in OF_RELEASE:
            done += [part, ""]
        elif part in within:
            raise ValueError(f"the value of {within[0]} refers to itself by {' and '.join(dict.fromkeys((*within[1:], part)))}")
        else:
            raise ValueError(f"the value of {within[0]} refers to ${{{part}}}, which no site gets")
    return done


def unknown(given: Iterable[str], mapped: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the names that mean nothing, for each variable that refers to some."""
    known = {*given, *mapped, *OF_RELEASE, *OPTIONAL}
    found = {name: [part for part in parts_of(str(value))[1::2] if part not in known] for name, value in mapped.items()}
    return {name: names for name, names in found.items() if names}


def secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the values that must never be shown, longest first, passwords inside URLs among them."""
    found: set[str] = set()
    for name, value in environment.items():
        if SECRET_NAME.search(name):
            # A program that complains of a key shows lines of it; what a key is called is no secret.
            lines = [line for line in value.splitlines() if not line.startswith("-----")]
            found.update(part for part in [value, *value.split(","), *lines] if len(part) >= 6)
        found.update(match for match in re.findall(r"://[^:/@\s]*:([^@\s]+)@", value) if len(match) >= 6)
    return sorted(found, key=len, reverse=True)
