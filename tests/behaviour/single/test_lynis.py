"""Debian's auditor looks at a finished host: its index has a floor, and what it still says has a reason here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site

# The distribution makes no difference here.
pytestmark = pytest.mark.debian13

FLOOR = 65
REPORT, LOG = "/run/lynis.dat", "/run/lynis.log"
PROFILE = "/etc/lynis/custom.prf"
# Looks at each of the distribution's own authorities, for a minute and a half, to say which will expire.
SKIPPED = "CRYP-7902"

ACCEPTED = {
    "LYNIS": "Debian corrects its package itself.",
    "ACCT-9622": "Accounting of every process tells less than the journal and costs more.",
    "ACCT-9626": "Measuring is the monitoring's work.",
    "ACCT-9628": "auditd is an option, and a container can not run it.",
    "AUTH-9230": "Nobody has a password.",
    "AUTH-9262": "Nobody has a password.",
    "AUTH-9284": "Locked accounts are those of services.",
    "AUTH-9286": "Nobody has a password.",
    "AUTH-9328": "login.defs is Debian's own file; prompts get their umask from profile.d.",
    "BANN-7126": "/etc/issue belongs to Debian's package and would hold its updates back; the banner is in /etc/issue.d.",
    "BANN-7130": "As BANN-7126.",
    "BOOT-5122": "A container has no boot loader.",
    "BOOT-5180": "A container has no runlevel.",
    "BOOT-5264": "Units of ours have ceilings of their own in test_host.py; the others are Debian's.",
    "DBS-1828": "Debian keeps them readable; they hold no secret, and PostgreSQL's folder of data is closed.",
    "DEB-0280": "Services have a /tmp of their own.",
    "DEB-0810": "Security updates alone are installed by themselves.",
    "DEB-0811": "Nobody reads it where updates install themselves.",
    "DEB-0831": "playbooks/patch.yml restarts what an upgrade leaves behind.",
    "DEB-0880": "The SSH server penalises guessing by itself.",
    "FILE-6310": "Partitions are chosen when a server is installed.",
    "FILE-7524": "Modes that Debian gives its own files.",
    "FINT-4350": "A watch over files is the operator's choice.",
    "HOME-9304": "Homes of services, which hold what everybody may read.",
    "HRDN-7222": "Projects with native parts are built here.",
    "HRDN-7230": "Uploads are never run, and a scanner is the operator's choice.",
    "HTTP-6710": "A site behind another balancer speaks HTTP, and lynis knows one file of nginx alone.",
    "HTTP-6712": "Each site has a log of its own.",
    "KRNL-5788": "A container has no kernel of its own.",
    "KRNL-6000": "A container can not set the kernel's own values; docs/security.md says which others are left out.",
    "LOGG-2154": "Where logs go is the operator's choice.",
    "NAME-4028": "A name for the network is the operator's choice.",
    "NETW-3200": "The protocols are blocked in modprobe.d; lynis looks for other words.",
    "PKGS-7370": "apt checks signatures when it installs.",
    "PKGS-7394": "playbooks/status.yml counts the updates that wait.",
    "PKGS-7398": "unattended-upgrades installs what a scanner of packages would find.",
    "SSH-7408": "docs/security.md says which words are left out.",
    "STRG-1846": "The driver is blocked in modprobe.d where there is one.",
    "USB-1000": "Disks for backup and rescue are plugged in by whoever stands before the server.",
}


@pytest.fixture(scope="module")
def report(plain: Site, app: Machine) -> Iterator[str]:
    """What lynis has written."""
    app.run("DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends lynis >/dev/null")
    try:
        app.run(f"echo skip-test={SKIPPED} > {PROFILE}")
        app.run(f"cd /; lynis audit system --quick --quiet --no-colors --report-file {REPORT} --logfile {LOG} >/dev/null || true")
        yield app.run(f"cat {REPORT}")
    finally:
        app.run(f"rm -f {PROFILE} {REPORT} {LOG}; DEBIAN_FRONTEND=noninteractive apt-get -qq purge --yes lynis >/dev/null")


def test_lynis_finds_nothing_without_a_reason(report: str) -> None:
    found = re.findall(r"^(?:warning|suggestion)\[\]=([\w-]+)\|(.*)$", report, re.MULTILINE)
    assert found, report
    assert [f"{name}: {text}" for name, text in found if name not in ACCEPTED] == []


def test_the_index_of_lynis_has_a_floor(report: str, figure: Callable[[str], None]) -> None:
    index = int(report.partition("hardening_index=")[2].split()[0])
    figure(f"lynis: hardening index {index}")
    assert index >= FLOOR
