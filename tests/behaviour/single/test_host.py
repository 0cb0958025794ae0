"""The host under the site: what the site's own processes may do, and how the host is set up."""

from __future__ import annotations

import json

import pytest

from tests.behaviour.kit.confinement import CEILINGS, assert_confined, assert_exposure
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.reach import scan_from_outside
from tests.behaviour.kit.sites import Site

pytestmark = pytest.mark.about("os", "firewall", "gunicorn")


def inside(site: Site, script: str) -> bool:
    """Whether a shell command succeeds as the site's account, seeing the host as the site's processes see it."""
    pid = site.app.run(f"systemctl show --value --property MainPID {site.instances()[0]}")
    enter = f"nsenter --target {pid} --mount --pid=/proc/{pid}/ns/pid --setuid $(id -u {site.name}) --setgid $(id -g {site.name})"
    return site.app.succeeds(f"{enter} sh -c '{script}'")


@pytest.mark.parametrize(
    "path",
    [
        "/etc",
        "/usr/local/bin",
        "/srv",
        "/srv/gallery",
        "/srv/gallery/releases",
        "/srv/gallery/current/src",
        "/srv/plain/shared/media",
        "/root",
        "/home",
    ],
)
def test_the_site_cannot_write_elsewhere(gallery: Site, plain: Site, path: str) -> None:
    assert not inside(gallery, f"touch {path}/written-by-the-site"), f"the site can write to {path}"


def test_the_site_can_write_its_media(gallery: Site) -> None:
    assert inside(gallery, "touch /srv/gallery/shared/media/a-file && rm /srv/gallery/shared/media/a-file")


def test_the_site_has_a_tmp_of_its_own(gallery: Site) -> None:
    assert inside(gallery, "touch /tmp/only-the-site-sees-this")
    assert not gallery.app.succeeds("test -e /tmp/only-the-site-sees-this")


def test_the_build_account_cannot_change_a_finished_release(plain: Site) -> None:
    for target in ("current/src/manage.py", "current/venv/bin/python", "current/RELEASE.json"):
        assert not plain.app.succeeds(f"cd / && runuser -u plain-build -- sh -c 'echo x >> {plain.root}/{target}'"), target


def test_no_process_of_the_site_is_root(plain: Site) -> None:
    owners = plain.app.run(f"ps -o user:32= $(systemctl show --value --property MainPID {plain.instances()[0]})")
    assert owners == "plain", owners
    group = plain.app.run(f"systemctl show --value --property ControlGroup {plain.instances()[0]}")
    others = plain.app.run(f"for pid in $(cat /sys/fs/cgroup{group}/cgroup.procs); do stat -c %U /proc/$pid; done | sort -u")
    assert others == "plain", others


@pytest.mark.parametrize("unit", ["plain@{}.service", "plain-probe@{}.service"])
def test_exposure_stays_below_its_ceiling(plain: Site, unit: str) -> None:
    assert_exposure(plain.app, unit.format(plain.current()), CEILINGS["site"])


def test_only_root_can_change_what_runs(plain: Site, gallery: Site) -> None:
    code = " ".join(
        f"{site.root}/{folder}" for site in (plain, gallery) for folder in ("etc", "lib", "releases", "venvs", "static")
    )
    # Debian leaves PostgreSQL's configuration to PostgreSQL.
    found = plain.app.run(
        f"find {code} /etc /usr /opt /var/www -path /etc/postgresql -prune -o"
        r" ! -type l \( ! -user root -o -perm -o+w -o -perm -g+w ! -group root \) -print"
    )
    assert found == "", f"others than root can change:\n{found}"


def test_nginx_is_confined(plain: Site, lb: Machine) -> None:
    assert_confined(lb, "nginx.service")


def test_workers_follow_cores_and_memory(plain: Site) -> None:
    cores = int(plain.app.run("nproc"))
    master = plain.app.run(f"systemctl show --value --property MainPID {plain.instances()[0]}")
    workers = int(plain.app.run(f"pgrep --count --parent {master}"))
    assert 1 <= workers <= 2 * cores + 1, workers


