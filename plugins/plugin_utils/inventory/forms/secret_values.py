# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of secrets. None of them is ever shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding

SHORTEST_SECRET_KEY = 32


def check_secret_key(value: Any) -> Iterator[Finding]:
    """Refuse a key that is easily guessed."""
    key = str(value)
    if key.startswith("django-insecure-"):
        yield ("is the example key of a new project, which is not secret", "Remove the line: a key is generated.")
    elif len(key) < SHORTEST_SECRET_KEY:
        yield (
            f"is shorter than {SHORTEST_SECRET_KEY} characters",
            "Remove the line, so that a key is generated, or write a longer one.",
        )


def check_fallbacks(value: Any) -> Iterator[Finding]:
    """Refuse keys that a project couldn't tell apart. Never shows one."""
    if any("," in str(key) for key in value):
        yield ("one of the keys has a comma, at which the project would split it", "Leave that key out.")


def check_not_empty(value: Any) -> Iterator[Finding]:
    """Refuse an empty text."""
    if not str(value).strip():
        yield ("is empty", "Remove the line, so that the default applies, or write a value.")
