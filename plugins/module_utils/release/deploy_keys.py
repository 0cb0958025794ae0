# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which of several deploy keys opens a repository: that of its address, or of the longest beginning of it."""

from __future__ import annotations

import re
from collections.abc import Iterable

# git@host:path, which says the same as ssh://git@host/path.
SHORT = re.compile(r"((?:\w[\w.-]*@)?\w[\w.-]*):(?!//)/?(.*)")


def address_for(url: str, addresses: Iterable[str]) -> str:
    """Return the address that has the key for a repository; empty where none has.

    :param url: address of the repository.
    :param addresses: those that have keys, each of one repository or of all whose addresses begin with it.
    """
    wanted = spelt(url)
    fitting = [address for address in addresses if f"{wanted}/".startswith(f"{spelt(address)}/")]
    return max(fitting, key=lambda address: len(spelt(address)), default="")


def spelt(address: str) -> str:
    """Return an address as all its spellings are compared."""
    short = SHORT.fullmatch(address)
    return (f"ssh://{short[1]}/{short[2]}" if short else address.removeprefix("git+")).rstrip("/").removesuffix(".git")
