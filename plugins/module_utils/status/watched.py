# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a site's watch has on a host: its program, what it is told to do, and what it remembers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

MINUTE = 60.0
# A look takes seconds, a message to somebody who doesn't answer some more of them.
LATE_MINUTES = 10


@dataclass(frozen=True)
class Watch:
    """The watch of one site."""

    site: str
    root: Path = Path("/")

    @property
    def service(self) -> str:
        """The unit that looks."""
        return f"{self.site}-watch.service"

    @property
    def timer(self) -> str:
        """The unit that starts it."""
        return f"{self.site}-watch.timer"

    @property
    def program(self) -> Path:
        """What it runs."""
        return self.root / "usr/local/lib/hotclub/watch" / f"{self.site}.pyz"

    @property
    def settings(self) -> Path:
        """What to look at and whom to tell, which root alone may read."""
        return self.root / "etc/hotclub/watch" / f"{self.site}.json"

    @property
    def state(self) -> Path:
        """What was told."""
        return self.root / "var/lib/hotclub-watch" / self.site / "state.json"


def read(path: Path) -> dict[str, Any]:
    """Return what a file says; nothing where it is not there, or damaged."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def look_at_watch(site: Site, status: dict[str, Any], root: Path = Path("/")) -> None:
    """Say whether somebody is told of trouble, and whether the last message arrived."""
    watch = Watch(site.name, root)
    wanted = read(watch.settings)
    if not wanted:
        return
    state, now = read(watch.state), time.time()
    looked = state.get("looked", watch.settings.stat().st_mtime)
    status["watch"] = {"tells": bool(wanted["urls"]), "looked": looked, "untold": state.get("untold", {})}
    # The first look after a start of the host comes some minutes later.
    silent = min(now - looked, time.clock_gettime(time.CLOCK_BOOTTIME)) / MINUTE
    if silent > 3 * wanted["interval_minutes"] + LATE_MINUTES:
        status["problems"].append(f"nobody has looked for trouble here for {silent:.0f} minutes: journalctl -u {watch.service}")
    status["problems"] += [f"{what} fails: {why}" for what, why in state.get("untold", {}).items()]
