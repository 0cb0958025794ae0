"""What the lab finds out about the machine that it runs on."""

from __future__ import annotations

import socket

import pytest

from lab import machine
from lab.errors import LabError
from lab.hosts import FIRST_ADDRESS, free_address, free_port, port_is_free
from lab.machine import default_route_device, ensure_inotify, free_networks, private_certificates, proxy_lines

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
ens3\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
"""
NETWORK = "10.9.8.0/28"


def certificate(name: str, line_length: int = 64) -> str:
    body = (name * 40).upper()
    lines = [body[start : start + line_length] for start in range(0, len(body), line_length)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])


def test_private_certificates_are_those_that_the_distribution_does_not_bring() -> None:
    bundle = f"# public\n{certificate('one')}{certificate('company')}{certificate('two')}"
    public = [certificate("one", line_length=48), certificate("two")]
    assert private_certificates(bundle, public) == certificate("company")


def test_a_machine_without_a_company_has_no_private_certificates() -> None:
    assert private_certificates(certificate("one"), [certificate("one")]) == ""


def test_the_default_route_names_the_way_out() -> None:
    assert default_route_device(ROUTES) == "ens3"
    assert default_route_device(ROUTES.splitlines()[0]) == ""


def test_address_ranges_that_the_machine_uses_are_left_alone() -> None:
    candidates = ["172.17.0.0/24", "10.0.0.0/24"]
    assert free_networks(candidates, ROUTES) == ["10.0.0.0/24"]
    assert free_networks(candidates, "") == candidates


def test_only_proxy_settings_are_copied_to_the_hosts() -> None:
    dump = "\n".join(
        [
            'APT::Architecture "amd64";',
            'Acquire::http::Proxy "http://proxy.example:3128";',
            'Acquire::http::Proxy::archive.example "DIRECT";',
            'Acquire::https::Proxy "";',
            'Acquire::Languages "none";',
        ]
    )
    assert proxy_lines(dump).splitlines() == dump.splitlines()[1:3]


def test_a_host_keeps_its_address_and_gives_way_to_others() -> None:
    first = free_address("hotclub-web1", NETWORK, [])
    assert free_address("hotclub-web1", NETWORK, []) == first
    assert free_address("hotclub-web1", NETWORK, [first]) != first


def test_a_full_network_is_named() -> None:
    everything = [f"10.9.8.{number}" for number in range(1, 15)]
    assert len(everything) > FIRST_ADDRESS
    with pytest.raises(LabError, match=NETWORK):
        free_address("hotclub-web1", NETWORK, everything)


def test_a_port_in_use_is_left_alone() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not port_is_free(listener.getsockname()[1])
    assert free_port(range(8443, 8463)) >= 8463


class Limit:
    """Stands for the kernel's file."""

    def __init__(self, value: int, writable: bool) -> None:
        self.value = value
        self.writable = writable

    def exists(self) -> bool:
        return True

    def read_text(self, encoding: str) -> str:
        return f"{self.value}\n"

    def write_text(self, text: str, encoding: str) -> None:
        if not self.writable:
            raise PermissionError
        self.value = int(text)


def test_a_low_inotify_limit_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit(128, writable=True)
    monkeypatch.setattr(machine, "INOTIFY_LIMIT", limit)
    assert ensure_inotify(1) == ""
    assert limit.value == machine.INOTIFY_WANTED


def test_a_limit_that_can_not_be_raised_comes_with_the_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "INOTIFY_LIMIT", Limit(128, writable=False))
    assert "sudo sysctl fs.inotify.max_user_instances=1024" in ensure_inotify(1)
    with pytest.raises(LabError, match="sudo sysctl"):
        ensure_inotify(30)


def test_a_high_limit_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = Limit(8192, writable=True)
    monkeypatch.setattr(machine, "INOTIFY_LIMIT", limit)
    assert ensure_inotify(40) == ""
    assert limit.value == 8192
