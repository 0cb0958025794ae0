"""What a message, a failure or a sign of life lets out: nothing of an address."""

from __future__ import annotations

import http.server
import logging
import sys
import threading
import time
import types
from collections.abc import Iterator

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.status import telling
from ansible_collections.hotclub.django.plugins.module_utils.status.telling import (
    NotToldError,
    ask_for,
    listener_of,
    tell,
    without,
)

URL = "mailtos://ops:s3cret%21word@mail.example.org?to=duty@example.net"


def apprise(knows: bool = True, takes: bool = True, says: str = "", told: list[dict[str, str]] | None = None) -> types.ModuleType:
    """Return a library that behaves like this.

    :param told: gets each message, with what its service does when it is too long.
    """

    class Apprise:
        def __init__(self) -> None:
            self.services = [types.SimpleNamespace(overflow_mode="upstream")]

        def __iter__(self) -> Iterator[types.SimpleNamespace]:
            return iter(self.services)

        def add(self, _url: str) -> bool:
            return knows

        def notify(self, **message: str) -> bool:
            if told is not None:
                told.append({**message, "overflow": self.services[0].overflow_mode})
            if says:
                logging.getLogger("apprise").warning(says)
            return takes

    library = types.ModuleType("apprise")
    vars(library)["Apprise"] = Apprise
    return library


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Return what puts a library in place."""
    log = logging.getLogger("apprise")
    before = log.handlers, log.propagate
    yield monkeypatch
    log.handlers, log.propagate = before


def test_what_the_library_says_is_told_without_the_address(
    library: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = f"A connection error occurred sending to mail.example.org as ops: {URL}"
    library.setitem(sys.modules, "apprise", apprise(takes=False, says=said))
    with pytest.raises(NotToldError) as failure:
        tell(URL, "shop on web1: trouble", "nginx is inactive")
    assert "A connection error occurred" in str(failure.value)
    for part in ("s3cret", "mail.example.org", "example.net", "duty"):
        assert part not in str(failure.value)
    assert capfd.readouterr() == ("", "")


def test_an_address_that_the_library_does_not_know_is_told(library: pytest.MonkeyPatch) -> None:
    library.setitem(sys.modules, "apprise", apprise(knows=False))
    with pytest.raises(NotToldError, match="does not know"):
        tell(URL, "title", "text")
    assert telling.refused([URL, URL]) == [1, 2]


def test_a_message_that_is_taken_is_no_failure(library: pytest.MonkeyPatch) -> None:
    library.setitem(sys.modules, "apprise", apprise())
    tell(URL, "title", "text")
    assert telling.refused([URL]) == []


def test_a_message_is_text_and_comes_in_parts_where_it_is_too_long(library: pytest.MonkeyPatch) -> None:
    told: list[dict[str, str]] = []
    library.setitem(sys.modules, "apprise", apprise(told=told))
    tell(URL, "title", "one\ntwo")
    assert told == [{"title": "title", "body": "one\ntwo", "body_format": "text", "overflow": "split"}]


def test_a_service_that_never_answers_ends_in_time(library: pytest.MonkeyPatch) -> None:
    silent = apprise()
    silent.Apprise.notify = lambda _self, **_message: time.sleep(30)
    library.setitem(sys.modules, "apprise", silent)
    library.setattr(telling, "TELLING_SECONDS", 0.1)
    with pytest.raises(NotToldError, match="no end within"):
        tell(URL, "title", "text")


def test_nothing_is_refused_before_the_library_is_there(library: pytest.MonkeyPatch) -> None:
    library.setitem(sys.modules, "apprise", None)
    assert telling.refused([URL]) == []


def test_nobody_learns_an_address_from_what_is_remembered() -> None:
    assert listener_of(URL) == listener_of(URL) != listener_of(URL + "x")
    assert "s3cret" not in listener_of(URL)
    assert without("jsons://hooks.example.org/T0K3N/part?x=y", "no /T0K3N/part at hooks.example.org") == "no /…/… at …"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mailtos://ops:s3cret%21word@mail.example.org?to=duty@example.net", "no login with s3cret!word"),
        ("mailtos://alerts%40example.org:pass@mail.example.org", "alerts@example.org is unknown"),
        ("mailtos://ops:a1@mail.example.org", "ops and a1 are refused"),
        ("mailtos://ops:x@mail.example.org", "(535, b'ops:x')"),
        ("mailtos://ops:a:b@c1@mail.example.org", "a:b@c1 is refused"),
        ("mailtos://mail.example.org?user=ops&pass=q+z", "ops with 'q z'"),
        ("jsons://hooks.example.org/b%2Fc/", "no b/c there"),
    ],
)
def test_secrets_are_hidden_as_written_and_as_meant_and_however_short(url: str, said: str) -> None:
    shown = without(url, said)
    for secret in ("s3cret", "alerts@", "a1", ":x", "a:b", "@c1", "q z", "b/c"):
        assert secret not in shown, shown
    assert without(url, "it was not taken") == "it was not taken"


class Page(http.server.BaseHTTPRequestHandler):
    """A watcher outside that knows one address."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/t0k3n" else 404)
        self.end_headers()

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing of it."""


def test_a_sign_of_life_is_given_or_says_why_not() -> None:
    server = http.server.HTTPServer(("127.0.0.1", 0), Page)
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        ask_for(f"{address}/t0k3n")
        with pytest.raises(NotToldError, match="404"):
            ask_for(f"{address}/0ther")
    finally:
        server.shutdown()
        server.server_close()
    with pytest.raises(NotToldError) as failure:
        ask_for(f"{address}/t0k3n")
    assert "refused" in str(failure.value) and "t0k3n" not in str(failure.value)
    with pytest.raises(NotToldError):
        ask_for("file:///etc/hostname")
