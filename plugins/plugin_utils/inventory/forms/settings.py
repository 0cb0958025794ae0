# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of what is written into configuration files as a name with a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import CONTROL
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import TIERS

VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
KERNEL_SETTING = re.compile(r"[a-z0-9_][a-zA-Z0-9_.*/-]*")
BATCH = re.compile(r"[1-9]\d*|([1-9]\d?|100)%")


def check_env(value: Any) -> Iterator[Finding]:
    """Refuse names and values that can't be in the environment of a process. Never shows a value."""
    for name, text in value.items():
        if not VARIABLE_NAME.fullmatch(str(name)):
            yield (f'"{name}" can\'t be the name of an environment variable', "Write letters, digits and underscores.")
        if isinstance(text, (bool, float)) or text is None:
            yield (f"the value of {name} is not text, so that one must guess what the project would read", "Put it in quotes.")
        elif isinstance(text, (Mapping, list, tuple)):
            yield (f"the value of {name} is not text", "Write one text; a list as the project reads it, for example a,b.")
        elif re.search(r"[\ud800-\udfff]", str(text)):
            yield (f"the value of {name} has a half of a character", "Write the whole character.")
        elif "\0" in str(text):
            yield (f"the value of {name} has a zero byte, which no variable can have", "Write it as base64.")


def check_batch(value: Any) -> Iterator[Finding]:
    """Refuse sizes that are neither numbers of hosts nor shares of them."""
    for size in value:
        if not BATCH.fullmatch(str(size)):
            yield (f'"{size}" is no number of hosts', 'Write numbers from 1 on, such as 2, or percentages, such as "25%".')
    if not value:
        yield ("is empty, so that no host would ever switch", 'Write for example [1, "100%"].')


def check_tier_counts(value: Any) -> Iterator[Finding]:
    """Refuse numbers of hosts of what is no tier, or that are none."""
    for tier, count in value.items():
        if tier not in TIERS:
            yield (f'"{tier}" is no tier', f"Write {' or '.join(TIERS)}.")
        elif not isinstance(count, int) or isinstance(count, bool) or count < 0:
            yield (f"{count!r} is no number of hosts of the group {tier}", "Write 0 or more.")


def check_setting_names(value: Any) -> Iterator[Finding]:
    """Refuse names that can't stand before an equals sign. Never shows a value."""
    for name in value:
        if not SETTING_NAME.fullmatch(str(name)):
            yield (f'"{name}" can\'t be the name of a setting', "Write letters, digits and underscores.")


def check_settings(value: Any) -> Iterator[Finding]:
    """Refuse names and values of settings that would not stay in their line. Never shows a value."""
    yield from check_setting_names(value)
    for name, text in value.items():
        if CONTROL.search(str(text)):
            yield (f"the value of {name} has more than one line", "Write one line.")


def check_kernel_settings(value: Any) -> Iterator[Finding]:
    """Refuse kernel settings that would not stay in their line."""
    for name, text in value.items():
        if not KERNEL_SETTING.fullmatch(str(name)):
            yield (f'"{name}" is not the name of a kernel setting', "Write for example net.core.somaxconn.")
        elif CONTROL.search(str(text).replace("\t", " ")):
            yield (f"the value of {name} has more than one line", "Write one line.")
