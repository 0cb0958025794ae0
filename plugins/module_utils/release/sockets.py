# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sockets of a site: open, and pointing to the instance that traffic wakes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove, write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, older, properties, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


def service_of(site: Site, instance: str) -> str:
    """Return the unit of an instance."""
    return f"{site.name}@{instance}.service"


class Sockets:
    """The socket units by which one site is reached on this host."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def names(self) -> list[str]:
        """Return the socket units by which the site is reached from outside itself."""
        names = [f"{self.site.name}.socket", f"{self.site.name}-net.socket"]
        return [name for name in names if (UNITS / name).exists()]

    def closed(self) -> list[str]:
        """Return those of them that aren't open, or wouldn't be after a restart of the host."""
        wanted = {"ActiveState": "active", "UnitFileState": "enabled"}
        return [name for name in self.names() if properties(name, *wanted) != wanted]

    def disabled(self) -> list[str]:
        """Return those of them that are open, and wouldn't be after a restart of the host."""
        return [name for name in self.closed() if properties(name, "ActiveState") == {"ActiveState": "active"}]

    def enable(self, names: Sequence[str]) -> None:
        """Have them opened at each start of the host."""
        for name in names:
            systemctl("enable", "--quiet", name)

    def stale(self) -> list[str]:
        """Return those of them that were opened before their unit changed."""
        return [name for name in self.names() if older(name, "ActiveEnterTimestamp", [UNITS / name])]

    def pointed(self) -> str:
        """Return the instance that traffic wakes and that starts at boot; empty when there is none."""
        with contextlib.suppress(OSError):
            found = re.search(r"^Service=.*@(.+)\.service$", self._pointer().read_text(), re.MULTILINE)
            if found:
                return found.group(1)
        return ""

    def _pointer(self, socket: str = "") -> Path:
        return UNITS / f"{socket or self.site.name + '.socket'}.d" / "current.conf"

    def point(self, instance: str) -> None:
        """Name the instance that traffic wakes."""
        text = "# Written at each switch: what traffic wakes when no instance runs.\n[Socket]\nService={}\n"
        written = [write_atomically(self._pointer(name), text.format(service_of(self.site, instance))) for name in self.names()]
        if any(written):
            systemctl("daemon-reload")

    def close(self) -> None:
        """Close them and forget what they wake."""
        for name in self.names():
            systemctl("stop", name)
            remove(self._pointer(name))
        systemctl("daemon-reload")

    def has_leftover(self) -> bool:
        """Say whether an address for balancers is open whose unit is gone."""
        name = f"{self.site.name}-net.socket"
        return not (UNITS / name).exists() and not systemctl("is-active", "--quiet", name).code

    def close_leftover(self) -> bool:
        """Close the address for balancers where no other host has one any more, which is where its unit is gone."""
        if not self.has_leftover():
            return False
        name = f"{self.site.name}-net.socket"
        systemctl("stop", name)
        remove(UNITS / "sockets.target.wants" / name)
        remove(self._pointer(name).parent)
        systemctl("daemon-reload")
        return True

    def open(self) -> None:
        """Open those that are closed, now and at boot.

        :raises Trouble: one can't be opened.
        """
        # To enable one has systemd read all units anew, which it has just done: only where it has to be.
        for name in self.closed():
            opened = systemctl("enable", "--quiet", "--now", name)
            if opened.code:
                raise Trouble(
                    f"The socket of {self.site.name} can't be opened.",
                    f"See `systemctl status {name}`: another program may hold its address.",
                    opened.tail(5),
                )
