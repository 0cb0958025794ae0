# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say which Debian packages are missing; the action plugin of the same name installs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call

DPKG_LIST = "/var/lib/dpkg/status"

SPEC: dict[str, Any] = {"names": {"type": "list", "elements": "str", "required": True}}


def take(module: Call) -> None:
    """Compare the wanted packages with dpkg's list."""
    with open(DPKG_LIST, encoding="utf-8", errors="replace") as file:
        there = set(installed(file.read()))
    module.exit_json(changed=False, missing=[name for name in module.params["names"] if name not in there])


def installed(status: str) -> Iterator[str]:
    """Return the packages that dpkg's list tells to be installed and configured."""
    for paragraph in status.split("\n\n"):
        if "\nStatus: install ok installed\n" in paragraph or "\nStatus: hold ok installed\n" in paragraph:
            yield paragraph.lstrip().split("\n", 1)[0].removeprefix("Package: ")
