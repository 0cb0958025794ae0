"""Starts, waits for, restarts and removes lab hosts."""

from __future__ import annotations

import json
import re
import shlex
import socket
import time
import uuid
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from ipaddress import IPv4Network
from pathlib import Path
from shutil import rmtree
from typing import Any

from docker.models.containers import Container

from lab import docker
from lab.commands import hand_over, run, tail
from lab.errors import LabError
from lab.inventory import Lab, Member, overlay_text
from lab.machine import ca_bundle, private_ca
from lab.paths import GIT, PRIVATE_CA, SSH_KEY, STATE

BOOT_SECONDS = 120
SSH_SECONDS = 60
STOP_SECONDS = 60

LAB_LABEL = "hotclub.name"
MEMBER_LABEL = "hotclub.host"
SUITE_LABEL = "hotclub.suite"

FIRST_ADDRESS = 10
# Of a balancer; published on this machine from the one below on.
WEB_PORT = 443
FIRST_PORT = 8443
WEB_GROUP = "lb"

# For what runs on a host that the collection has not prepared.
CA_PATH = "/etc/lab/ca-bundle.pem"
VOLUMES = {"hotclub-apt": "/var/cache/lab/apt", "hotclub-uv": "/var/cache/lab/uv"}

# --privileged would be shorter, and fails on machines that lack CAP_SYS_RESOURCE themselves.
MACHINE_OPTIONS = {
    "cap_add": ["ALL"],
    "cap_drop": ["SYS_RESOURCE"],
    "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
    "cgroupns": "private",
    "tmpfs": {"/run": "", "/run/lock": ""},
    "shm_size": "1g",
}


@dataclass(frozen=True)
class LabHost:
    """A lab host as the engine has it."""

    container: str
    lab: str
    member: str
    suite: str
    state: str
    address: str
    port: int | None
    # Which container it is: another one of the same name is another host.
    identity: str

    @property
    def url(self) -> str:
        """Return where a browser on this machine finds the host's port 443."""
        return f"https://127.0.0.1:{self.port}/" if self.port else ""


def hosts(lab: Lab | None = None) -> list[LabHost]:
    """Return the lab hosts of this checkout, or those of one inventory."""
    of_the_lab = [] if lab is None else [f"{LAB_LABEL}={lab.name}"]
    return [_described_by(found) for found in docker.containers(docker.OWNER_LABEL, MEMBER_LABEL, *of_the_lab)]


def find(name: str) -> LabHost:
    """Return a lab host by its container's name, with or without `hotclub-`."""
    known = hosts()
    for host in known:
        if name in (host.container, host.container.removeprefix("hotclub-")):
            return host
    names = ", ".join(host.container.removeprefix("hotclub-") for host in known) or "none at all"
    raise LabError(f"There is no lab host {name}. These exist: {names}.")


def start(lab: Lab, members: Sequence[Member], image: str, suite: str) -> None:
    """Bring up a container for each host of an inventory and wait until systemd and SSH answer."""
    GIT.mkdir(parents=True, exist_ok=True)
    lab.folder.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time():
        _make_ssh_key()
        for member in members:
            _bring_up(lab, member, image, suite)
    for member in members:
        wait(lab.container(member.name))


def connect(lab: Lab, variables: Mapping[str, object]) -> None:
    """Write the overlay inventory and the host keys, and prove that SSH reaches each host."""
    known = hosts(lab)
    lab.known_hosts.write_text("".join(map(_host_key_line, known)), encoding="utf-8")
    lab.overlay.write_text(overlay_text(described(lab, variables)), encoding="utf-8")
    for host in known:
        _wait_for_ssh(host)


