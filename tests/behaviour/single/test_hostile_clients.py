"""Clients that mean no good: what they claim, send and hold open harms neither the project nor other visitors."""

from __future__ import annotations

import contextlib
import socket
import ssl
import statistics
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.behaviour.kit import smuggling
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site

pytestmark = pytest.mark.about("nginx")

UPLOAD_LIMIT_MB = 10  # the default of nginx_client_max_body_size_mb
MEBI = 1024 * 1024
# Of each kind of slow client.
SLOW_CLIENTS = 150
HEADER_SECONDS = 15  # client_header_timeout
SILENCE_SECONDS = 30  # the default of nginx_client_timeout_seconds

FORGED = "198.51.100.7"
CLAIMS = {
    "an address twice": [("X-Forwarded-For", FORGED), ("X-Forwarded-For", "198.51.100.8")],
    "an address with underscores": [("X_Forwarded_For", FORGED), ("X-Forwarded_For", FORGED), ("X_Real_IP", FORGED)],
    "an address by other names": [("X-Real-IP", FORGED), ("X-Client-IP", FORGED), ("Forwarded", f"for={FORGED}")],
    "an address that is a list": [("X-Forwarded-For", f"{FORGED}, 127.0.0.1, ::1")],
    "a scheme": [("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "http")],
    "another scheme": [("X-Forwarded-Proto", "http"), ("X-Forwarded-Proto", "https")],
    "a scheme with underscores": [("X_Forwarded_Proto", "https"), ("X-Forwarded_Proto", "gopher")],
    "a scheme by other names": [
        ("X-Forwarded-Ssl", "on"), ("X-Forwarded-Protocol", "ssl"), ("X-Url-Scheme", "https"), ("Front-End-Https", "on"),
    ],
    "a host": [("X-Forwarded-Host", "evil.example"), ("X-Host", "evil.example"), ("X_Forwarded_Host", "evil.example")],
    "a port": [("X-Forwarded-Port", "4711"), ("X_Forwarded_Port", "4711")],
    "a place": [("X-Forwarded-Prefix", "/evil"), ("SCRIPT_NAME", "/evil"), ("Script-Name", "/evil"), ("PATH_INFO", "/evil")],
    "an id": [("X-Request-ID", "forged-by-a-visitor"), ("X_Request_ID", "forged-by-a-visitor")],
    "hops": [("Connection", "close, X-Forwarded-For, X-Forwarded-Proto, X-Request-ID, Host, X-Real-IP")],
}  # fmt: skip


@pytest.fixture(params=["plain", "gallery"], ids=["wsgi", "asgi"])
def site(request: pytest.FixtureRequest) -> Site:
    """A site of each interface."""
    named: Site = request.getfixturevalue(request.param)
    return named


# What it claims


@pytest.mark.parametrize("claims", CLAIMS.values(), ids=CLAIMS.keys())
def test_what_a_visitor_claims_changes_nothing_that_django_sees(gallery: Site, claims: list[tuple[str, str]]) -> None:
    honest = gallery.visitor.get("/request").json
    lied = gallery.visitor.get("/request", claims=claims)
    assert lied.status == 200, lied
    seen = lied.json
    assert len(seen["request_id"]) == len(honest["request_id"]) and "forged" not in seen["request_id"], seen
    of_the_request = ("request_id", "backend_pid")
    assert {name: value for name, value in seen.items() if name not in of_the_request} == {
        name: value for name, value in honest.items() if name not in of_the_request
    }


@pytest.mark.parametrize("host", ["gallery.example:80@evil.example", "gallery.example:evil", "evil.example:gallery.example"])
def test_a_host_with_more_than_a_name_and_a_port_leads_nowhere_else(gallery: Site, host: str) -> None:
    heard = gallery.visitor.say(f"GET /request HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert b"evil" not in heard, heard


def test_two_hosts_are_refused(gallery: Site) -> None:
    for hosts in (("gallery.example", "evil.example"), ("evil.example", "gallery.example"), ("gallery.example",) * 2):
        lines = "".join(f"Host: {host}\r\n" for host in hosts)
        heard = gallery.visitor.say(f"GET /request HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        assert heard == b"" or heard.startswith(b"HTTP/1.1 400"), heard


def test_a_whole_address_in_the_request_decides_and_not_the_host_beside_it(gallery: Site) -> None:
    scheme = gallery.visitor.get("/request").json["scheme"]
    asked = f"GET {scheme}://gallery.example/request HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    heard = gallery.visitor.say(asked.encode())
    assert b"evil" not in heard, heard
    asked = f"GET {scheme}://evil.example/request HTTP/1.1\r\nHost: gallery.example\r\nConnection: close\r\n\r\n"
    assert gallery.visitor.say(asked.encode()) == b""


# What it hides


def test_no_request_is_smuggled_past_the_web_server(site: Site, lb: Machine) -> None:
    assert smuggling.try_all(site, lb) == {}


# How much it sends


def test_headers_beyond_all_measure_are_refused_and_the_connection_ends(gallery: Site) -> None:
    for header in (f"X-Large: {'x' * 100_000}", "".join(f"X-{place}: {'x' * 4000}\r\n" for place in range(50)) + "X-Last: x"):
        heard = gallery.visitor.say(f"GET /request HTTP/1.1\r\nHost: gallery.example\r\n{header}\r\n\r\n".encode())
        # The rest of what is sent may meet a closed connection before the answer is read.
        assert heard == b"" or heard.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")), heard[:200]


def test_an_address_beyond_all_measure_is_refused(gallery: Site) -> None:
    answer = gallery.visitor.get("/request?" + "x" * 10_000)
    assert answer.status == 414, answer


def test_large_cookies_of_an_honest_visitor_pass(gallery: Site) -> None:
    answer = gallery.visitor.get("/request", headers={"Cookie": f"a={'x' * 4000}; b={'y' * 3000}"})
    assert answer.status == 200, answer


def test_a_body_without_a_length_is_cut_off_at_the_limit(gallery: Site) -> None:
    before = gallery.visitor.get("/version").json["pictures"]
    head = b"POST /pictures HTTP/1.1\r\nHost: gallery.example\r\nTransfer-Encoding: chunked\r\n\r\n"
    heard = b""
    with gallery.visitor.connect() as connection:
        connection.settimeout(at_pace(10))
        connection.sendall(head)
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            for _ in range(UPLOAD_LIMIT_MB + 2):
                connection.sendall(b"%x\r\n%s\r\n" % (MEBI, b"x" * MEBI))
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            heard = connection.recv(65536)
    assert heard.startswith(b"HTTP/1.1 413"), heard
    assert gallery.visitor.get("/version").json["pictures"] == before


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(gallery: Site) -> None:
    length = (UPLOAD_LIMIT_MB + 1) * MEBI
    heard = gallery.visitor.say(
        f"POST /pictures HTTP/1.1\r\nHost: gallery.example\r\nContent-Length: {length}\r\n\r\n".encode(), 1
    )
    assert heard.startswith(b"HTTP/1.1 413") and b"<title>" in heard and b"nginx" not in heard.split(b"\r\n\r\n")[1], heard


# How slow it is


@contextlib.contextmanager
def slow_clients(site: Site) -> Iterator[dict[str, list[socket.socket]]]:
    """Hold connections open in each of the ways in which a request can be slow."""
    head = f"POST {site.project.entries_path} HTTP/1.1\r\nHost: {site.domain}\r\n"
    begun = {
        "headers": f"{head}X-Slow: ",
        "body": f"{head}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ntext_id=",
        # More than what fits into the buffers on the way.
        "reading": f"GET /large HTTP/1.1\r\nHost: {site.domain}\r\n\r\n" * 100,
    }
    with contextlib.ExitStack() as closing:
        connections: dict[str, list[socket.socket]] = {kind: [] for kind in begun}
        for _ in range(SLOW_CLIENTS):
            for kind, text in begun.items():
                connection = closing.enter_context(site.visitor.connect())
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.sendall(text.encode())
                connections[kind].append(connection)
        yield connections


def held_back(site: Site) -> int:
    """How many connections have something for a client that doesn't take it."""
    waiting = "ss -Htn state established '( sport = :80 or sport = :443 )' | awk '$2 > 0' | wc -l"
    return int(site.lab.lb.run(waiting))


def ended(connections: list[socket.socket], deadline: float) -> int:
    """How many are ended by the server before that moment, an answer before the end or not."""
    count = 0
    for connection in connections:
        with contextlib.suppress(TimeoutError):
            try:
                while True:
                    connection.settimeout(max(deadline - time.monotonic(), 0.01))
                    if not connection.recv(65536):
                        break
            except (ConnectionError, ssl.SSLError):
                pass
            count += 1
    return count


@pytest.mark.debian13
@pytest.mark.long_on_slow
@pytest.mark.about("nginx")
def test_hundreds_of_slow_clients_keep_nobody_waiting_and_are_ended(gallery: Site) -> None:
    with slow_clients(gallery) as connections:
        begin = time.monotonic()
        times = []
        for _ in range(50):
            asked = time.monotonic()
            assert gallery.visitor.get("/version").status == 200
            times.append(time.monotonic() - asked)
        assert statistics.median(times) < at_pace(0.3) and max(times) < at_pace(2), (
            f"median {statistics.median(times):.3f} s, max {max(times):.3f} s"
        )
        assert ended(connections["headers"], begin + HEADER_SECONDS + at_pace(10)) == SLOW_CLIENTS
        assert ended(connections["body"], begin + SILENCE_SECONDS + at_pace(10)) == SLOW_CLIENTS
        # Reading now would wake up those that the server has not given up. Their silence begins when all buffers are full.
        deadline = begin + 2 * SILENCE_SECONDS + at_pace(20)
        while (held := held_back(gallery)) > 0:
            assert time.monotonic() < deadline, f"{held} connections of clients that don't read are still held"
            time.sleep(1)


# What it asks for


TRAVERSALS = [
    f"{start}{up}{target}"
    for start in ("/static", "/static/", "/media", "/media/", "/media/pictures/")
    for up in (
        "../", "%2e%2e/", "..%2f", "%2e%2e%2f", "..%5c", "..\\", "%252e%252e%252f", "..;/", "....//", "%c0%ae%c0%ae/", ".%00./",
    )
    for target in ("etc/environment", "../../etc/environment", "../../../../etc/passwd")
]  # fmt: skip


def test_no_path_leads_out_of_the_static_and_media_folders(gallery: Site, lb: Machine) -> None:
    """Asked for on one connection after another, since a browser or a library would tidy the paths up."""
    told = {}
    for path in TRAVERSALS:
        heard = gallery.visitor.say(f"GET {path} HTTP/1.1\r\nHost: gallery.example\r\nConnection: close\r\n\r\n".encode())
        if (
            not heard.startswith((b"HTTP/1.1 400", b"HTTP/1.1 403", b"HTTP/1.1 404"))
            or b"SECRET_KEY" in heard
            or b"root:" in heard
        ):
            told[path] = heard[:300]
    assert told == {}


@pytest.fixture
def planted(gallery: Site, lb: Machine) -> Iterator[str]:
    """A folder among the uploads with files that nobody should get, and one that everybody may."""
    folder = f"/srv/gallery/shared/media/{uuid.uuid4().hex}"
    lb.run(
        f"install -d -o gallery -g www-data -m 0750 {folder} {folder}/.git && cd {folder}"
        " && echo fine > fine.txt && echo secret > .env && echo secret > .git/config && echo secret > /run/outside.txt"
        " && ln -s /run/outside.txt link.txt && ln -s /run folder && ln -s fine.txt own.txt"
        " && chown -R -h gallery:www-data . && chmod -R u=rwX,g=rX,o= . && chmod 644 /run/outside.txt"
    )
    yield folder.rpartition("/")[2]
    lb.run(f"rm -rf {folder} /run/outside.txt")


def test_hidden_files_and_links_out_of_the_uploads_are_not_served(gallery: Site, planted: str) -> None:
    served = {
        name: gallery.visitor.get(f"/media/{planted}/{name}").status
        for name in ("fine.txt", "own.txt", ".env", ".git/config", "link.txt", "folder/outside.txt")
    }
    assert {name for name, status in served.items() if status == 200} == {"fine.txt", "own.txt"}, served
    assert set(served.values()) <= {200, 403, 404}, served


SCRIPT = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.mark.parametrize(
    "name",
    [
        "page.html", "page.HTM", "page.xhtml", "page.shtml", "drawing.svg", "drawing.svgz", "page.xml", "page.xsl", "page.mht",
        "code.js", "code.mjs", "style.css", "code.wasm", "picture.jpg.html", "picture.jpg.svg", "page.html.unknown",
        "noextension", "page.html.", "page.php", "code.swf",
    ],
)  # fmt: skip
def test_an_upload_runs_nowhere_as_the_site(gallery: Site, name: str) -> None:
    stored = gallery.visitor.upload("/pictures", {"text_id": uuid.uuid4().hex}, name, SCRIPT)
    assert stored.status == 201, stored
    served = gallery.visitor.get(stored.json["url"])
    assert served.status == 200, served
    kind = served.headers["Content-Type"].partition(";")[0]
    assert served.headers.get("X-Content-Type-Options") == "nosniff", served
    # With nosniff, no page takes it for a script or a style unless its type says that it is one.
    assert kind not in ("text/javascript", "application/javascript", "text/css", "application/wasm"), served
    if kind != "text/plain":
        assert served.headers.get("Content-Disposition") == "attachment", served
        assert "sandbox" in served.headers.get("Content-Security-Policy", ""), served


@pytest.mark.parametrize("name", ["picture.png", "picture.html.jpg", "text.txt"])
def test_an_upload_that_can_run_nothing_is_shown_under_its_own_type(gallery: Site, name: str) -> None:
    stored = gallery.visitor.upload("/pictures", {"text_id": uuid.uuid4().hex}, name, SCRIPT)
    served = gallery.visitor.get(stored.json["url"])
    assert served.headers["Content-Type"].partition(";")[0] in ("image/png", "image/jpeg", "text/plain"), served
    assert served.headers.get("X-Content-Type-Options") == "nosniff", served
    assert "Content-Disposition" not in served.headers, served