def test_there_is_room_for_web_sockets_and_for_a_deploys_connections(plain: Site, app: Machine) -> None:
    """Each of two instances has its workers, with four threads each; the probe has one, and there may be two commands."""
    master = app.run(f"systemctl show --value --property MainPID {plain.instances()[0]}")
    assert app.succeeds(f"grep -E '^Max open files +16384 +16384 ' /proc/{master}/limits")
    workers = int(app.run(f"pgrep --count --parent {master}"))
    needs = json.loads(app.run(f"cat /etc/postgresql/*/main/hotclub.d/{plain.name}.json"))
    count = sum(needs["connections"].values())
    assert count == 4 * (2 * workers + 1) + 2
    assert int(plain.database.value("SHOW max_connections")) >= 100
    refused = plain.play("site", postgresql_max_connections=20).must_fail()
    assert refused.says("Nothing has been changed", "would take 20 connections", f"{plain.name} {count} ("), refused
    assert refused.changed == 0, refused


def test_time_is_utc_and_kept_in_step(plain: Site, app: Machine) -> None:
    assert app.run("date +%Z") == "UTC"
    assert app.succeeds("systemctl is-enabled systemd-timesyncd || systemctl is-enabled chrony")


def test_the_journal_does_not_fill_the_disk(plain: Site, app: Machine) -> None:
    assert app.succeeds("systemd-analyze cat-config systemd/journald.conf | grep -E '^SystemMaxUse=[1-9]'")


def test_security_updates_are_installed_by_themselves(plain: Site, app: Machine) -> None:
    assert app.run("apt-config dump APT::Periodic::Unattended-Upgrade").endswith('"1";')
    tried = app.run("unattended-upgrade --dry-run --debug 2>&1 | grep -i 'allowed origins' | head -1")
    assert "ecurity" in tried, tried
    alone = app.run("apt-config dump Unattended-Upgrade::Package-Blacklist")
    assert all(f'"{package}";' in alone for package in ("haproxy", "keepalived", "nginx", "postgresql")), alone
    app.run("apt-get -qq update")
    assert app.succeeds("test -s /var/lib/hotclub/waiting-updates.json")


def test_the_kernel_queues_a_web_servers_connections(plain: Site, app: Machine) -> None:
    assert int(app.run("sysctl --values net.core.somaxconn")) >= 1024


def test_the_network_is_hardened(plain: Site, app: Machine) -> None:
    wanted = {
        **dict.fromkeys(("accept_redirects", "accept_source_route", "secure_redirects", "send_redirects"), "0"),
        "log_martians": "1",
        "rp_filter": "2",
    }
    found = app.run(f"cd /proc/sys/net/ipv4/conf/all; for name in {' '.join(wanted)}; do echo $name $(cat $name); done")
    assert dict(line.split() for line in found.splitlines()) == wanted


def test_no_program_leaves_a_dump_and_no_prompt_a_file_for_everybody(plain: Site, app: Machine) -> None:
    pid = app.run(f"systemctl show --value --property MainPID {plain.instances()[0]}")
    assert app.succeeds(f"grep -E '^Max core file size +0 +0 ' /proc/{pid}/limits")
    assert app.run("su - nobody -s /bin/sh -c umask") == "0027"


def test_nothing_but_the_web_server_and_ssh_listens_to_the_world(plain: Site, app: Machine) -> None:
    listening = app.run("ss --listening --tcp --numeric --no-header | awk '{print $4}'").split()
    outside = {address.rpartition(":")[2] for address in listening if not address.startswith(("127.", "[::1]"))}
    assert outside <= {"22", "80", "443"}, f"{listening}"


def test_only_the_web_server_and_ssh_answer_from_outside(plain: Site, lb: Machine) -> None:
    """Although something else listens to the world: every port is tried, from a machine that no inventory names."""
    stray = "python3 -m http.server 4999 --directory /usr/share/zoneinfo"
    lb.run(f"systemd-run --quiet --collect --unit stray {stray}")
    try:
        assert scan_from_outside([lb.address]) == {lb.address: [22, 80, 443]}
    finally:
        lb.run("systemctl stop stray")
