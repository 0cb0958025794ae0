# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A member of an etcd cluster: begun together with the others, added to those that are there, started, and its cluster asked."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.freshness import newest_change, started
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, Run
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import journal

UNIT = "etcd.service"
CERTIFICATE = "/etc/etcd/certificate"
# What it reads at its start: of its certificate, whom it trusts. What it shows is read anew for each connection.
READ_AT_START = ("etc/default/etcd", "etc/systemd/system/etcd.service.d", "etc/etcd/certificate/authority.pem")
TOGETHER = "A new cluster begins when all of its members start at the same time: run this without --limit, for all of them."
SILENT = "Start what is stopped, and see that the hosts reach each other; a majority of them has to run."


@dataclass(frozen=True)
class Etcd:
    """Whom to ask, and how to prove who asks."""

    endpoints: tuple[str, ...]
    certificate: str
    run: Run

    def control(self, *words: str, seconds: int = 5) -> Outcome:
        """Have etcdctl do something."""
        proof = {"cacert": "authority.pem", "cert": "fullchain.pem", "key": "privkey.pem"}
        flags = [f"--{name}={self.certificate}/{file}" for name, file in proof.items()]
        limits = [f"--dial-timeout={seconds}s", f"--command-timeout={seconds}s"]
        command = ["etcdctl", f"--endpoints={','.join(self.endpoints)}", *flags, *limits, *words]
        return self.run(command, timeout=10.0 * seconds)

    def put(self, key: str, value: str) -> None:
        """Keep a value.

        :raises Trouble: no majority does.
        """
        done = self.control("put", key, value)
        if done.code:
            raise Trouble(f"etcd keeps nothing at the moment: {done.output}", SILENT)

    def below(self, prefix: str) -> dict[str, str] | None:
        """Return what is kept below a prefix, by what follows it; None where nobody answers."""
        told = self.control("get", "--prefix", prefix, "-w", "json")
        if told.code:
            return None
        pairs = json.loads(told.stdout).get("kvs") or []
        return {_text(pair["key"]).removeprefix(prefix): _text(pair.get("value", "")) for pair in pairs}

    def members(self) -> list[dict[str, Any]] | None:
        """Return the members that the cluster has; None where nobody answers."""
        told = self.control("member", "list", "-w", "json")
        return None if told.code else list(json.loads(told.stdout)["members"])

    def is_healthy(self) -> bool:
        """Say whether a decision can be made."""
        return self.control("endpoint", "health").code == 0


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", errors="replace")


def url(address: str, port: int) -> str:
    """Return where a member listens."""
    return f"https://{f'[{address}]' if ':' in address else address}:{port}"


@dataclass(frozen=True)
class Member:
    """The member on this host, and those that the inventory names."""

    name: str
    addresses: Mapping[str, str]
    port: int
    peer_port: int
    run: Run
    root: Path = Path("/")
    wait: Callable[[float], None] = time.sleep
    seconds: float = 90

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.root / "var/lib/etcd/member/member"

    @property
    def first_start(self) -> Path:
        """The settings for its first start."""
        return self.root / "run/hotclub/etcd.env"

    @property
    def own(self) -> Etcd:
        """This member alone."""
        return self._asked([self.name])

    @property
    def others(self) -> Etcd:
        """All others."""
        return self._asked([name for name in self.addresses if name != self.name])

    def _asked(self, names: Iterable[str]) -> Etcd:
        endpoints = tuple(url(self.addresses[name], self.port) for name in names)
        return Etcd(endpoints, str(self.root / CERTIFICATE.lstrip("/")), self.run)

    def peer_urls(self) -> dict[str, str]:
        """Return where members talk to each other, of all that the inventory names."""
        return {name: url(address, self.peer_port) for name, address in self.addresses.items()}


def steps_of(member: Member) -> list[tuple[str, Callable[[], None]]]:
    """Return what is left to do, each with its name."""
    unit = _properties(member)
    steps: list[tuple[str, Callable[[], None]]] = []
    if unit.get("UnitFileState") != "enabled":
        steps.append(("enable", lambda: _systemctl(member, "enable", "--quiet", UNIT)))
    if not member.data.exists():
        steps.append(("join", lambda: join(member)))
    elif unit.get("ActiveState") != "active":
        steps.append(("start", lambda: start(member)))
    elif _is_older(member, int(unit.get("MainPID") or 0)):
        steps.append(("restart", lambda: restart(member)))
    return steps


