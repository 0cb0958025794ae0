# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of paths, on this machine and on hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding, form

# Beyond letters, digits and these, configuration files give a character a meaning of their own.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9._~@+,=/-]*")

# Folders that are empty, or another one's, as the unit of a site sees them.
HIDDEN_PATH = re.compile(r"/(home|root|tmp|run|dev|proc|sys|var/tmp)(/|$)")


def check_local_file(value: Any) -> Iterator[Finding]:
    """Refuse a file on the controller that isn't there."""
    path = str(value)
    if path and not path.startswith("/"):
        yield (
            f'"{path}" is not an absolute path',
            f'Write "{{{{ inventory_dir }}}}/../{path}" for a file beside the folder of the inventory.',
        )
    elif path and not Path(path).is_file():
        yield (f'"{path}" does not exist on this machine', "Correct the path, or remove the line.")


def check_absolute_path(value: Any) -> Iterator[Finding]:
    """Refuse a path that depends on the folder from which a playbook is started."""
    if not str(value).startswith("/"):
        yield (f'"{value}" is not an absolute path', 'Write a path that begins with / or with "{{ inventory_dir }}/.secrets".')


check_plain_path = form(
    PLAIN_PATH,
    "not a path that every program reads alike",
    "Write an absolute one of letters, digits and ._~@+,=- without spaces.",
)


def check_media_path(value: Any) -> Iterator[Finding]:
    """Refuse folders that a service's sandbox hides from it."""
    yield from check_plain_path(value)
    if HIDDEN_PATH.match(str(value)):
        yield (
            f"{value} lies where the site's sandbox lets it see nothing",
            "Choose a folder elsewhere, for example below /data or /mnt.",
        )
