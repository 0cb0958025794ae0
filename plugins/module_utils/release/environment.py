# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Environment files as systemd reads them (systemd.exec(5), EnvironmentFile=), written and read back."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
# Inside double quotes systemd, like a POSIX shell, takes a backslash before these four as an escape.
ESCAPED = re.compile(r'([\\"`$])')
ENTRY = re.compile(r'^([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"$', re.MULTILINE | re.DOTALL)
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


def secrets(environment: Mapping[str, str]) -> list[str]:
    """Return the values that must never be shown, longest first, passwords inside URLs among them."""
    found: set[str] = set()
    for name, value in environment.items():
        if SECRET_NAME.search(name):
            found.update(part for part in [value, *value.split(",")] if len(part) >= 6)
        found.update(match for match in re.findall(r"://[^:/@\s]*:([^@\s]+)@", value) if len(match) >= 6)
    return sorted(found, key=len, reverse=True)
