# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An authority takes another one's place in three steps, between which every host of the site learns of the last one.

First both are trusted and the old one signs, then both are trusted and the new one signs, then the new one alone is trusted.
A step that broke off is taken again as a whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import put
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import (
    CERTIFICATE,
    KEY,
    Authority,
    ensure,
    locked,
    read,
)

END = "-----END CERTIFICATE-----\n"
NEXT = "next"


def prepare(folder: Path, name: str, passphrase: str, now: datetime) -> bool:
    """Make the next authority, and trust it; say whether there was something to do."""
    present = _present(folder)
    # Between the last two steps there is no next one any more: then the rotation goes on from there.
    if len(certificates_in(present.trusted)) > 1:
        return False
    coming = ensure(folder / NEXT, name, passphrase, now)
    with locked(folder):
        put(folder / CERTIFICATE, (present.trusted + coming.trusted).encode(), 0o644)
    return True


def switch(folder: Path, _name: str, _passphrase: str, _now: datetime) -> bool:
    """Let the next authority sign, while the old one is still trusted."""
    with locked(folder):
        coming = read(folder / NEXT)
        if not coming:
            return False
        others = [text for text in certificates_in(_present(folder).trusted) if text != coming.trusted]
        put(folder / KEY, (folder / NEXT / KEY).read_bytes(), 0o600)
        put(folder / CERTIFICATE, "".join([coming.trusted, *others]).encode(), 0o644)
        shutil.rmtree(folder / NEXT)
        return True


def finish(folder: Path, _name: str, _passphrase: str, _now: datetime) -> bool:
    """Trust nobody but the authority that signs."""
    with locked(folder):
        trusted = certificates_in(_present(folder).trusted)
        if (folder / NEXT).exists() or len(trusted) == 1:
            return False
        put(folder / CERTIFICATE, trusted[0].encode(), 0o644)
        return True


def certificates_in(text: str) -> list[str]:
    """Return the certificates of a file, each as text."""
    return [part + END for part in text.split(END) if part.strip()]


def _present(folder: Path) -> Authority:
    present = read(folder)
    if not present:
        raise Trouble(f"{folder} has no authority yet. Run playbooks/site.yml first, which makes one.")
    return present


STEPS: Mapping[str, Callable[[Path, str, str, datetime], bool]] = {"prepare": prepare, "switch": switch, "finish": finish}
