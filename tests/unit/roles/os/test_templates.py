"""What the templates of the os role become."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest


def test_kernel_settings_with_their_reasons(render: Callable[..., str]) -> None:
    facts = {"memtotal_mb": 4096, "virtualization_tech_guest": []}

    text = render("os", "etc/sysctl.d/60-hotclub.conf.j2", ansible_facts=facts, os_sysctl={"vm.swappiness": 1, "fs.file-max": 9})

    assert "more file cache.\nvm.swappiness = 1\n" in text
    assert "fs.file-max = 9\n" in text


def test_a_container_s_file_promises_nothing_that_belongs_to_the_machine(render: Callable[..., str]) -> None:
    facts = {"memtotal_mb": 4096, "virtualization_tech_guest": ["docker", "container"]}

    assert "vm." not in render("os", "etc/sysctl.d/60-hotclub.conf.j2", ansible_facts=facts)


@pytest.mark.parametrize(("memory_mb", "swap_mb"), [(512, "1024"), (1500, "1500"), (1970, "0"), (8192, "0")])
def test_swap_only_where_memory_is_short(render: Callable[..., str], memory_mb: int, swap_mb: str) -> None:
    facts = {"memtotal_mb": memory_mb, "virtualization_tech_guest": []}

    assert f"of {swap_mb} MiB" in render("os", "etc/systemd/system/_swap_.j2", ansible_facts=facts)


@pytest.mark.parametrize(
    ("hour", "lines"), [("", ['Automatic-Reboot "false"']), ("04:30", ['Reboot "true"', 'Reboot-Time "04:30"'])]
)
def test_updates(render: Callable[..., str], hour: str, lines: list[str]) -> None:
    text = render(
        "os",
        "etc/apt/apt.conf.d/90hotclub.j2",
        os_security_updates_reboot_time=hour,
        os_security_updates_excluded=["docker-"],
    )

    assert all(line in text for line in lines)
    assert '    "docker-";\n' in text


def test_updates_by_night_leave_alone_what_visitors_would_notice(render: Callable[..., str]) -> None:
    text = render("os", "etc/apt/apt.conf.d/90hotclub.j2")
    excluded = text.partition("Package-Blacklist {")[2].partition("}")[0]

    for package in ("nginx", "nginx-common", "libnginx-mod-http-brotli-filter", "haproxy", "keepalived", "postgresql-17"):
        assert any(re.match(pattern, package) for pattern in re.findall(r'"(.*)";', excluded)), package
    assert not any(re.match(pattern, "libpq5") for pattern in re.findall(r'"(.*)";', excluded))

    told = render("os", "etc/needrestart/conf.d/hotclub.conf.j2")
    assert "$nrconf{override_rc}{qr(^postgresql)} = 0;\n" in told
