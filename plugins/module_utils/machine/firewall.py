# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One table of nftables, whose rules come from several sites, and which goes back by itself when nobody confirms a change.

What is on disk has been confirmed, and is what a restart loads. New rules are first in the kernel alone, with a timer that loads
those on disk again. Only when a new connection has come through them is the timer stopped, and are they written.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import (
    ABSENT,
    Change,
    Wanted,
    apply,
    changes_of,
)

FOLDER = "/etc/hotclub/firewall"
SITES = f"{FOLDER}/sites"
BASE = f"{FOLDER}/base.nft"
WHOLE = f"{FOLDER}/hotclub.nft"
SERVICE = "hotclub-firewall.service"
TIMER = "hotclub-firewall-return"
NFT = "/usr/sbin/nft"

OPENED, CLOSED, ADMITTED, LEFT = "opened", "closed", "admitted", "left"
RULE = "add rule "
LOGIN = " goto ssh "

# Knows the connections that there are before others are refused: an answer to a connection that nobody knows would be a stranger.
WARM_UP = """
table inet hotclub {
    chain input {
        type filter hook input priority filter; policy accept;
        ct state established,related accept
    }
}
"""
WARM_UP_SECONDS = 2.0

# A command, and what it reads; returns its exit code and its output.


def rules_of(text: str) -> list[str]:
    """Return the rules in a site's file, one a line."""
    return [line for line in text.splitlines() if line.startswith(RULE)]


def ordered(text: str, rules: Iterable[str]) -> str:
    """Return a site's file with these rules instead of its own, in an order that doesn't tell when each of them came."""
    comments = [line for line in text.splitlines() if line.startswith("#")]
    return "\n".join([*comments, "", *sorted(set(rules)), ""])


def content_for(state: str, wanted: str, present: str) -> str:
    """Return what a site's file becomes.

    :param wanted: what it is to be in the end.
    :param present: what it is; empty where there is none.
    """
    rules, old = rules_of(wanted), rules_of(present)
    if state == ADMITTED:
        # Who may log in is none of the others' business, and nobody has asked this host at which port.
        return ordered(present or wanted, [rule for rule in rules if LOGIN not in rule or not present] + old)
    if state == OPENED:
        # Who may log in changes at once: no host needs the old rule, and a mistake shows before anything else has changed.
        return ordered(wanted, rules + [rule for rule in old if LOGIN not in rule])
    return ordered(wanted, rules)


@dataclass(frozen=True)
class Plan:
    """What the files become, and what the kernel is to have."""

    files: list[Wanted]
    # All rules as one text; empty for none.
    text: str
    # Whether the site's file has more than it needs.
    surplus: bool = False


def plan(state: str, wanted: Iterable[Wanted], site_path: str) -> Plan:
    """Return what is to be, from what the role wants and what other sites have on disk."""
    files = {item.path: item for item in wanted}
    own = files.pop(site_path)
    sites = dict(sites_on_disk())
    present = sites.pop(site_path, "")
    if state == LEFT:
        return remaining(own, files.values(), sites)
    content = content_for(state, own.content.decode(), present)
    surplus = content != content_for(CLOSED, own.content.decode(), "")
    own = replace(own, content=content.encode())
    if state == ADMITTED:
        return Plan([own], joined(read(BASE), sites | {site_path: content}), surplus)
    return Plan([*files.values(), own], joined(files[BASE].content.decode(), sites | {site_path: content}), surplus)


def remaining(own: Wanted, others: Iterable[Wanted], sites: Mapping[str, str]) -> Plan:
    """Return what is left when a site goes: the rules of the others, or nothing."""
    gone = [Wanted(own.path, ABSENT)]
    if sites:
        return Plan(gone, joined(read(BASE), sites))
    return Plan([*gone, *(Wanted(item.path, ABSENT) for item in others)], "")


def sites_on_disk() -> Iterator[tuple[str, str]]:
    """Yield the path and the content of each site's file."""
    for path in sorted(Path(SITES).glob("*.nft")):
        yield str(path), path.read_text(encoding="utf-8")


