"""Hosts on which nothing could be done: one message with the remedy, and nothing is changed."""

from __future__ import annotations

import dataclasses

import pytest

from tests.behaviour.kit.sites import Site

pytestmark = pytest.mark.about("look", "survey", "packages", "postgresql", "site")


@dataclasses.dataclass(frozen=True)
class Sickness:
    """What is wrong with a host, what heals it, and what a run has to say."""

    fall_ill: str
    recover: str
    told: tuple[str, ...]


BROKEN = """
mkdir -p /tmp/broken/DEBIAN
cd /tmp/broken/DEBIAN
printf 'Package: hotclub-broken\\nVersion: 1\\nArchitecture: all\\nMaintainer: nobody\\nDescription: fails\\n' > control
printf '#!/bin/sh\\nexit 1\\n' > postinst
chmod 755 postinst
dpkg-deb --root-owner-group --build /tmp/broken /tmp/broken.deb
! dpkg --install /tmp/broken.deb
dpkg --remove --force-depends logrotate
"""
MEND = "rm -r /tmp/broken*; dpkg --purge --force-all hotclub-broken; apt-get --quiet --yes install logrotate"
SERVER = "postgresql@$(basename /etc/postgresql/*)-main"
SETTING = "/etc/postgresql/*/main/conf.d"

SICK = {
    "no Python": Sickness(
        "mkdir /root/away && mv /usr/bin/python3* /root/away",
        "mv /root/away/* /usr/bin && rmdir /root/away",
        ("has no /usr/bin/python3", "apt-get install --yes python3"),
    ),
    "a full disk": Sickness(
        "mount -t tmpfs -o size=2m full /tmp && ! cat /dev/zero > /tmp/filling 2>/dev/null",
        "umount --lazy /tmp",
        ("The disk is full: /tmp", "df -h shows where"),
    ),
    "an interrupted dpkg": Sickness(
        "touch /var/lib/dpkg/updates/0001",
        "rm /var/lib/dpkg/updates/0001",
        ("dpkg was interrupted", "Run dpkg --configure -a on the host"),
    ),
    "a package that can't be configured": Sickness(
        BROKEN,
        MEND,
        ("hotclub-broken (half-configured)", "Run dpkg --configure -a on the host", "can't install logrotate"),
    ),
    "a masked PostgreSQL": Sickness(
        f"systemctl mask --quiet --now {SERVER}",
        f"systemctl unmask --quiet {SERVER}; systemctl start postgresql",
        ("Nothing has been changed", "is masked on", "systemctl unmask postgresql@"),
    ),
    "a PostgreSQL with a broken configuration": Sickness(
        f"echo 'work_mem 4MB = nonsense' > $(echo {SETTING})/zz.conf; systemctl stop {SERVER}",
        f"rm {SETTING}/zz.conf; systemctl start {SERVER}",
        ("Nothing has been changed", "refuses its configuration", "conf.d/zz.conf", "Correct that file on the host"),
    ),
}


@pytest.mark.parametrize("name", SICK)
def test_a_sick_host_gets_one_message_with_the_remedy(plain: Site, name: str) -> None:
    sickness = SICK[name]
    try:
        plain.app.run(sickness.fall_ill)
        run = plain.play("site").must_fail()
    finally:
        plain.app.run(f"{sickness.recover}; true")
    assert [words for words in sickness.told if not run.says(words)] == [], run
    assert run.changed == 0, run
    assert "Traceback" not in run.output, run


def test_once_it_is_well_there_is_nothing_to_do(plain: Site) -> None:
    run = plain.play("site").must_succeed()
    assert run.changed == 0, run
    assert plain.visitor.get("/").status == 200
