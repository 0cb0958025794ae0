"""What the newest Django and the newest gunicorn want otherwise than those before."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import FRESH, Site
from tests.behaviour.kit.visitor import SocketClosedError, WebSocket

# Django 6.1 wants Python 3.12.
pytestmark = [pytest.mark.debian13, pytest.mark.about("gunicorn", "django", "release_build")]

MAIL_SERVER = Path(__file__).parents[1] / "kit" / "mail_server.py"
MAIL_PORT = 2525
# RFC 6455: the server goes away, has met something unforeseen, or starts afresh.
SERVER_ENDS = (1001, 1011, 1012)


@pytest.fixture(scope="module")
def atelier(lab: object, workspace: Path, repositories: Path) -> Site:
    return Site(lab, FRESH, workspace / FRESH.name)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def first(atelier: Site) -> Run:
    run = atelier.play("site").must_succeed()
    # On hosts that an earlier run has left, it is deployed already.
    return run if run.says("mail.E001") else atelier.deploy("v1").must_succeed()


@pytest.fixture
def mail_server(app: Machine) -> Iterator[str]:
    """A mail server on the host, by the unit whose journal holds what it was given."""
    unit = "mail-of-a-test"
    app.run(f"cat > /run/{unit}.py <<'END'\n{MAIL_SERVER.read_text(encoding='utf-8')}\nEND")
    app.run(f"systemd-run --quiet --collect --unit {unit} python3 /run/{unit}.py {MAIL_PORT}")
    yield unit
    app.run(f"systemctl stop {unit}; rm -f /run/{unit}.py")


def test_a_plain_startproject_of_django_6_1_is_deployed(atelier: Site, first: Run) -> None:
    page = atelier.visitor.get("/admin/login/")
    assert page.status == 200, page
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert style, page
    assert atelier.visitor.get(style[1]).status == 200
    assert atelier.database.value("SELECT count(*) FROM auth_user") == "0"
    assert atelier.describe(atelier.current())["django"].startswith("6.1"), atelier.describe(atelier.current())


def test_its_mail_to_the_console_is_a_warning_that_names_the_remedy(first: Run) -> None:
    assert first.says("mail.E001", "site_mail_host"), first


def test_its_mail_goes_to_the_server_that_the_inventory_names(atelier: Site, first: Run, mail_server: str) -> None:
    told = {"site_mail_host": "127.0.0.1", "site_mail_port": MAIL_PORT, "site_mail_security": "none"}
    atelier.play("site", **{**told, "site_mail_port": MAIL_PORT + 1}).must_succeed()
    nobody = atelier.play("status").must_fail()
    assert nobody.says(f"127.0.0.1:{MAIL_PORT + 1} takes no mail of this site", "site_mail_port"), nobody
    atelier.play("site", **told, site_mail_from="atelier@example.org").must_succeed()
    somebody = atelier.play("status")
    assert not somebody.says("takes no mail"), somebody
    atelier.play("manage", manage_command="sendtestemail reader@example.org").must_succeed()
    mail = atelier.app.run(f"journalctl --unit {mail_server} --output cat --no-pager")
    assert "From: atelier@example.org" in mail and "To: reader@example.org" in mail, mail


def talk_for_ever(connection: WebSocket) -> None:
    while True:
        connection.send("still there?")
        assert connection.receive() == "still there?"
        time.sleep(1)


def test_what_is_open_ends_and_the_project_is_told_before_a_release_ends(gallery: Site) -> None:
    """A web socket gets its close frame, and events end; both are served by the new release when they connect again."""
    old, serving = gallery.current(), gallery.serves()
    replacement = "v2" if serving == "v1" else "v1"
    with ThreadPoolExecutor() as beside, gallery.visitor.web_socket("/echo") as connection:
        told = beside.submit(lambda: list(gallery.visitor.events("/events?number=600")))
        assert connection.is_open, connection.handshake
        deploy = gallery.start("deploy", site_version=replacement)
        with pytest.raises(SocketClosedError) as closed:
            talk_for_ever(connection)
        assert closed.value.code in SERVER_ENDS, closed.value
    deploy.wait().must_succeed()
    events = told.result(timeout=at_pace(30))
    assert set(events) == {serving} and len(events) < 600, events[-3:]
    assert set(gallery.visitor.events("/events")) == {replacement}
    journal = gallery.app.run(f"journalctl --unit {gallery.name}@{old} --output cat --no-pager")
    assert "The gallery closes." in journal, journal
    assert "threads configuration" not in journal, "gunicorn is told of threads that its ASGI worker hasn't"
