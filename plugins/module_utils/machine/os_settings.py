# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a running system does, compared with what its files say: each part finds its own work and can do it."""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run
from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding

MIB = 1024 * 1024
# File systems on which a file that is made in the usual way is no swap.
NO_SWAP_FILES = ("btrfs", "zfs", "bcachefs")
# A share of the memory that is free on a host with nothing but its own services.
LEAST_FREE = 0.5


@dataclass(frozen=True)
class Step:
    """One thing to bring about: how it is, how it shall be, and what brings it there."""

    name: str
    before: str
    after: str
    take: Callable[[], None]


@dataclass
class System:
    """The running system; the root is another folder in tests."""

    run: Run
    root: str = "/"
    notes: list[str] = field(default_factory=list)

    def path(self, absolute: str) -> str:
        """Return where a path of the system is."""
        return os.path.join(self.root, absolute.lstrip("/"))

    def read(self, absolute: str) -> str:
        """Return the content of a file; nothing when it is not there."""
        try:
            with open(self.path(absolute), encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def call(self, command: Sequence[str], remedy: str) -> str:
        """Run a program that has to succeed."""
        done = self.run(list(command))
        if done.code:
            raise Trouble(f"{' '.join(command)} failed: {done.output or f'exit code {done.code}'}", remedy)
        return done.stdout


# --- kernel settings


def sysctl_steps(system: System, wanted: Mapping[str, object]) -> Iterator[Step]:
    """Find kernel settings that differ; what this kernel doesn't have, or keeps to itself, becomes a note."""
    for name, value in wanted.items():
        path = "/proc/sys/" + name.replace(".", "/")
        if not os.path.exists(system.path(path)):
            system.notes.append(f"this kernel has no {name}")
            continue
        before, after = words(system.read(path)), words(str(value))
        if before != after:
            yield Step(name, before, after, lambda name=name, path=path, after=after: set_sysctl(system, name, path, after))  # type: ignore[misc]


def words(text: str) -> str:
    """Return a text with single spaces between its words."""
    return " ".join(text.split())


def set_sysctl(system: System, name: str, path: str, value: str) -> None:
    """Write a kernel setting."""
    try:
        with open(system.path(path), "w", encoding="utf-8") as file:
            file.write(value)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise Trouble(f"The kernel refuses {name} = {value}: {error.strerror}. Correct os_sysctl.") from error
        system.notes.append(f"{name} can't be changed from in here: it belongs to the machine below")


# --- swap


def swap_steps(system: System, path: str, size_mb: int) -> Iterator[Step]:
    """Find out whether the swap file is missing, of another size, or no longer wanted."""
    active = active_swap(system)
    others = [other for other in active if other != path]
    found_mb = os.path.getsize(system.path(path)) // MIB if os.path.exists(system.path(path)) else 0
    if others and size_mb and path not in active:
        system.notes.append(f"{others[0]} is in use as swap, so there is no {path}; os_swap_mb: 0 says so")
        return
    if size_mb == found_mb and (path in active or size_mb == 0):
        return
    yield Step(
        "swap", f"{found_mb if path in active else 0} MiB", f"{size_mb} MiB", lambda: make_swap(system, path, size_mb, active)
    )


def active_swap(system: System) -> list[str]:
    """Return the files and devices that are in use as swap."""
    return [line.split()[0] for line in system.read("/proc/swaps").splitlines()[1:] if line.strip()]


def make_swap(system: System, path: str, size_mb: int, active: Sequence[str]) -> None:
    """Make, replace or remove the swap file; its unit is a file of the role."""
    if path in active:
        system.call(
            ["swapoff", path], "The memory does not hold what is in swap. Make memory free, or leave os_swap_mb as it was."
        )
    if os.path.exists(system.path(path)):
        os.unlink(system.path(path))
    if size_mb == 0:
        return
    reserve(system, path, size_mb)
    remedy = "This file system or machine does not do swap files. Set os_swap_mb: 0 for this host."
    unit = path.strip("/").replace("-", "\\x2d").replace("/", "-") + ".swap"
    system.call(["mkswap", path], remedy)
    system.call(["systemctl", "daemon-reload"], remedy)
    system.call(["systemctl", "enable", "--quiet", unit], remedy)
    system.call(["systemctl", "restart", unit], remedy)


def in_the_way(system: System, path: str, size_mb: int) -> Iterator[Finding]:
    """Yield why a swap file that is wanted can't be made."""
    folder = next((parent for parent in Path(path).parents if os.path.isdir(system.path(str(parent)))), Path("/"))
    kind = system.run(["stat", "--file-system", "--format=%T", str(folder)]).stdout.strip()
    if kind in NO_SWAP_FILES:
        yield Finding(
            f"{folder} is on {kind}, where a swap file can't be made like elsewhere.",
            "Set os_swap_mb: 0, and make a swap partition or zram where the memory is short.",
            refused=True,
        )
    room = os.statvfs(system.path(str(folder)))
    if (free := room.f_bavail * room.f_frsize // MIB) < size_mb:
        yield Finding(
            f"{path} is to have {size_mb} MiB of swap, and {folder} has {free} MiB left.",
            "Make room, or set os_swap_mb lower.",
            refused=True,
        )


def memory_of_others(system: System) -> Iterator[Finding]:
    """Yield that others need most of the memory, of which a site would count on all."""
    told = dict(re.findall(r"^(\w+): +(\d+) kB$", system.read("/proc/meminfo"), re.MULTILINE))
    total, free = (int(told.get(name, 0)) // 1024 for name in ("MemTotal", "MemAvailable"))
    if free < total * LEAST_FREE:
        yield Finding(
            f"Other programs use {total - free} of {total} MiB of memory. Workers and database would be sized for all of it.",
            "Set gunicorn_workers and postgresql_memory_mb to what fits beside them, or add memory.",
        )


def reserve(system: System, path: str, size_mb: int) -> None:
    """Give a file its blocks; a file with holes can't be swap."""
    os.makedirs(os.path.dirname(system.path(path)), mode=0o755, exist_ok=True)
    descriptor = os.open(system.path(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size_mb * MIB)
    except OSError as error:
        os.unlink(system.path(path))
        raise Trouble(f"{path} can't have {size_mb} MiB: {error.strerror}. Make room, or set os_swap_mb lower.") from error
    finally:
        os.close(descriptor)


# --- locale


def locale_steps(system: System, locale: str) -> Iterator[Step]:
    """Find out whether the locale has to be built."""
    if re.match(r"(C|POSIX)(\.|$)", locale):
        return
    known = {same_spelling(name) for name in system.run(["locale", "-a"]).stdout.split()}
    if same_spelling(locale) not in known:
        yield Step(f"locale {locale}", "not built", "built", lambda: build_locale(system, locale))


def same_spelling(locale: str) -> str:
    """Return a locale's name as the C library spells it: en_US.UTF-8 is en_US.utf8."""
    name, _dot, encoding = locale.partition(".")
    return f"{name}.{encoding.lower().replace('-', '')}"


def build_locale(system: System, locale: str) -> None:
    """Add the locale to those that the system builds, and build it."""
    lines = system.read("/etc/locale.gen").splitlines()
    if f"{locale} UTF-8" not in (words(line) for line in lines):
        with open(system.path("/etc/locale.gen"), "w", encoding="utf-8") as file:
            file.write("\n".join([*lines, f"{locale} UTF-8"]) + "\n")
    system.call(["locale-gen"], f"Correct os_locale ({locale}); /usr/share/i18n/SUPPORTED on the host lists what can be built.")
    if next(locale_steps(system, locale), None):
        raise Trouble(
            f"{locale} is no locale of this system. Correct os_locale; /usr/share/i18n/SUPPORTED on the host lists them."
        )


# --- certificate authorities

OWN_AUTHORITIES = "/usr/local/share/ca-certificates"
TRUST_STORE = "/etc/ssl/certs/ca-certificates.crt"


def authority_steps(system: System) -> Iterator[Step]:
    """Find out whether the trust store is older than the certificates that were added or taken away."""
    newest = newest_change(system, [OWN_AUTHORITIES, *files_in(system, OWN_AUTHORITIES)])
    if os.path.exists(system.path(TRUST_STORE)) and newest > changed_at(system, TRUST_STORE):
        yield Step("trusted authorities", "as before", "renewed", lambda: renew_trust(system))


def renew_trust(system: System) -> None:
    """Let the system take added certificates into its trust store, and lost ones out."""
    system.call(["update-ca-certificates"], "See whether os_ca_bundle_path holds certificates in PEM form.")


def files_in(system: System, folder: str) -> list[str]:
    """Return the files in a folder of the system."""
    try:
        return [f"{folder}/{name}" for name in os.listdir(system.path(folder))]
    except FileNotFoundError:
        return []


def newest_change(system: System, paths: Sequence[str]) -> float:
    """Return when the newest of some files changed."""
    return max((changed_at(system, path) for path in paths), default=0.0)


def changed_at(system: System, path: str) -> float:
    """Return when a file changed; the beginning of time when there is none."""
    try:
        return os.stat(system.path(path)).st_mtime
    except FileNotFoundError:
        return 0.0


# --- services


def service_steps(system: System, services: Sequence[str]) -> Iterator[Step]:
    """Find services that don't run, don't start at boot, or run with an older configuration than the files say."""
    for service in services:
        yield from one_service_steps(system, service)


def one_service_steps(system: System, service: str) -> Iterator[Step]:
    """Find what one service needs."""
    unit = properties_of(system, service)
    if unit["LoadState"] != "loaded":
        yield Step(service, "not there", "running", lambda: missing_service(service))
        return
    if unit["UnitFileState"] == "disabled":
        yield Step(f"{service} at boot", "disabled", "enabled", lambda: control(system, "enable", service))
    if unit["ActiveState"] != "active":
        yield Step(service, unit["ActiveState"], "running", lambda: control(system, "start", service))
    elif newest_change(system, configuration_of(system, service)) > started_at(unit):
        yield Step(service, "running with older settings", "running with these", lambda: control(system, "restart", service))


def properties_of(system: System, service: str) -> dict[str, str]:
    """Return what systemd knows of a service."""
    names = ("LoadState", "ActiveState", "UnitFileState", "ActiveEnterTimestampMonotonic")
    output = system.run(["systemctl", "show", f"--property={','.join(names)}", service]).stdout
    found = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    return {name: found.get(name, "") for name in names}


def started_at(unit: Mapping[str, str]) -> float:
    """Return when a service started, on the clock that files have."""
    since_boot = int(unit["ActiveEnterTimestampMonotonic"] or 0) / 1_000_000
    return time.time() - time.monotonic() + since_boot


def configuration_of(system: System, service: str) -> list[str]:
    """Return the folder of a systemd daemon's drop-in files, and the files."""
    folder = f"/etc/systemd/{service.removeprefix('systemd-')}.conf.d"
    return [folder, *files_in(system, folder)]


def missing_service(service: str) -> None:
    """Tell that a service can't be started."""
    raise Trouble(f"This host has no {service}. See whether its package was installed.")


def control(system: System, verb: str, service: str) -> None:
    """Let systemd do something with a service."""
    system.call(["systemctl", verb, service], f"journalctl -u {service} on the host says more.")