def read(path: str) -> str:
    """Return what is in a file; nothing where there is none."""
    return Path(path).read_text(encoding="utf-8") if Path(path).is_file() else ""


def joined(base: str, sites: Mapping[str, str]) -> str:
    """Return everything as one text, in the order in which a restart loads it."""
    return "\n".join([base, *(sites[path] for path in sorted(sites))])


@dataclass
class Firewall:
    """The table in the kernel, the timer, and the service that loads it at boot."""

    run: Run
    sleep: Callable[[float], None] = time.sleep

    @property
    def installed(self) -> bool:
        """Whether there is a program to load rules with."""
        return shutil.which(NFT) is not None

    def table(self, *through: str) -> list[Any] | None:
        """Return the table as the kernel has it, without counters and what it has learnt; None when it has none."""
        listed = self.run([*through, NFT, "--json", "--stateless", "list", "table", "inet", "hotclub"])
        return None if listed.code else comparable(json.loads(listed.stdout)["nftables"])

    def expected(self, text: str) -> list[Any] | None:
        """Return what the table would be, from a network of its own where it harms nobody.

        :raises Trouble: the rules can't be loaded.
        """
        if not text:
            return None
        script = f"{NFT} --file - >&2 && exec {NFT} --json --stateless list table inet hotclub"
        tried = self.run(["unshare", "--net", "sh", "-c", script], stdin=text)
        if tried.code:
            raise Trouble(f"nftables refuses the new rules, and nothing was changed:\n{tried.output}")
        return comparable(json.loads(tried.stdout)["nftables"])

    def load(self, text: str) -> None:
        """Load all rules at once, or remove the table.

        :raises Trouble: the kernel does not take them; it goes on with what it had.
        """
        command = [NFT, "--file", "-"] if text else [NFT, "delete", "table", "inet", "hotclub"]
        done = self.run(command, stdin=text)
        if done.code:
            raise Trouble(f"The rules can't be loaded, and nothing was changed:\n{done.output}")

    def warm_up(self) -> None:
        """Let the kernel learn which connections there are."""
        self.load(WARM_UP)
        self.sleep(WARM_UP_SECONDS)

    def is_waiting(self) -> bool:
        """Say whether rules wait for their confirmation."""
        return self.run(["systemctl", "is-active", "--quiet", f"{TIMER}.timer"]).code == 0

    def wait(self, seconds: float) -> None:
        """Wait until another run's rules have been confirmed, or have gone.

        :raises Trouble: they are still waiting.
        """
        deadline = time.monotonic() + seconds
        while self.is_waiting():
            if time.monotonic() > deadline:
                raise Trouble(f"Other new rules wait for their confirmation for more than {seconds:.0f} s. See {TIMER}.timer.")
            self.sleep(0.5)

    def start_timer(self, seconds: int) -> None:
        """Have the rules on disk come back after a time."""
        back = ["--file", WHOLE] if Path(WHOLE).is_file() else ["delete", "table", "inet", "hotclub"]
        options = ["--quiet", "--collect", f"--unit={TIMER}", f"--on-active={seconds}", "--timer-property=AccuracySec=100ms"]
        started = self.run(["systemd-run", *options, NFT, *back])
        if started.code:
            raise Trouble(
                f"No timer could be started that would bring the old rules back, so nothing was changed:\n{started.output}"
            )

    def stop_timer(self) -> None:
        """Let the rules stay."""
        self.run(["systemctl", "stop", f"{TIMER}.timer", f"{TIMER}.service"])

    def service_actions(self, wanted: bool) -> list[str]:
        """Return what is left to do so that a restart loads the rules, or no longer does."""
        command = ["systemctl", "show", SERVICE, "--property=UnitFileState,ActiveState,NeedDaemonReload"]
        unit = dict(line.split("=", 1) for line in self.run(command).stdout.splitlines() if "=" in line)
        if not wanted:
            return ["disable --now"] if unit.get("UnitFileState") == "enabled" else []
        done = unit.get("UnitFileState") == "enabled" and unit.get("ActiveState") == "active"
        outdated = ["daemon-reload"] if unit.get("NeedDaemonReload") == "yes" or not done else []
        return [*outdated, *([] if done else ["enable --now"])]

    def perform(self, action: str) -> None:
        """Take a step with the service.

        :raises Trouble: systemd refuses.
        """
        command = ["systemctl", *action.split(), *([] if action == "daemon-reload" else [SERVICE])]
        done = self.run(command)
        if done.code:
            raise Trouble(f"{' '.join(command)} failed:\n{done.output}")


