"""A site's process that somebody else steers: what it can read, change and reach. docs/security.md tells the same in words."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.kit import intrusion
from tests.behaviour.kit.sites import Site

pytestmark = pytest.mark.about("gunicorn", "os")

REPLACED = "Type|NotifyAccess|Sockets|NonBlocking|Restart|RestartSec|ExecStart"
PROGRAM = "/run/taken-over.py"
REPORT = "/run/taken-over.json"
METADATA = "169.254.169.254"
# Nobody is there, and nothing on the way is asked.
SOMEWHERE = "192.0.2.1"
PORTS = {"a low one": 81, "the database's": 5433, "a handed out one": 33333}
REFUSED = {"EPERM", "EACCES", "EAFNOSUPPORT"}


def run_in_place_of(site: Site, wanted: dict[str, Any]) -> dict[str, Any]:
    """Run the intrusion from a copy of the site's own unit, in which only the program is another one."""
    unit = f"/run/systemd/system/{site.name}-taken-over@.service"
    written = base64.b64encode(Path(intrusion.__file__).read_bytes()).decode()
    release = f"{site.root}/releases/%i"
    # The unit's percent signs and quotes have a meaning of their own.
    given = json.dumps(wanted).replace("\\", "\\\\").replace('"', '\\"')
    changes = "\n".join(
        [
            "Type=oneshot",
            f'ExecStart={release}/venv/bin/python {PROGRAM} "{given}"',
            f"StandardOutput=truncate:{REPORT}",
            "StandardError=journal",
        ]
    )
    machine = site.app
    machine.run(
        f"echo {written} | base64 --decode > {PROGRAM}; chmod 0644 {PROGRAM}; mkdir -p /run/systemd/system;"
        f" grep -vE '^({REPLACED})=' /etc/systemd/system/{site.name}@.service > {unit};"
        f" printf '[Service]\\n%s\\n' {shlex.quote(changes)} >> {unit}; systemctl daemon-reload"
    )
    try:
        machine.run(f"systemctl start {site.name}-taken-over@{site.current()}.service")
        found: dict[str, Any] = json.loads(machine.run(f"cat {REPORT}"))
    finally:
        machine.run(f"rm -f {unit} {PROGRAM} {REPORT}; systemctl daemon-reload")
    return found


def what_to_read(own: Site, other: Site, pid: int) -> list[str]:
    """Secrets of the host, of another site and of the site's own builds."""
    return [
        *("/etc/shadow", "/etc/gshadow", "/etc/sudoers.d", "/etc/ssh/ssh_host_ed25519_key", "/etc/ssl/private", "/root", "/home"),
        *("/var/lib/postgresql", "/var/log/nginx", "/var/log/postgresql", "/var/log/journal", "/boot"),
        # The rest of that folder are lists of packages, which come with a daily timer and are for everybody.
        *("/var/backups/shadow.bak", "/var/backups/gshadow.bak"),
        *(f"{other.root}/{folder}" for folder in ("etc", "lib", "releases", "venvs", "shared", "repo")),
        *(f"{own.root}/{name}" for name in ("repo", "cache", "etc/environment")),
        *(f"/proc/{pid}/environ", f"/proc/{pid}/cmdline", "/proc/kcore", "/proc/kmsg"),
    ]


@pytest.fixture(scope="module")
def loot(gallery: Site, plain: Site) -> dict[str, Any]:
    """All that the taken-over process of the gallery got."""
    pid = int(plain.app.run(f"systemctl show --value --property MainPID {plain.instances()[0]}"))
    listening = plain.app.run("ss --listening --tcp --numeric --no-header --ipv4 | awk '{print $4}'").split()
    wanted = {
        "read": what_to_read(gallery, plain, pid),
        "connect": [
            f"/run/{plain.name}/http.sock",
            f"/run/{gallery.name}/http.sock",
            *sorted({f"127.0.0.1:{address.rpartition(':')[2]}" for address in listening}),
        ],
        "listen": list(PORTS.values()),
        "send": [METADATA, SOMEWHERE],
        "signal": [1, pid],
        "commands": [
            ["sudo", "-n", "true"],
            ["systemctl", "--no-ask-password", "restart", "nginx.service"],
            ["systemd-run", "--no-ask-password", "true"],
            ["crontab", "-"],
        ],
        "databases": [gallery.name, plain.name, "postgres"],
    }
    return run_in_place_of(gallery, wanted)


def test_it_is_the_site_s_account_and_no_other(loot: dict[str, Any], gallery: Site) -> None:
    assert set(loot["account"]) == {int(gallery.app.run(f"id -u {gallery.name}")), int(gallery.app.run(f"id -g {gallery.name}"))}


def test_it_reads_no_secret_of_the_host_or_of_another_site(loot: dict[str, Any]) -> None:
    assert {path: files for path, files in loot["readable"].items() if files} == {}


def test_it_changes_nothing_but_what_the_site_stores(loot: dict[str, Any], gallery: Site) -> None:
    own = {f"{gallery.root}/shared/media", f"{gallery.root}/library-cache"}
    assert set(loot["writable"]) == own | {"/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue"}


def test_it_sees_and_signals_no_process_of_another_account(loot: dict[str, Any]) -> None:
    assert loot["processes"] == []
    assert set(loot["signal"].values()) <= {"EPERM", "ESRCH"}


def test_the_kernel_offers_it_little(loot: dict[str, Any]) -> None:
    assert {
        name: why for name, why in {**loot["syscalls"], **loot["sockets"]}.items() if why not in (*REFUSED, "EAFNOSUPPORT")
    } == {}


def test_it_becomes_nobody_else(loot: dict[str, Any]) -> None:
    assert [words for words, code in loot["commands"].items() if code == 0] == []


def test_it_reaches_its_own_database_and_no_other(loot: dict[str, Any], gallery: Site) -> None:
    assert [name for name, why in loot["databases"].items() if not why] == [gallery.name]


def test_on_the_host_it_reaches_only_the_web_server_the_database_and_ssh(loot: dict[str, Any]) -> None:
    assert {address for address, why in loot["connect"].items() if not why} == {
        f"127.0.0.1:{port}" for port in (22, 80, 443, 5432)
    }


def test_outside_it_reaches_everything_but_the_host_s_own_credentials(loot: dict[str, Any]) -> None:
    assert loot["send"] == {METADATA: "EPERM", SOMEWHERE: ""}


def test_it_takes_no_other_service_s_place(loot: dict[str, Any], gallery: Site) -> None:
    taken = {name for name, port in PORTS.items() if not loot["listen"][str(port)]}
    # Debian 12's systemd is built without what refuses a port.
    assert taken == {"a handed out one"} | ({"the database's"} if gallery.lab.codename == "bookworm" else set())
