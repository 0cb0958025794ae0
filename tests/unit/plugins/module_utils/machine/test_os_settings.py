"""The step that puts a system's files into effect: it finds its own work, does it, and then finds none."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.os_settings import (
    MIB,
    Step,
    System,
    authority_steps,
    in_the_way,
    locale_steps,
    memory_of_others,
    service_steps,
    swap_steps,
    sysctl_steps,
)

SWAP = "/var/lib/hotclub/swapfile"
HEADER = "Filename\tType\tSize\tUsed\tPriority\n"


class Host(System):
    """A host whose files are in a folder and whose programs answer from a table."""

    def __init__(self, root: Path) -> None:
        super().__init__(self.answer, str(root))
        self.called: list[str] = []
        self.answers: dict[str, Outcome] = {}

    def answer(self, command: list[str]) -> Outcome:
        line = " ".join(command)
        self.called.append(line)
        return next((answer for part, answer in self.answers.items() if part in line), Outcome(0, ""))

    def write(self, path: str, text: str) -> Path:
        file = Path(self.path(path))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def take(steps: Iterable[Step]) -> list[tuple[str, str, str]]:
    taken = []
    for step in steps:
        step.take()
        taken.append((step.name, step.before, step.after))
    return taken


def test_kernel_settings_are_compared_as_the_kernel_writes_them(host: Host) -> None:
    host.write("/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n")
    wanted = {"net.ipv4.ip_local_port_range": "16384 65535"}

    assert take(sysctl_steps(host, wanted)) == [("net.ipv4.ip_local_port_range", "32768 60999", "16384 65535")]
    assert take(sysctl_steps(host, wanted)) == []


def test_a_kernel_without_a_setting_is_noted_and_fails_nothing(host: Host) -> None:
    assert take(sysctl_steps(host, {"net.no.such": 1})) == []
    assert host.notes == ["this kernel has no net.no.such"]


def test_a_setting_that_a_container_may_not_change_is_noted(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    file = host.write("/proc/sys/vm/swappiness", "60\n")

    def read_only(path: str, mode: str = "r", **_: str) -> object:
        if mode == "w":
            raise OSError(30, "Read-only file system", path)
        return file.open()

    monkeypatch.setattr("builtins.open", read_only)
    take(sysctl_steps(host, {"vm.swappiness": 10}))

    assert host.notes == ["vm.swappiness can't be changed from in here: it belongs to the machine below"]


def test_swap_is_made_once(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", lambda descriptor, _, size: os.truncate(descriptor, size))
    host.write("/proc/swaps", HEADER)

    assert take(swap_steps(host, SWAP, 2)) == [("swap", "0 MiB", "2 MiB")]
    assert Path(host.path(SWAP)).stat().st_size == 2 * MIB
    assert host.called[-1] == "systemctl restart var-lib-hotclub-swapfile.swap"

    host.write("/proc/swaps", HEADER + f"{SWAP} file 2044 0 -2\n")
    assert take(swap_steps(host, SWAP, 2)) == []


def test_swap_that_is_no_longer_wanted_goes(host: Host) -> None:
    host.write("/proc/swaps", HEADER + f"{SWAP} file 2044 0 -2\n")
    file = host.write(SWAP, "x" * 2 * MIB)

    assert take(swap_steps(host, SWAP, 0)) == [("swap", "2 MiB", "0 MiB")]
    assert host.called == [f"swapoff {SWAP}"]
    assert not file.exists()


def test_a_host_with_other_swap_keeps_it(host: Host) -> None:
    host.write("/proc/swaps", HEADER + "/dev/vda5 partition 2044 0 -2\n")

    assert take(swap_steps(host, SWAP, 1024)) == []
    assert host.notes == [f"/dev/vda5 is in use as swap, so there is no {SWAP}; os_swap_mb: 0 says so"]


def test_a_disk_without_room_for_swap_is_told_and_left_clean(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    with pytest.raises(Trouble, match=r"can't have 2 MiB: No space left on device\. Make room, or set os_swap_mb lower"):
        take(swap_steps(host, SWAP, 2))
    assert not Path(host.path(SWAP)).exists()


@pytest.mark.parametrize("locale", ["C.UTF-8", "C", "POSIX"])
def test_the_c_library_s_own_locales_need_nothing(host: Host, locale: str) -> None:
    assert take(locale_steps(host, locale)) == []
    assert host.called == []


def test_a_locale_is_built_and_the_system_s_others_stay(host: Host) -> None:
    file = host.write("/etc/locale.gen", "# en_US.UTF-8 UTF-8\nfr_FR.UTF-8 UTF-8\n")
    host.answers = {"locale -a": Outcome(0, "C\nC.utf8\n")}
    step = next(locale_steps(host, "de_DE.UTF-8"))
    host.answers = {"locale -a": Outcome(0, "C\nC.utf8\nde_DE.utf8\n")}
    step.take()

    assert file.read_text() == "# en_US.UTF-8 UTF-8\nfr_FR.UTF-8 UTF-8\nde_DE.UTF-8 UTF-8\n"
    assert "locale-gen" in host.called
    assert take(locale_steps(host, "de_DE.UTF-8")) == []


def test_a_locale_that_no_system_knows_is_named(host: Host) -> None:
    host.write("/etc/locale.gen", "")
    host.answers = {"locale -a": Outcome(0, "C\n")}

    with pytest.raises(Trouble, match=r"xx_XX.UTF-8 is no locale of this system. Correct os_locale"):
        take(locale_steps(host, "xx_XX.UTF-8"))


def test_the_trust_store_is_renewed_when_a_certificate_came_or_went(host: Host) -> None:
    certificate = host.write("/usr/local/share/ca-certificates/hotclub.crt", "x")
    store = host.write("/etc/ssl/certs/ca-certificates.crt", "x")
    os.utime(store, (1, 1))

    assert [step.name for step in authority_steps(host)] == ["trusted authorities"]

    os.utime(store, (time.time() + 5, time.time() + 5))
    assert list(authority_steps(host)) == []

    os.utime(store, (certificate.stat().st_mtime + 1,) * 2)
    certificate.unlink()
    os.utime(certificate.parent, (certificate.parent.stat().st_mtime + 2,) * 2)
    assert [step.name for step in authority_steps(host)] == ["trusted authorities"]


def unit(active: str = "active", enabled: str = "enabled", load: str = "loaded", age: float = 60) -> str:
    started = int((time.monotonic() - age) * 1_000_000)
    return f"LoadState={load}\nActiveState={active}\nUnitFileState={enabled}\nActiveEnterTimestampMonotonic={started}\n"


@pytest.mark.parametrize(
    ("state", "called"),
    [
        (unit(), []),
        (unit(active="inactive"), ["systemctl start systemd-timesyncd"]),
        (unit(active="failed", enabled="disabled"), ["systemctl enable systemd-timesyncd", "systemctl start systemd-timesyncd"]),
        (unit(enabled="static"), []),
    ],
)
def test_services_run_and_start_at_boot(host: Host, state: str, called: list[str]) -> None:
    host.answers = {"systemctl show": Outcome(0, state)}

    take(service_steps(host, ["systemd-timesyncd"]))

    assert [line for line in host.called if "show" not in line] == called


def test_a_daemon_older_than_its_files_is_restarted(host: Host) -> None:
    host.write("/etc/systemd/journald.conf.d/50-hotclub.conf", "[Journal]\n")
    host.answers = {"systemctl show": Outcome(0, unit(age=60))}

    assert [step.after for step in service_steps(host, ["systemd-journald"])] == ["running with these"]

    host.answers = {"systemctl show": Outcome(0, unit(age=-60))}
    assert list(service_steps(host, ["systemd-journald"])) == []


def test_a_service_that_is_not_there_is_named(host: Host) -> None:
    host.answers = {"systemctl show": Outcome(0, unit(load="not-found"))}

    with pytest.raises(Trouble, match="This host has no systemd-timesyncd"):
        take(service_steps(host, ["systemd-timesyncd"]))


@pytest.mark.parametrize(
    ("kind", "size_mb", "remedy"),
    [
        ("ext2/ext3", 1, []),
        ("btrfs", 1, ["Set os_swap_mb: 0, and make a swap partition or zram where the memory is short."]),
        ("xfs", 1 << 40, ["Make room, or set os_swap_mb lower."]),
    ],
)
def test_swap_that_can_not_be_made_is_refused_before_anything_changes(
    host: Host, kind: str, size_mb: int, remedy: list[str]
) -> None:
    host.write("/var/lib/dpkg/status", "")
    host.answers["stat --file-system --format=%T /var/lib"] = Outcome(0, f"{kind}\n")

    found = list(in_the_way(host, SWAP, size_mb))

    assert [finding.remedy for finding in found] == remedy
    assert all(finding.refused for finding in found)


@pytest.mark.parametrize(("free", "asked"), [(3_000_000, False), (900_000, True)])
def test_memory_that_others_need_is_asked_about(host: Host, free: int, asked: bool) -> None:
    host.write("/proc/meminfo", f"MemTotal:        4000000 kB\nMemFree:          100000 kB\nMemAvailable:    {free} kB\n")

    assert bool(list(memory_of_others(host))) is asked
