# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The form of administrators' accounts and keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.names import RESERVED_NAMES

ACCOUNT = re.compile(r"[a-z][a-z0-9_-]{0,30}")
PUBLIC_KEY = re.compile(
    r"(^|\s)(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) [A-Za-z0-9+/]{32,}=*(\s|$)"
)


def check_administrators(value: Any) -> Iterator[Finding]:
    """Refuse administrators who could not sign in, or whose account is another one's. Never shows a key."""
    names = [str(administrator["name"]) for administrator in value]
    for administrator in value:
        name, keys = str(administrator["name"]), [str(key) for key in administrator["keys"]]
        if not ACCOUNT.fullmatch(name):
            yield (
                f'"{name}" can\'t be the name of an account',
                "Write up to 31 lower-case letters, digits, - and _, beginning with a letter.",
            )
        elif name in RESERVED_NAMES:
            yield (f'"{name}" is an account of the system\'s own', "Give the administrator another name.")
        if names.count(name) > 1:
            yield (f"{name} is named more than once", "Write one element with all of the keys.")
        if not keys:
            yield (f"{name} has no key and could not sign in", "Write the text of a .pub file below keys, or remove the element.")
        for number, key in enumerate(keys, start=1):
            if "PRIVATE KEY" in key:
                yield (
                    f"key {number} of {name} is a private key",
                    "Write the public one, from the file that ends in .pub; make a new pair, for this one was shown.",
                )
            elif "\n" in key.strip() or not PUBLIC_KEY.search(key):
                yield (
                    f"key {number} of {name} is not a public key",
                    "Write one line as in a .pub file: ssh-ed25519 AAAA... name.",
                )
