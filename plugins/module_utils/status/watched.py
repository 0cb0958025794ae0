# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a site's watch has on a host: its program, what it is told to do, and what it remembers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

MINUTE = 60.0
# A look takes seconds, a message to somebody who doesn't answer some more of them.
LATE_MINUTES = 10
# Of what settings or a state lack, or have in another form.
SETTINGS = {
    "look": {},
    "host": "",
    "urls": [],
    "heartbeat_url": "",
    "interval_minutes": 5,
    "after_looks": 2,
    "deploys": False,
    "metrics": False,
}
STATE = {"looked": 0.0, "untold": {}}
FORGETFUL = "what was told can't be kept in {folder}, and is forgotten at the next start of the host: make room there"


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
    def metrics(self) -> Path:
        """What a look has found, where the exporter of the host's metrics reads it."""
        return self.root / "var/lib/prometheus/node-exporter" / f"hotclub-{self.site}.prom"

    @property
    def state(self) -> Path:
        """What was told."""
        return self.root / "var/lib/hotclub-watch" / self.site / "state.json"

    @property
    def spare(self) -> Path:
        """What was told since the disk took nothing any more."""
        return self.root / "run/hotclub-watch" / self.site / "state.json"


class Memory:
    """What a watch remembers from one look to the next, with a disk that is full, too."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        # The spare one is there for as long as the other one is older.
        self.known = read(watch.spare) or read(watch.state)
        self.problems = [FORGETFUL.format(folder=watch.state.parent)] if watch.spare.exists() else []

    def keep(self, state: Mapping[str, Any]) -> bool:
        """Remember something, and say whether that will outlast a start of the host.

        :raises OSError: it can't be remembered at all.
        """
        said = json.dumps(state, indent=1) + "\n"
        try:
            files.put(self.watch.state, said, 0o600)
        except OSError:
            files.put(self.watch.spare, said, 0o600)
            return False
        with contextlib.suppress(OSError):
            self.watch.spare.unlink()
        return True


def read(path: Path) -> dict[str, Any]:
    """Return what a file says; nothing where it is not there, or damaged."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def with_defaults(said: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said under these names, where it is of their types."""
    return {name: said[name] if isinstance(said.get(name), type(value)) else value for name, value in defaults.items()}


def look_at_once(site: Site, root: Path = Path("/")) -> None:
    """Have a host look now that tells of releases, and wait for nothing."""
    watch = Watch(site.name, root)
    if read(watch.settings).get("deploys") is True:
        systemctl("start", "--no-block", watch.service)


def look_at_watch(site: Site, status: dict[str, Any], root: Path = Path("/")) -> None:
    """Say whether somebody is told of trouble, and whether the last message arrived."""
    watch = Watch(site.name, root)
    if not watch.settings.exists():
        return
    said = read(watch.settings)
    if not said:
        status["problems"].append(f"{watch.settings} can't be read, so nobody is told of trouble: run playbooks/site.yml")
        return
    wanted, memory, now = with_defaults(said, SETTINGS), Memory(watch), time.time()
    state = with_defaults(memory.known, {**STATE, "looked": watch.settings.stat().st_mtime})
    status["watch"] = {"tells": bool(wanted["urls"]), **state}
    # The first look after a start of the host comes some minutes later.
    silent = min(now - state["looked"], time.clock_gettime(time.CLOCK_BOOTTIME)) / MINUTE
    if silent > 3 * wanted["interval_minutes"] + LATE_MINUTES:
        status["problems"].append(f"nobody has looked for trouble here for {silent:.0f} minutes: journalctl -u {watch.service}")
    status["problems"] += [*memory.problems, *(f"{what} fails: {why}" for what, why in state["untold"].items())]
