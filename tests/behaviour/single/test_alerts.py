"""A host tells of its troubles by itself: each once, and once when it is over; and gives a sign of life while there are none."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.behaviour.kit.confinement import assert_exposure
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site

# Apprise of Debian 12 is called in the same way.
pytestmark = [pytest.mark.debian13, pytest.mark.about("watch", "site", "status")]

RECEIVER = Path(__file__).parents[1] / "kit" / "alert_receiver.py"
PORT = 9799


@dataclass
class Watched:
    """The site with a watch, and those who are told on the host itself."""

    site: Site
    hook: str
    life: str

    @property
    def host(self) -> Machine:
        return self.site.app

    def receive(self, takes: bool = True) -> None:
        """Take what is sent, or take nothing any more."""
        self.host.run(f"systemctl {'start' if takes else 'stop'} alert-receiver")

    def look(self, times: int = 1) -> list[dict[str, str]]:
        """Have the host look, and return what it has sent."""
        before = len(self._taken())
        for _ in range(times):
            self.host.run(f"systemctl start {self.site.name}-watch.service")
        return self._taken()[before:]

    def told(self, times: int = 1) -> list[tuple[str, list[str]]]:
        """Have the host look, and return the messages, each as its title and its lines."""
        return [(each["title"], each["text"].splitlines()) for each in self.look(times) if each["path"] == f"/{self.hook}"]

    def _taken(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.host.run("cat /run/alert-receiver.log").splitlines()]

    def want(self, **said: int) -> None:
        """Change what the host calls too little, until the next run."""
        path = f"/etc/hotclub/watch/{self.site.name}.json"
        wanted = json.loads(self.host.run(f"cat {path}"))
        wanted["look"] |= said
        self.host.run(f"cat > {path} << 'EOF'\n{json.dumps(wanted)}\nEOF")


@pytest.fixture
def watched(plain: Site) -> Iterator[Watched]:
    """The site, whose host tells a receiver of its own."""
    hook, life = f"h00k{secrets.token_hex(8)}", f"l1fe{secrets.token_hex(8)}"
    host = plain.app
    host.run(f"cat > /run/alert_receiver.py << 'EOF'\n{RECEIVER.read_text()}EOF")
    unit = "[Service]\nExecStart=/usr/bin/python3 /run/alert_receiver.py {}\nStandardOutput=append:/run/alert-receiver.log\n"
    host.run(f"touch /run/alert-receiver.log; printf '{unit.format(PORT)}' > /run/systemd/system/alert-receiver.service")
    host.run("systemctl daemon-reload; systemctl start alert-receiver")
    variables = {"site_alert_urls": [f"json://127.0.0.1:{PORT}/{hook}"], "site_heartbeat_url": f"http://127.0.0.1:{PORT}/{life}"}
    plain.write_inventory(**variables, site_alert_deploys=True)
    try:
        plain.play("site").must_succeed()
        # Nobody but the test looks.
        host.run(f"systemctl stop {plain.name}-watch.timer")
        yield Watched(plain, hook, life)
    finally:
        host.run(f"systemctl reset-failed {plain.name}-broken || true")
        plain.write_inventory()
        plain.play("site").must_succeed()
        host.run("systemctl stop alert-receiver; rm -f /run/alert*receiver* /run/systemd/system/alert-receiver.service")


def test_each_trouble_is_told_once_and_once_when_it_is_over(watched: Watched) -> None:
    site, host = watched.site, watched.host
    name = site.name
    # The timer may have looked before the test did.
    watched.look()
    taken = host.run("cat /run/alert-receiver.log")
    assert taken.count("is watched") == 1 and "told here from now on" in taken, taken
    assert [each["path"] for each in watched.look()] == [f"/{watched.life}"], "all is well, and no sign of life says so"

    # Of three kinds at the same time, of which none is told that doesn't last.
    host.run(f"systemctl stop {name}.socket '{name}@*.service'; systemd-run --quiet --unit={name}-broken --no-block false")
    watched.want(minimum_free_mb=10**9, certificate_days=10**5)
    assert watched.told() == []
    [(title, lines)] = watched.told()
    text = "\n".join(lines)
    assert title.startswith(f"{name} on ") and "troubles" in title, title
    for trouble in ("MiB of disk left", "running: nothing", "visitors get 50", f"{name}-broken.service has failed", "ends in"):
        assert text.count(trouble) == 1, text
    assert watched.look(2) == [], "it is told again, or there is a sign of life in trouble"

    host.run(f"systemctl start {name}.socket; systemctl start $(systemctl show -P Triggers {name}.socket)")
    host.run(f"systemctl reset-failed {name}-broken")
    assert watched.told() == []
    [(title, lines)] = watched.told()
    assert "over, 2 left" in title and sorted(line.split(": ")[0] for line in lines) == ["Over"] * 3, lines

    # What can't be told is named, and told later.
    watched.receive(takes=False)
    watched.want(minimum_free_mb=0, certificate_days=0)
    watched.look(2)
    status = site.play("status").must_fail()
    assert status.says("telling number 1 of site_alert_urls (json) fails"), status
    watched.receive()
    [(title, lines)] = watched.told()
    assert "all is well again" in title and len(lines) == 2, (title, lines)
    assert [each["path"] for each in watched.look()] == [f"/{watched.life}"]
    assert not site.play("status").must_succeed().says("nobody is told of trouble")

    # Addresses are secrets, and stay where root alone reads them.
    for secret in (watched.hook, watched.life):
        assert secret not in host.run("journalctl --no-pager --boot"), "the journal has an address"
        assert not host.succeeds(
            f"runuser -u nobody -- grep -rqs {secret} /etc/hotclub /etc/systemd /usr/local /var/lib/hotclub-watch"
        )
    assert_exposure(host, f"{name}-watch.service", 3.0)

    # By the run itself, and by no look besides.
    known = len(host.run("cat /run/alert-receiver.log").splitlines())
    other = "v2" if site.serves() == "v1" else "v1"
    site.deploy(other).must_succeed()
    site.play("rollback").must_succeed()
    news = f"tail -n +{known + 1} /run/alert-receiver.log"
    host.run(f"for _ in $(seq 60); do {news} | grep -q rollback && break; sleep 0.5; done")
    told = [json.loads(line) for line in host.run(news).splitlines()]
    lines = [line for each in told if "serves" in each.get("title", "") for line in each["text"].splitlines()]
    assert len([line for line in lines if f" deploy {other} (" in line and " by " in line]) == 1, told
    assert len([line for line in lines if " rollback " in line]) == 1, told


def test_nothing_is_left_of_it_where_nobody_is_told(plain: Site) -> None:
    folders = ("/etc/hotclub/watch", "/usr/local/lib/hotclub/watch", "/var/lib/hotclub-watch", "/run/hotclub-watch")
    assert plain.app.run(f"ls -d {' '.join(f'{folder}/*' for folder in folders)} 2> /dev/null || true") == ""
    assert not plain.app.succeeds(f"systemctl cat {plain.name}-watch.timer")
