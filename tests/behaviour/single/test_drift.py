"""What somebody has altered by hand on a converged host: a check tells it, and the next run repairs it."""

from __future__ import annotations

import dataclasses

import pytest

from tests.behaviour.kit.sites import Site
from tests.load import constant_load, judge

pytestmark = [pytest.mark.debian13, pytest.mark.about("site", "os", "postgresql", "system_accounts", "certificates")]


@dataclasses.dataclass(frozen=True)
class Drift:
    """One thing that is altered.

    :param alter: a script that does it.
    :param look: a script that prints what it is about; the same before and after a repair.
    :param told: what an operator reads of it.
    """

    alter: str
    look: str
    told: str


NGINX = "/etc/nginx/sites-enabled/plain.conf"
CERTIFICATE = "/etc/ssl/hotclub/plain"
UNIT = "/etc/systemd/system/plain@.service"
SYSCTL = "/etc/sysctl.d/90-hotclub.conf"
POSTGRES = "cd / && runuser -u postgres -- psql -XAtq"

KINDS = {
    "the content of a file": Drift(f"echo '# by hand' >> {NGINX}", f"sha256sum {NGINX}", NGINX),
    "the mode of a file": Drift(
        "chmod 0644 /srv/plain/etc/environment", "stat -c '%a %U' /srv/plain/etc/environment", "environment"
    ),
    "a file of a unit": Drift(
        f"sed -i '/^NoNewPrivileges/d' {UNIT} && systemctl daemon-reload",
        "systemctl show --property NoNewPrivileges $(systemctl list-units --plain --no-legend --full 'plain@*' | cut -d' ' -f1)",
        UNIT,
    ),
    "a unit that starts at boot": Drift(
        "systemctl disable --quiet plain.socket nginx postgresql", "systemctl is-enabled plain.socket nginx postgresql", "nginx"
    ),
    "a unit that runs": Drift(
        "systemctl disable --quiet --now hotclub-firewall",
        "systemctl is-enabled hotclub-firewall; systemctl is-active hotclub-firewall",
        "enable --now",
    ),
    "a package": Drift("dpkg --remove --force-depends logrotate", "dpkg-query -W -f '${Status}' logrotate", "logrotate"),
    "a setting of the kernel": Drift(
        "sysctl -qw net.ipv4.tcp_slow_start_after_idle=1",
        "sysctl net.ipv4.tcp_slow_start_after_idle",
        "tcp_slow_start_after_idle",
    ),
    "an account": Drift(
        "usermod --shell /bin/bash plain && gpasswd --delete plain-build plain",
        "getent passwd plain; id -nG plain-build",
        "shell of plain",
    ),
    "a right in the database": Drift(
        f"{POSTGRES} -c 'ALTER ROLE plain SUPERUSER'",
        f"{POSTGRES} -c \"SELECT rolsuper FROM pg_authid WHERE rolname = 'plain'\"",
        "change account plain",
    ),
    "a setting of the database": Drift(
        f"{POSTGRES} -c \"ALTER SYSTEM SET work_mem = '1MB'\" -c 'SELECT pg_reload_conf()'",
        f"{POSTGRES} -c 'SHOW work_mem'",
        "reset of work_mem",
    ),
    "a certificate": Drift(
        f"cd {CERTIFICATE}/current && openssl req -x509 -nodes -newkey rsa:2048 -days 1 -subj /CN=plain.example"
        " -keyout privkey.pem -out fullchain.pem 2>/dev/null",
        f"openssl verify -CAfile {CERTIFICATE}/authority.pem {CERTIFICATE}/fullchain.pem 2>&1 | tail -1",
        "another authority has issued it",
    ),
}


def looks(site: Site) -> dict[str, str]:
    return {what: site.app.run(f"({kind.look}); true") for what, kind in KINDS.items()}


def test_what_was_altered_by_hand_is_told_by_a_check_and_repaired_by_a_run(plain: Site) -> None:
    before = looks(plain)
    for kind in KINDS.values():
        plain.app.run(kind.alter)
    altered = looks(plain)
    assert [what for what in KINDS if altered[what] == before[what]] == [], "not altered at all"
    assert plain.visitor.get("/").status == 200

    check = plain.play("site", "--check").must_succeed()
    assert [what for what, kind in KINDS.items() if not check.says(kind.told)] == [], f"not told:\n{check.message}"
    assert looks(plain) == altered, "a check has changed something"

    # Each request on a connection of its own, since nginx is reloaded, which closes idle ones.
    plan = plain.load(rate=20, fresh_every=1)
    with constant_load(plan) as load:
        repair = plain.play("site").must_succeed()
    verdict = judge(load.finish(), plain.stored(plan))
    assert [what for what, kind in KINDS.items() if not repair.says(kind.told)] == [], f"not told:\n{repair.message}"
    after = looks(plain)
    assert [what for what in KINDS if after[what] != before[what]] == [], f"not repaired: {after}"
    assert verdict.flawless, str(verdict)
    assert plain.play("site").must_succeed().changed == 0
