"""Who listens on a host, whom a firewall would cut off, and who holds a port."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.listeners import Listener, cut_off, holders, listeners

SHOWN = """\
udp   UNCONN 0      0           127.0.0.54:53         0.0.0.0:*    users:(("systemd-resolve",pid=90,fd=20))
udp   UNCONN 0      0        10.0.0.5%eth0:68         0.0.0.0:*    users:(("systemd-network",pid=80,fd=10))
udp   UNCONN 0      0            127.0.0.1:323        0.0.0.0:*    users:(("chronyd",pid=70,fd=5))
udp   UNCONN 0      0                [::1]:323           [::]:*    users:(("chronyd",pid=70,fd=6))
udp   UNCONN 0      0              0.0.0.0:51820      0.0.0.0:*
udp   UNCONN 0      0                 [::]:51820         [::]:*
udp   UNCONN 0      0              0.0.0.0:5355       0.0.0.0:*    users:(("systemd-resolve",pid=90,fd=12))
tcp   LISTEN 0      4096           0.0.0.0:8080       0.0.0.0:*    users:(("docker-proxy",pid=4396,fd=4))
tcp   LISTEN 0      128            0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=1,fd=3))
tcp   LISTEN 0      511                  *:80               *:*    users:(("apache2",pid=9,fd=4),("apache2",pid=8,fd=4))
tcp   LISTEN 0      100                  *:25               *:*    users:(("master",pid=9,fd=4))
tcp   LISTEN 0      128   [::ffff:127.0.0.1]:8005         *:*      users:(("java",pid=9,fd=4))
tcp   LISTEN 0      128         172.17.0.1:5000       0.0.0.0:*    users:(("registry",pid=9,fd=4))
"""
RULES = """\
add rule inet hotclub flows tcp dport 22 goto ssh comment "SSH"
add rule inet hotclub flows ip saddr 10.0.0.1 tcp dport 4000-5000 accept comment "somebody has decided about these"
add rule inet hotclub flows tcp dport 80 accept comment "visitors: udp"
"""


def shown() -> list[Listener]:
    return listeners(lambda command: Outcome(0, SHOWN))


def test_what_is_reached_and_has_no_rule_is_named_with_the_line_that_keeps_it_open() -> None:
    found = list(cut_off(shown(), RULES))

    assert [finding.what.partition(" can ")[0] for finding in found] == [
        "Port 25/tcp (master)",
        "Port 51820/udp (the kernel, as for WireGuard)",
    ]
    assert '{port: 25, protocol: tcp, sources: ["0.0.0.0/0", "::/0"], why: master}' in found[0].remedy
    assert not any(finding.refused for finding in found)


def test_who_holds_a_port_that_is_needed_is_named_and_no_consent_helps() -> None:
    [found] = holders(shown(), [80, 443], "nginx")

    assert found.what == "Port 80/tcp is held by apache2, and nginx needs it."
    assert found.refused
    assert list(holders(shown(), [80], "apache2")) == []
