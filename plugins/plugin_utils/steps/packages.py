# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator is told when packages can't be installed."""

from __future__ import annotations

import re
from collections.abc import Sequence

CAUSES = {
    r"No space left|enough free space": "The disk is full. Make room (df -h shows where), then run this again.",
    r"Failed to (fetch|update)|Could not (resolve|connect)|Temporary failure": (
        "See that the host reaches the servers in /etc/apt/sources.list and sources.list.d."
    ),
    r"remove is disabled": "Something that is installed stands in the way, and nothing is removed unasked.",
    r"Could not get lock|Unable to acquire the dpkg frontend lock": (
        "Another program has held dpkg's lock for five minutes; the message names its process. Wait until it has ended, "
        "or end it, then run this again."
    ),
    r"packages that are only half installed": (
        "Run dpkg --configure -a on the host, which says what is in the way, and apt-get --fix-broken install where that is not "
        "enough; then run this again."
    ),
    r"dpkg was interrupted|dpkg --configure -a": (
        "An earlier installation was cut off. Run dpkg --configure -a on the host, then this again."
    ),
}


def explained(host: str, missing: Sequence[str], message: str, remedy: str) -> str:
    """Return what could not be installed where, why, and what to do."""
    cause = next((cause for pattern, cause in CAUSES.items() if re.search(pattern, message)), "")
    return "\n".join(filter(None, [f"{host} can't install {', '.join(missing)}:", message.strip(), cause, remedy]))