def described(lab: Lab, variables: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Return the variables of each lab host: how Ansible reaches it, and these."""
    return {host.member: {**_connection(lab, host), **variables} for host in hosts(lab)}


def restart(host: LabHost) -> None:
    """Reboot a host, as far as a container can."""
    _close_ssh(host.container)
    with docker.told(f"restart {host.container}"):
        docker.existing(host.container).restart(timeout=STOP_SECONDS)
    wait(host.container)


def start_again(host: LabHost) -> None:
    """Boot a host that went down, when it is down, and wait until it has; the connections to what it was are forgotten."""
    if not _runs(host.container):
        _close_ssh(host.container)
        docker.start(host.container)
    wait(host.container)


def bake(host: LabHost, image: str) -> None:
    """Make an image of a host with all that is installed on it; it starts in seconds with an identity of its own."""
    _close_ssh(host.container)
    with docker.told(f"stop {host.container}"):
        docker.existing(host.container).stop(timeout=STOP_SECONDS)
    try:
        docker.commit(host.container, image)
    finally:
        docker.start(host.container)
    wait(host.container)


def remove(lab: Lab) -> list[str]:
    """Remove the lab hosts of an inventory and what the lab wrote about them; return their names."""
    return remove_named(lab.name)


def remove_named(name: str) -> list[str]:
    """Remove lab hosts by the name under which the lab keeps their inventory's files; return their names."""
    gone = [host for host in hosts() if host.lab == name]
    for host in gone:
        remove_host(host)
    rmtree(STATE / name, ignore_errors=True)
    return [host.container for host in gone]


def remove_host(host: LabHost) -> None:
    """Remove one lab host; what the lab wrote about its inventory stays."""
    _close_ssh(host.container)
    docker.remove_container(host.container)


def ssh_command(host: LabHost, words: Sequence[str] = ()) -> list[str | Path]:
    """Return the command that opens an SSH session on a host."""
    folder = STATE / host.lab
    return ["ssh", *_ssh_options(folder / "known_hosts"), "-i", SSH_KEY, f"root@{host.address}", *words]


def open_shell(host: LabHost, words: Sequence[str]) -> int:
    """Run a command on a host through SSH on the reader's terminal; without a command, a shell."""
    return hand_over(ssh_command(host, words))


def wait(container: str) -> None:
    """Wait until systemd on a host has finished booting."""
    deadline = time.monotonic() + BOOT_SECONDS
    state = ""
    while time.monotonic() < deadline:
        if not _runs(container):
            raise LabError(f"{container} stopped while it booted.", detail=_last_words(container))
        state = _told_by(container, "systemctl", "is-system-running").strip()
        if state in ("running", "degraded"):
            return
        time.sleep(0.3)
    raise LabError(
        f"{container} did not finish booting within {BOOT_SECONDS} s (systemd says: {state or 'nothing'}).",
        detail=_last_words(container),
    )


def free_address(name: str, network: str, taken: Collection[str]) -> str:
    """Return an address for a host: the one that its name gives, so that it stays the same, or the next free one."""
    candidates = [str(address) for address in IPv4Network(network).hosts()][FIRST_ADDRESS:]
    first = zlib.crc32(name.encode()) % len(candidates)
    for address in candidates[first:] + candidates[:first]:
        if address not in taken:
            return address
    raise LabError(f"All addresses of the lab's network {network} are taken.")


def spare_address(number: int = 0) -> str:
    """Return an address of the lab's network, with its prefix length, that no host ever gets: for hosts to pass on among them.

    Each checkout has its own, as far as there are enough; number asks for further ones.
    """
    network = IPv4Network(docker.subnet())
    # The first of all is the network's own.
    candidates = [address for address in list(network.hosts())[1:FIRST_ADDRESS] if str(address) not in _addresses()]
    if not candidates:
        raise LabError(f"The first addresses of the lab's network {network} are all taken.")
    return f"{candidates[(zlib.crc32(str(STATE).encode()) + number) % len(candidates)]}/{network.prefixlen}"


def free_port(taken: Collection[int]) -> int:
    """Return a port of 127.0.0.1 that nothing listens on."""
    for port in range(FIRST_PORT, FIRST_PORT + 100):
        if port not in taken and port_is_free(port):
            return port
    raise LabError(f"No port between {FIRST_PORT} and {FIRST_PORT + 99} is free on 127.0.0.1.")


def port_is_free(port: int) -> bool:
    """Tell whether nothing listens on a port of 127.0.0.1."""
    if not port:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _bring_up(lab: Lab, member: Member, image: str, suite: str) -> None:
    container = lab.container(member.name)
    known = docker.container(container)
    if known is None:
        _create(lab, member, image, suite)
    else:
        labels = known.labels
        owner = labels.get(docker.LABEL)
        if f"{docker.LABEL}={owner}" != docker.OWNER_LABEL:
            raise LabError(f"The container {container} belongs to {owner or 'something else'}. Run `make clean` there.")
        if labels[SUITE_LABEL] != suite:
            remedy = f"python -m lab down {lab.inventory.name}" + (f" --prefix {lab.prefix}" if lab.prefix else "")
            raise LabError(f"{container} runs {labels[SUITE_LABEL]}, not {suite}. Remove it first: {remedy}")
        if known.status != "running":
            _close_ssh(container)
    docker.start(container)


def _create(lab: Lab, member: Member, image: str, suite: str) -> None:
    container = lab.container(member.name)
    network = docker.ensure_network()
    address = free_address(container, docker.subnet(), _addresses())
    client = docker.engine().api
    published = _publish(lab, member)
    with docker.told(f"make {container}"):
        client.create_container(
            image,
            name=container,
            hostname=host_name(member.name),
            detach=True,
            stop_signal="SIGRTMIN+3",
            stop_timeout=STOP_SECONDS,
            labels={docker.LABEL: docker.OWNER, LAB_LABEL: lab.name, MEMBER_LABEL: member.name, SUITE_LABEL: suite},
            environment={
                "LAB_IDENTITY": f"{container} {uuid.uuid4()}",
                "LAB_AUTHORIZED_KEY": SSH_KEY.with_suffix(".pub").read_text(encoding="utf-8").strip(),
            },
            ports=list(published),
            networking_config={"EndpointsConfig": {network: docker.endpoint(address)}},
            host_config=client.create_host_config(
                network_mode=network, binds=_mounts(), port_bindings=published, **MACHINE_OPTIONS
            ),
        )


def host_name(member: str) -> str:
    """Return a host name that the kernel takes: an inventory name may be a domain or have underscores."""
    return re.sub(r"[^a-z0-9-]", "-", member.lower().split(".")[0]).strip("-")[:63] or "host"


def _mounts() -> list[str]:
    bundle = ca_bundle()
    return [
        *(f"{docker.ensure_volume(volume)}:{path}" for volume, path in VOLUMES.items()),
        f"{GIT}:/srv/git:ro",
        *([f"{bundle.resolve()}:{CA_PATH}:ro"] if bundle is not None and private_ca() else []),
    ]


def _publish(lab: Lab, member: Member) -> dict[int, tuple[str, int]]:
    """Return where a balancer's port 443 is published on this machine: on the port that it had before."""
    if WEB_GROUP not in member.groups:
        return {}
    file = lab.folder / "ports.json"
    ports: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    others = {host.port for host in hosts() if host.port}
    port = ports.get(member.name, 0)
    if port in others or not port_is_free(port):
        port = free_port(others)
    file.write_text(json.dumps({**ports, member.name: port}), encoding="utf-8")
    return {WEB_PORT: ("127.0.0.1", port)}


def _connection(lab: Lab, host: LabHost) -> dict[str, object]:
    return {
        "private_address": host.address,
        "ansible_host": host.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(SSH_KEY),
        "ansible_ssh_common_args": shlex.join(_ssh_options(lab.known_hosts)),
        "ansible_control_path": _control_path(host.container),
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def certificate_variables() -> dict[str, object]:
    """Return the variable that makes the hosts trust the authorities in front of the package index."""
    certificates = private_ca()
    if not certificates:
        return {}
    PRIVATE_CA.parent.mkdir(parents=True, exist_ok=True)
    PRIVATE_CA.write_text(certificates, encoding="utf-8")
    return {"site_ca_bundle_path": str(PRIVATE_CA)}


def _ssh_options(known_hosts: Path) -> list[str]:
    options = {"UserKnownHostsFile": known_hosts, "StrictHostKeyChecking": "yes", "IdentitiesOnly": "yes"}
    return [word for name, value in options.items() for word in ("-o", f"{name}={value}")]


def _control_path(container: str) -> str:
    return f"~/.ansible/cp/lab-{container.removeprefix('hotclub-')}"


def _close_ssh(container: str) -> None:
    """End the connection that Ansible keeps open: to a host that is gone it would hang."""
    run(["ssh", "-O", "exit", "-o", f"ControlPath={_control_path(container)}", "lab"], check=False)


def _wait_for_ssh(host: LabHost) -> None:
    deadline = time.monotonic() + SSH_SECONDS
    options = ["-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
    command = ["ssh", *options, *ssh_command(host, ["true"])[1:]]
    while True:
        done = run(command, check=False)
        if done.returncode == 0:
            return
        if time.monotonic() > deadline:
            raise LabError(f"{host.container} does not answer SSH at {host.address}.", detail=tail(done.stderr))
        time.sleep(0.5)


def _host_key_line(host: LabHost) -> str:
    key = docker.output(host.container, "cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()
    return f"{host.address} {key[0]} {key[1]}\n"


def _make_ssh_key() -> None:
    if not SSH_KEY.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", SSH_KEY])


def _described_by(found: Container) -> LabHost:
    known, labels = found.attrs, found.labels
    bindings = (known["HostConfig"]["PortBindings"] or {}).get(f"{WEB_PORT}/tcp") or [{}]
    port = bindings[0].get("HostPort")
    return LabHost(
        container=str(found.name),
        lab=labels[LAB_LABEL],
        member=labels[MEMBER_LABEL],
        suite=labels[SUITE_LABEL],
        state=found.status,
        address=_address(known),
        port=int(port) if port else None,
        identity=str(found.id),
    )


def _address(known: Mapping[str, Any]) -> str:
    own = known["NetworkSettings"]["Networks"].get(docker.NETWORK) or {}
    return str((own.get("IPAMConfig") or {}).get("IPv4Address") or own.get("IPAddress") or "")


def _addresses() -> set[str]:
    """Return the addresses of all lab hosts, stopped ones and other checkouts' included."""
    return {_address(found.attrs) for found in docker.containers(network=docker.NETWORK)}


def _runs(container: str) -> bool:
    known = docker.container(container)
    return known is not None and known.status == "running"


def _told_by(container: str, *words: str) -> str:
    """Return what a command says in a host, if it can be run there."""
    try:
        return docker.execute(container, *words)[1]
    except LabError:
        return ""


def _last_words(container: str) -> str:
    """Return what a host's journal, or before there is one its console, said last."""
    journal = _told_by(container, "journalctl", "--boot", "--no-pager", "--lines=40")
    jobs = _told_by(container, "systemctl", "list-jobs", "--no-pager")
    with docker.told(f"read the console of {container}"):
        console = docker.existing(container).logs(tail=40).decode(errors="replace")
    return f"{console}\n{jobs}\n{journal}"


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep two starts at once from choosing the same address or port, or making the same key."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "lock").open("w", encoding="utf-8") as lock:
        flock(lock, LOCK_EX)
        yield
