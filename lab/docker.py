"""What the lab asks of the Docker engine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import docker as sdk
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import EndpointConfig, IPAMConfig, IPAMPool
from requests.exceptions import RequestException

from lab.commands import tail
from lab.errors import LabError
from lab.machine import free_networks, network_mtu, read_routes
from lab.paths import ROOT

LABEL = "hotclub.lab"
OWNER = str(ROOT)
# Hosts belong to the checkout that started them, so that two checkouts on one machine leave each other alone.
OWNER_LABEL = f"{LABEL}={OWNER}"

NETWORK = "hotclub"
SUBNETS = tuple(f"10.{second}.0.0/24" for second in (213, 214, 197, 182, 143))

# The longest that the engine takes: to make an image of a host.
CALL_SECONDS = 300
PING_SECONDS = 20


@cache
def engine(seconds: int = CALL_SECONDS) -> sdk.DockerClient:
    """Return the engine, or what DOCKER_HOST names; each of its answers may take so many seconds.

    :raises DockerException: it does not answer.
    """
    return sdk.from_env(timeout=seconds)


def answers() -> bool:
    """Tell whether a Docker engine answers; whose it is doesn't matter."""
    try:
        return bool(engine(PING_SECONDS).ping())
    except (DockerException, RequestException):
        return False


@contextmanager
def told(deed: str) -> Iterator[None]:
    """Let what the engine refuses end in a message.

    :param deed: what was asked of it, as the message says it: "start app1".
    """
    try:
        yield
    except (DockerException, RequestException) as error:
        raise LabError(f"Docker could not {deed}.", detail=str(error)) from error


def image_exists(name: str) -> bool:
    """Tell whether the engine has an image of that name."""
    with told(f"look for the image {name}"):
        return bool(engine().images.list(name=name))


def containers(*labels: str, network: str = "", status: str = "") -> list[Container]:
    """Return the containers, running or not, that have all these labels, in order of their names."""
    filters: dict[str, str | list[str]] = {"label": list(labels)}
    filters |= {"network": network} if network else {}
    filters |= {"status": status} if status else {}
    with told("list its containers"):
        # One that somebody removes meanwhile is none.
        found = engine().containers.list(all=True, filters=filters, ignore_removed=True)
    return sorted(found, key=lambda container: str(container.name))


def container(name: str) -> Container | None:
    """Return a container as it is now, or None when there is none of that name."""
    with told(f"look at {name}"):
        try:
            return engine().containers.get(name)
        except NotFound:
            return None


def existing(name: str) -> Container:
    """Return a container.

    :raises LabError: there is none of that name.
    """
    found = container(name)
    if found is None:
        raise LabError(f"There is no container {name}.")
    return found


def start(name: str) -> None:
    """Start a container unless it runs."""
    with told(f"start {name}"):
        existing(name).start()


def execute(name: str, *words: str) -> tuple[int, str]:
    """Run a command in a container and return its exit code and all that it said."""
    with told(f"run {words[0]} in {name}"):
        done = existing(name).exec_run(list(words))
    return int(done.exit_code), done.output.decode(errors="replace")


def output(name: str, *words: str) -> str:
    """Return what a command in a container said.

    :raises LabError: the command failed.
    """
    code, said = execute(name, *words)
    if code != 0:
        raise LabError(f"{words[0]} failed in {name}.", detail=tail(said))
    return said


def copy_into(name: str, sources: dict[str, Path]) -> None:
    """Copy files and folders of this machine into a container, owned by root.

    :param sources: each by its path in the container.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for target, source in sources.items():
            archive.add(source, target.strip("/") or ".", filter=_owned_by_root)
    with told(f"copy files into {name}"):
        existing(name).put_archive("/", packed.getvalue())


def commit(name: str, image: str, *changes: str) -> None:
    """Make an image of a container.

    :param changes: to the image's settings, in words of a Dockerfile.
    """
    repository, _, tag = image.partition(":")
    with told(f"make an image of {name}"):
        existing(name).commit(repository, tag, changes="\n".join((f"LABEL {LABEL}=image", *changes)))


def remove_container(name: str) -> None:
    """Remove a container, running or not, if it is there."""
    with told(f"remove {name}"), suppress(NotFound):
        engine().containers.get(name).remove(force=True, v=True)


def endpoint(address: str) -> EndpointConfig:
    """Return what gives a container an address of its own choice on the lab's network."""
    return EndpointConfig(engine().api.api_version, ipv4_address=address)


def ensure_network() -> str:
    """Return the lab's network; make it in the first address range that the machine has free."""
    if _network() is not None:
        return NETWORK
    mtu = network_mtu()
    options = {"com.docker.network.driver.mtu": str(mtu)} if mtu else {}
    said = ""
    for subnet in free_networks(SUBNETS, read_routes()):
        ranges = IPAMConfig(pool_configs=[IPAMPool(subnet=subnet)])
        try:
            engine().networks.create(NETWORK, driver="bridge", options=options, ipam=ranges, labels={LABEL: "network"})
        except APIError as error:
            said = str(error)
        else:
            return NETWORK
    raise LabError(f"No network for the lab could be made: of {', '.join(SUBNETS)} none is free.", detail=said)


def subnet() -> str:
    """Return the address range of the lab's network."""
    network = _network()
    if network is None:
        raise LabError("The lab has no network; start a host first.")
    return str(network["IPAM"]["Config"][0]["Subnet"])


def remove_network() -> None:
    """Remove the lab's network unless another checkout's hosts are on it."""
    _unless_in_use(engine().networks.list(names=[NETWORK]), lambda network: network.remove())


def ensure_volume(name: str) -> str:
    """Return a volume that lab hosts share; make it where it is not there."""
    with told(f"make the volume {name}"):
        engine().volumes.create(name, labels={LABEL: "cache"})
    return name


def remove_volumes() -> None:
    """Remove the volumes that lab hosts share, unless another checkout's hosts use them."""
    _unless_in_use(engine().volumes.list(filters={"label": LABEL}), lambda volume: volume.remove())


def remove_images() -> None:
    """Remove every image that the lab made, unless another checkout's hosts use it."""
    _unless_in_use(engine().images.list(filters={"label": LABEL}), lambda image: engine().images.remove(image.id, force=True))


def _unless_in_use(objects: Sequence[Any], remove: Callable[[Any], None]) -> None:
    for found in objects:
        try:
            remove(found)
        except APIError:
            # Somebody still uses it.
            continue


def _network() -> dict[str, Any] | None:
    with told(f"look at the network {NETWORK}"):
        # By the exact name: the engine's own filter takes parts of names.
        found = [network for network in engine().networks.list(names=[NETWORK]) if network.name == NETWORK]
    return dict(found[0].attrs) if found else None


def _owned_by_root(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member