def comparable(listing: list[dict[str, Any]]) -> list[Any]:
    """Return a listing of nftables without what differs between two kernels with the same rules."""
    return [cleaned(item) for item in listing if "metainfo" not in item]


def cleaned(item: Any) -> Any:
    """Leave out handles, and the elements of named sets, which the kernel learns."""
    if isinstance(item, list):
        return [cleaned(part) for part in item]
    if not isinstance(item, dict):
        return item
    learnt = {"handle", "elem"} if "name" in item and "type" in item else {"handle"}
    return {name: cleaned(value) for name, value in item.items() if name not in learnt}


@dataclass(frozen=True)
class Outcome:
    """What a step has found or done."""

    changes: list[Change]
    actions: list[str]
    surplus: bool
    # The rules are in the kernel, and go again unless they are confirmed.
    pending: bool = False
    # They have gone: nobody confirmed them in time.
    returned: bool = False


def bring_about(firewall: Firewall, make_plan: Callable[[], Plan], confirmed: bool, seconds: int, dry: bool) -> Outcome:
    """Load what differs and wait for its confirmation; or, once that has come, keep it.

    :param make_plan: reads the disk, which another run may have changed while this one waited.
    :param confirmed: whether the caller came through the new rules.
    :param dry: only say what would be done.
    :raises Trouble: nothing was changed.
    """
    if not confirmed and not dry and firewall.is_waiting():
        firewall.wait(seconds + 10)
    wanted = make_plan()
    changes = changes_of(wanted.files)
    if not firewall.installed:
        if wanted.text and not dry:
            raise Trouble(f"This host has no {NFT}. Install the package nftables first.")
        return Outcome(changes, ["load"] if wanted.text else [], wanted.surplus)
    expected, present = firewall.expected(wanted.text), firewall.table()
    different = expected != present
    actions = ["load"] if different else []
    is_new = any(change.path.endswith(SERVICE) for change in changes)
    actions += ["enable --now"] if is_new and wanted.text else firewall.service_actions(bool(wanted.text))
    if dry:
        return Outcome(changes, actions, wanted.surplus)
    if confirmed:
        # The timer may have fired until this very moment, and not after it.
        firewall.stop_timer()
        if expected != firewall.table():
            return Outcome([], [], wanted.surplus, returned=True)
    elif different and wanted.text:
        begin_trial(firewall, wanted.text, present is None, seconds)
        return Outcome(changes, actions, wanted.surplus, pending=True)
    elif different:
        firewall.load("")
    keep(firewall, wanted, changes)
    return Outcome(changes, actions, wanted.surplus)


def begin_trial(firewall: Firewall, text: str, is_first: bool, seconds: int) -> None:
    """Load the rules, and have them go again unless the timer is stopped."""
    firewall.start_timer(seconds)
    try:
        if is_first:
            firewall.warm_up()
        firewall.load(text)
    except Trouble:
        firewall.stop_timer()
        if is_first and firewall.table() is not None:
            firewall.load("")
        raise


def keep(firewall: Firewall, wanted: Plan, changes: list[Change]) -> None:
    """Write the rules to disk, and have a restart load them."""
    if not wanted.text:
        for action in firewall.service_actions(False):
            firewall.perform(action)
    apply(changes)
    if any(change.path.endswith(SERVICE) for change in changes):
        firewall.perform("daemon-reload")
    if wanted.text:
        for action in firewall.service_actions(True):
            firewall.perform(action)


def site_file(name: str) -> str:
    """Return the path of a site's file."""
    return f"{SITES}/{name}.nft"