def _properties(member: Member) -> dict[str, str]:
    shown = member.run(["systemctl", "show", UNIT, "--property=ActiveState,UnitFileState,MainPID"]).stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def _is_older(member: Member, process: int) -> bool:
    """Say whether it runs with older settings than those on disk."""
    paths = [member.root / path for path in READ_AT_START]
    return max((newest_change(path) for path in paths if path.exists()), default=0.0) > started(process)


def _systemctl(member: Member, *words: str) -> None:
    done = member.run(["systemctl", *words])
    if done.code:
        raise Trouble(f"systemctl {' '.join(words)} failed: {done.output}")


def join(member: Member) -> None:
    """Begin a cluster with the others, or come to the one that they have.

    :raises Trouble: the others don't come.
    """
    there = member.others.members()
    urls, state = member.peer_urls(), "new"
    if there is not None:
        urls, state = added(member, there), "existing"
    settings = {
        "ETCD_INITIAL_CLUSTER": ",".join(f"{name}={address}" for name, address in urls.items()),
        "ETCD_INITIAL_CLUSTER_STATE": state,
    }
    member.first_start.parent.mkdir(mode=0o755, exist_ok=True)
    files.put(str(member.first_start), "".join(f"{name}={value}\n" for name, value in settings.items()))
    try:
        # It may have tried without these settings.
        _systemctl(member, "stop", UNIT)
        start(member, TOGETHER if state == "new" else SILENT)
    except Trouble:
        _systemctl(member, "stop", UNIT)
        raise
    finally:
        member.first_start.unlink(missing_ok=True)


def added(member: Member, there: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Have the others count this member, and no longer one of its address or those that the inventory has no more.

    :returns: where all members talk to each other, by name.
    """
    own = member.peer_urls()[member.name]
    # One that has never started tells clients nothing.
    is_awaited = any(own in one["peerURLs"] and not one.get("clientURLs") for one in there)
    # The name of one that has never started may be empty.
    strangers = [one for one in there if one.get("name") and one["name"] not in member.addresses]
    # A host of another name may have the address of the one that it replaces.
    namesakes = [one for one in there if own in one["peerURLs"] and not is_awaited and one not in strangers]
    gone = [*strangers, *namesakes]
    for one in gone:
        _said(member.others.control("member", "remove", f"{int(one['ID']):x}"), "remove a member that is gone")
    end = time.monotonic() + member.seconds
    while not is_awaited and (done := member.others.control("member", "add", member.name, f"--peer-urls={own}")).code:
        # Another one is being added, and the cluster waits for it.
        if time.monotonic() > end:
            _said(done, "take this host in")
        member.wait(2)
    names = {address: name for name, address in member.peer_urls().items()}
    now = [address for one in member.others.members() or there for address in one["peerURLs"]]
    return {names[address]: address for address in now if address in names} | {member.name: own}


def _said(done: Outcome, what: str) -> None:
    if done.code:
        raise Trouble(f"The members of etcd don't {what}: {done.output}", SILENT)


def start(member: Member, remedy: str = SILENT) -> None:
    """Start the member, and wait until it can take part in a decision, for which it needs the others.

    :raises Trouble: it can't.
    """
    _systemctl(member, "daemon-reload")
    # Not to be waited for: it counts as started when a majority has.
    _systemctl(member, "start", "--no-block", UNIT)
    end = time.monotonic() + member.seconds
    while not member.own.is_healthy():
        if time.monotonic() > end:
            said = journal(f"--unit={UNIT}", 8, run=member.run)
            raise Trouble(f"etcd on {member.name} has no majority after {member.seconds:.0f} seconds.", remedy, said)
        member.wait(0.5)


def restart(member: Member) -> None:
    """Restart the member, while all others can do without it.

    :raises Trouble: one of them doesn't answer.
    """
    end = time.monotonic() + member.seconds
    # In the order of their names, so that two runs at once don't take both of two members away.
    member.wait(3.0 * sorted(member.addresses).index(member.name))
    while not member.others.is_healthy():
        if time.monotonic() > end:
            raise Trouble(f"etcd on {member.name} can't be restarted: others of {', '.join(member.addresses)} are away.", SILENT)
        member.wait(0.5)
    _systemctl(member, "daemon-reload")
    _systemctl(member, "restart", "--no-block", UNIT)
    start(member)
