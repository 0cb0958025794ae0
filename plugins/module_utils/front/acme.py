# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the role acme has put on a host for a site: where it is, and what it says about the certificate."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import SHOWN_LINES, Run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import journal

SCRIPT = "usr/local/lib/hotclub/acme"
INTERPRETER = "/usr/bin/python3"
WANTED_SOCKETS = "/etc/systemd/system/sockets.target.wants"


@dataclass(frozen=True)
class Acme:
    """The ACME client of one site."""

    site: str
    run: Run
    root: Path = Path("/")

    @property
    def service(self) -> str:
        """The unit that asks for a certificate."""
        return f"{self.site}-acme.service"

    @property
    def timer(self) -> str:
        """The unit that starts it twice a day."""
        return f"{self.site}-acme.timer"

    @property
    def socket(self) -> str:
        """The unit at which other balancers get what this one has."""
        return f"{self.site}-acme.socket"

    @property
    def handing(self) -> str:
        """The unit that gives it to one of them."""
        return f"{self.site}-acme@.service"

    @property
    def started(self) -> list[str]:
        """Those of its units that are there and start by themselves."""
        return [name for name in (self.timer, self.socket) if (self.root / "etc/systemd/system" / name).exists()]

    @property
    def peer_certificate(self) -> Path:
        """With what this balancer proves to the others that it is one."""
        return self.root / "etc/ssl/hotclub" / f"{self.site}-balancers"

    @property
    def settings(self) -> Path:
        """What the role has written down."""
        return self.root / "etc/hotclub/acme" / f"{self.site}.json"

    @property
    def state(self) -> Path:
        """Where certbot keeps its own."""
        return self.root / "var/lib/hotclub-acme" / self.site

    @property
    def files(self) -> list[Path]:
        """Everything of the site alone, keys and certificates of the authority's included."""
        own = [f"{self.site}{ending}" for ending in (".json", ".credentials", "-authorities.pem", "-dns-hook")]
        units = [self.root / "etc/systemd/system" / name for name in (self.service, self.timer, self.socket, self.handing)]
        written = [*(self.settings.with_name(name) for name in own), *units]
        return [*written, self.root / f"etc/sysusers.d/{self.site}-acme.conf", self.state, self.peer_certificate]

    def look(self) -> dict[str, Any]:
        """Return what is to be said about the certificate, without asking anybody.

        :raises Trouble: nothing can be said.
        """
        looked = self.run([INTERPRETER, "-I", str(self.root / SCRIPT), "look", str(self.settings)])
        if looked.code:
            raise Trouble(f"{self.settings} or {self.root / SCRIPT} is damaged. Run playbooks/site.yml again.\n{looked.output}")
        found: dict[str, Any] = json.loads(looked.stdout.splitlines()[-1])
        return found

    def unit_actions(self) -> list[str]:
        """Return what is left to do until the timer runs, and the socket where there are other balancers, in order."""
        names = ("ActiveState", "UnitFileState", "NeedDaemonReload")
        shown = ["systemctl", "show", self.timer, self.service, self.socket, f"--property={','.join(names)}"]
        units = [dict(line.split("=", 1) for line in unit.splitlines()) for unit in self.run(shown).stdout.split("\n\n")]
        changed = [unit.get("NeedDaemonReload") == "yes" for unit in units]
        timer_runs, _service_runs, socket_runs = (
            (unit.get("ActiveState"), unit.get("UnitFileState")) == ("active", "enabled") for unit in units
        )
        listens = bool(json.loads(self.settings.read_text(encoding="utf-8")).get("peers"))
        actions = [] if timer_runs else ["enable"]
        if listens and (changed[-1] or not socket_runs):
            actions.append("listen")
        elif not listens and units[-1].get("ActiveState") == "active":
            actions.append("listen-no-more")
        return [*(["daemon-reload"] if any(changed) or actions else []), *actions]

    def perform(self, action: str) -> None:
        """Take one step.

        :raises Trouble: it failed.
        """
        command = {
            "daemon-reload": ["systemctl", "daemon-reload"],
            "enable": ["systemctl", "enable", "--now", self.timer],
            "disable": ["systemctl", "disable", "--now", *self.started],
            "listen": ["sh", "-c", 'systemctl enable "$1" && systemctl restart "$1"', "sh", self.socket],
            # Its file is gone, so that it can't be disabled any more.
            "listen-no-more": ["sh", "-c", 'systemctl stop "$1" && rm -f "$2/$1"', "sh", self.socket, WANTED_SOCKETS],
        }[action]
        done = self.run(command)
        if done.code:
            raise Trouble(f"{' '.join(command)} failed: {done.output}")

    def order_renewal(self) -> None:
        """Let the next start ask for a certificate although nothing else asks for one."""
        flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW
        if self.state.is_dir():
            os.close(os.open(self.state / "renew-now", flags, 0o644))

    def ask(self) -> str:
        """Have a certificate issued and installed; return why it failed, else nothing."""
        started = self.run(["systemctl", "start", self.service])
        if not started.code:
            return ""
        invocation = ["systemctl", "show", "--value", "--property=InvocationID", self.service]
        number = self.run(invocation).stdout
        return journal(f"_SYSTEMD_INVOCATION_ID={number.strip()}", SHOWN_LINES, run=self.run) or started.output

    def leftovers(self) -> list[Path]:
        """Return what is still there of the site."""
        return [path for path in self.files if path.exists() or path.is_symlink()]

    def leave(self) -> None:
        """Stop the timer and remove everything but the certificate that is served."""
        if self.started:
            self.perform("disable")
        for path in self.leftovers():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        with suppress(Trouble):
            self.perform("daemon-reload")


def failing_renewal(site: str, root: Path = Path("/")) -> str:
    """Return what the last attempt to renew a site's certificate failed with; nothing when it did not."""
    try:
        known = json.loads((root / "var/lib/hotclub-acme" / site / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(known.get("failure", {}).get("message", "")).partition("\n")[0]
