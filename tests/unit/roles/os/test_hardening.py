"""What a real host is hardened with; a container's kernel is its machine's, so that only the files can be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

Render = Callable[..., str]
REAL: dict[str, Any] = {"memtotal_mb": 4096, "virtualization_tech_guest": ["kvm"], "all_ipv6_addresses": ["2001:db8::1"]}
CONTAINER = REAL | {"virtualization_tech_guest": ["docker", "container"]}
SYSCTL = "etc/sysctl.d/60-hotclub.conf.j2"


def settings(text: str) -> dict[str, str]:
    """Return kernel settings by name."""
    return dict(re.findall(r"^([\w.]+) = (.*)$", text, re.MULTILINE))


def test_the_kernel_is_hardened(render: Render) -> None:
    found = settings(render("os", SYSCTL, ansible_facts=REAL))

    wanted = {
        "fs.protected_regular": "2",
        "fs.suid_dumpable": "0",
        "kernel.core_pattern": "|/bin/false",
        "kernel.kptr_restrict": "2",
        "kernel.unprivileged_bpf_disabled": "1",
        "net.ipv4.conf.all.accept_redirects": "0",
        "net.ipv4.conf.default.rp_filter": "2",
        "net.ipv6.conf.all.accept_redirects": "0",
    }
    assert {name: found.get(name) for name in wanted} == wanted


def test_a_container_hardens_its_own_network_alone(render: Render) -> None:
    found = settings(render("os", SYSCTL, ansible_facts=CONTAINER))

    assert {name.partition(".")[0] for name in found} == {"net"}
    assert found["net.ipv4.conf.all.send_redirects"] == "0"


def test_a_host_without_ipv6_gets_no_settings_of_it(render: Render) -> None:
    assert "net.ipv6" not in render("os", SYSCTL, ansible_facts=REAL | {"all_ipv6_addresses": []})


def test_hardening_is_a_choice(render: Render) -> None:
    found = settings(render("os", SYSCTL, ansible_facts=REAL, os_hardening_enabled=False))

    assert "kernel.kptr_restrict" not in found and "net.core.somaxconn" in found


def test_a_setting_of_one_s_own_wins(render: Render) -> None:
    found = settings(render("os", SYSCTL, ansible_facts=REAL, os_sysctl={"kernel.sysrq": 176}))

    assert found["kernel.sysrq"] == "176"


def test_blocked_drivers_are_not_loaded_by_name_either(render: Render) -> None:
    text = render("os", "etc/modprobe.d/hotclub.conf.j2", os_blocked_modules=["dccp", "udf"])

    assert "install dccp /bin/false\nblacklist dccp\ninstall udf /bin/false\nblacklist udf\n" in text


@pytest.mark.parametrize(
    "line",
    [
        "-w /etc/sudoers.d/ -p wa -k rights",
        "-w /etc/ssh/ -p wa -k ways_in",
        "-a always,exit -F arch=b64 -S init_module,finit_module,delete_module -k drivers",
    ],
)
def test_the_audit_watches_rights_ways_in_and_drivers(render: Render, line: str) -> None:
    assert f"\n{line}\n" in render("os", "etc/audit/rules.d/50-hotclub.rules.j2")


def test_every_rule_of_the_audit_is_one_that_auditctl_knows(render: Render) -> None:
    rules = [
        line for line in render("os", "etc/audit/rules.d/50-hotclub.rules.j2").splitlines() if line and not line.startswith("#")
    ]
    form = re.compile(r"-w /\S+ -p [rwxa]+ -k \w+|-a always,exit( -F [\w/=><!.-]+| -S [\w,]+)+ -k \w+")

    assert [rule for rule in rules if not form.fullmatch(rule)] == []


def test_nothing_is_run_from_shared_memory(render: Render) -> None:
    unit = render("os", "etc/systemd/system/hotclub-mounts.service.j2")

    assert "mount -o remount,nosuid,nodev,noexec /dev/shm\n" in unit and "WantedBy=sysinit.target\n" in unit
