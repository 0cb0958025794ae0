# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The timers of a site on this host: those that call, and the runs that go on.

systemd calls by ``<site>-timer-<name>.timer``, on every host that may run it. Each call is an instance of
``<site>-timer-<name>@.service``, in which the site's own program asks the database whether it is this host's turn.
A run stays in the release that served when it began, and that release on the disk until it ends.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, older, properties_of, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

POLL_SECONDS = 0.5
RUNNING = "active,activating,reloading,deactivating"
RELEASE = re.compile(rb"(?:^|\0)SITE_RELEASE=([^\0]*)")
# What the program of the timers takes to answer, a failover of the database included.
ANSWER_SECONDS = 60.0


class Timers:
    """The timers of one site on this host."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.known = self._known()

    def _known(self) -> Mapping[str, str]:
        """Return what role workers has written, calendars by name; a site without timers has no such file."""
        try:
            found: dict[str, str] = json.loads((self.site.root / "etc" / "timers.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def unit(self, name: str) -> str:
        """Return the unit that calls."""
        return f"{self.site.name}-timer-{name}.timer"

    def there(self) -> list[str]:
        """Return the timers that have units here, also those that are no longer wanted."""
        begin = f"{self.site.name}-timer-"
        return sorted(path.name.removeprefix(begin).removesuffix("@.service") for path in UNITS.glob(f"{begin}*@.service"))

    def runs(self) -> list[str]:
        """Return the units of the runs that go on."""
        if not self.there():
            return []
        listed = systemctl(
            "list-units", "--plain", "--no-legend", "--full", f"--state={RUNNING}", f"{self.site.name}-timer-*@*.service"
        ).stdout  # fmt: skip
        return sorted(line.split()[0] for line in listed.splitlines() if line.split())

    def in_use(self) -> set[str]:
        """Return the releases in which something runs; nobody may remove these."""
        shown = properties_of(self.runs(), "MainPID")
        return {release for unit in shown.values() if (release := release_of(unit.get("MainPID", "0")))}

    def settled(self) -> bool:
        """Say whether the wanted timers call, and no others."""
        return not self._due() and not self._unwanted()

    def settle(self) -> bool:
        """Have the wanted timers call, and no others; runs are left to themselves.

        :returns: whether anything had to change.
        :raises Trouble: systemd doesn't take one.
        """
        due, unwanted = self._due(), self._unwanted()
        if due:
            units = [self.unit(name) for name in due]
            systemctl("enable", *units)
            if systemctl("restart", *units).code:
                raise Trouble(
                    f"A timer of {self.site.name} does not start on {os.uname().nodename}: one of {', '.join(units)}.",
                    f"See systemctl status {units[0]} there, and correct its calendar in site_timers.",
                )
        busy = {unit.partition("@")[0].removeprefix(f"{self.site.name}-timer-") for unit in self.runs()} if unwanted else set()
        for name in unwanted:
            systemctl("disable", "--now", self.unit(name))
            self._forget(name)
            for path in self._files(name, whole=name not in busy):
                remove(path)
        if unwanted:
            systemctl("daemon-reload")
        return bool(due or unwanted)

    def pause_calls(self) -> None:
        """Have no timer call until the host starts again or `settle` is next."""
        if names := self.there():
            systemctl("stop", *map(self.unit, names))

    def end(self) -> bool:
        """Let nothing begin any more, and wait until what runs has ended, at most as long as each of them may take.

        :returns: whether there were any timers.
        :raises Trouble: some run for longer.
        """
        self.pause_calls()
        deadline = time.monotonic() + DAY_SECONDS
        while runs := self.runs():
            if time.monotonic() >= deadline:
                raise Trouble(
                    f"Runs of timers of {self.site.name} go on after a day on {os.uname().nodename}: {', '.join(runs)}.",
                    f"See there systemctl status {runs[0]}, and stop what nobody needs with systemctl stop; then run this again.",
                )
            time.sleep(POLL_SECONDS)
        return bool(self.there())

    def forget(self) -> None:
        """Have systemd forget when the timers called last, once they have stopped: new ones of these names missed nothing."""
        for name in self.there():
            self._forget(name)

    def _forget(self, name: str) -> None:
        # Refused for those that don't make up for what was missed: nothing is kept of them.
        if (UNITS / self.unit(name)).exists():
            systemctl("clean", "--what=state", self.unit(name))

    def ask(self, *words: str) -> Any:
        """Ask the program of the timers.

        :raises Trouble: there is no answer.
        """
        return ask_program(self.site, *words)

    def _due(self) -> list[str]:
        """Return the wanted timers that don't call, or not with their present settings."""
        shown = properties_of([self.unit(name) for name in self.known], "ActiveState", "UnitFileState")
        return [name for name in self.known if not self._is_right(name, shown.get(self.unit(name), {}))]

    def _is_right(self, name: str, shown: Mapping[str, str]) -> bool:
        calls = shown.get("ActiveState") == "active" and shown.get("UnitFileState") == "enabled"
        return calls and not older(self.unit(name), "ActiveEnterTimestamp", [UNITS / self.unit(name)])

    def _unwanted(self) -> list[str]:
        """Return the timers that go; those of which a run goes on keep what it needs until it has ended."""
        gone = [name for name in self.there() if name not in self.known]
        busy = " ".join(self.runs()) if gone else ""
        begin = f"{self.site.name}-timer-"
        return [name for name in gone if (UNITS / self.unit(name)).exists() or f"{begin}{name}@" not in busy]

    def _files(self, name: str, whole: bool) -> list[Path]:
        begin = f"{self.site.name}-timer-{name}"
        rest = [UNITS / f"{begin}@.service", self.site.root / "etc" / "timers" / f"{name}.env"] if whole else []
        return [path for path in (UNITS / f"{begin}.timer", UNITS / f"{begin}.service", *rest) if path.exists()]


def ask_program(site: Site, *words: str) -> Any:
    """Ask the program of the timers and single workers, which asks the site's database.

    :raises Trouble: there is no answer.
    """
    done = run(
        ["/usr/bin/python3", "-IB", f"{site.root}/lib/timers", *words],
        user=site.name, environment=site.environment(site.current()), timeout=ANSWER_SECONDS,
    )  # fmt: skip
    if done.code:
        raise Trouble(
            f"The timers and single workers of {site.name} can't be asked for on {os.uname().nodename}.",
            "See that the site's database is there, with playbooks/status.yml.",
            done.tail(),
        )
    return json.loads(done.stdout)


def release_of(process: str) -> str:
    """Return the release that a process was given; empty when it has gone."""
    try:
        found = RELEASE.search(Path(f"/proc/{process}/environ").read_bytes())
    except OSError:
        return ""
    return found[1].decode() if found else ""
