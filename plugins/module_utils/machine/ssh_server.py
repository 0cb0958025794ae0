# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SSH server with the settings on disk, on trial until a new connection has got in with them.

What was proved last is kept beside. While new settings are on trial, a timer of systemd's would bring that back, so that a
controller which is locked out needs to do nothing.
"""

from __future__ import annotations

import filecmp
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.freshness import newest_change
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service
from ansible_collections.hotclub.django.plugins.module_utils.machine.administrators import server_settings

UNIT = "ssh.service"
GUARD = "hotclub-ssh-guard"
SETTINGS = Path("/etc/ssh/sshd_config.d/10-hotclub.conf")
PROVED = Path("/var/lib/hotclub/ssh/10-hotclub.conf")
MAIN = Path("/etc/ssh/sshd_config")
# sshd -T writes these otherwise than they are given.
SYNONYMS = {"prohibit-password": "without-password"}
# Lists that are built from the server's own, and words that it adds to.
NOT_COMPARED = ("kexalgorithms", "macs", "ciphers", "persourcepenalties", "loglevel", "debianbanner")


@dataclass(frozen=True)
class Server(Service):
    """The server, its settings, and those that were proved last."""

    settings: Path = SETTINGS
    proved: Path = PROVED
    main: Path = MAIN

    def is_proved(self) -> bool:
        """Say whether a connection has got in with the settings on disk."""
        return self.proved.exists() and filecmp.cmp(self.settings, self.proved, shallow=False)

    def is_stale(self) -> bool:
        """Say whether the server runs with older settings than those on disk."""
        return max(newest_change(self.settings.parent), newest_change(self.main)) > self.loaded()

    def check(self) -> None:
        """Refuse settings that the server would refuse, and those that another file overrules.

        :raises Trouble: there are such.
        """
        tested = self.run(["sshd", "-t"])
        if tested.code:
            raise Trouble(f"The SSH server refuses its settings and goes on with the old ones.\n{tested.output}")
        if overruled := list(self.overruled()):
            raise Trouble("\n".join([*overruled, "Remove that line, or its file; the SSH server goes on with the old settings."]))

    def overruled(self) -> Iterator[str]:
        """Find words of ours that don't count, and say who has the first word."""
        amounts_to = server_settings(self.run)
        for word, value in words(self.settings).items():
            found = amounts_to.get(word)
            if word in NOT_COMPARED or found is None or found == SYNONYMS.get(value, value):
                continue
            place = next((str(path) for path in self.files() if path != self.settings and word in words(path)), "another file")
            yield f'{place} has the first word on {word}: it is "{found}", and not "{value}" as {self.settings} says.'

    def files(self) -> list[Path]:
        """Return the files of settings, in the order in which the server reads them."""
        return [*sorted(self.settings.parent.glob("*.conf")), self.main]

    def try_out(self, seconds: int) -> None:
        """Load the settings, and have those before return unless somebody says in time that they are proved.

        :raises Trouble: the server refuses them, or doesn't reload.
        """
        self.check()
        self.stop_guard()
        back = f"cp {shlex.quote(str(self.proved))} {shlex.quote(str(self.settings))}"
        script = f"{back if self.proved.exists() else f'rm -f {shlex.quote(str(self.settings))}'}; systemctl reload {self.name}"
        guard = ["systemd-run", "--quiet", "--collect", f"--unit={GUARD}", f"--on-active={seconds}", "/bin/sh", "-c", script]
        started = self.run(guard)
        if started.code:
            raise Trouble(f"Nothing would bring the old settings back, so the new ones are not loaded: {started.output}")
        self.perform("reload", seconds)

    def keep(self) -> None:
        """Keep the settings for good: this connection has got in with them."""
        self.stop_guard()
        self.proved.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(self.settings, self.proved)

    def stop_guard(self) -> None:
        """Call off the return to the settings before."""
        self.run(["systemctl", "stop", f"{GUARD}.timer"])


def words(path: Path) -> dict[str, str]:
    """Return what a file of settings says for every connection, by lower-case word; the first word counts."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines() if path.is_file() else []:
        match = re.match(r"\s*(\w+)[\s=]+(.*?)\s*$", line)
        if match and match[1].lower() == "match":
            break
        if match:
            found.setdefault(match[1].lower(), match[2].strip('"'))
    return found


def view(server: Server) -> Mapping[str, bool]:
    """Return what is left to do."""
    stale = server.is_stale()
    return {"stale": stale, "unproved": stale or not server.is_proved()}
