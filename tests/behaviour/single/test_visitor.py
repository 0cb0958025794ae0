"""What a visitor gets from the web server in front of a site."""

from __future__ import annotations

import re
import uuid

import pytest

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions
from tests.behaviour.kit.visitor import Visitor

pytestmark = pytest.mark.about("nginx", "django")

UPLOAD_LIMIT_MB = 10  # the default of nginx_client_max_body_size_mb
YEAR_SECONDS = 31536000
MEBI = 1024 * 1024


def new_id() -> str:
    return uuid.uuid4().hex


def test_visitor_gets_the_site(plain: Site) -> None:
    answer = plain.at("v1").visitor.get("/")
    assert (answer.status, answer.json["version"]) == (200, "v1"), answer


@pytest.mark.parametrize("name", ["plain", "gallery"], ids=["wsgi", "asgi"])
def test_events_come_as_they_happen(request: pytest.FixtureRequest, name: str) -> None:
    site: Site = request.getfixturevalue(name)
    pauses = site.visitor.pauses_between_events("/events")
    assert len(pauses) == 2 and min(pauses) > 0.5, f"they come together: {pauses}"


def test_addresses_and_cookies_may_be_as_long_as_is_said_and_longer_ones_get_a_page(gallery: Site) -> None:
    cookies = [("Cookie", f"{name}={'x' * 8000}") for name in ("a", "b", "c")]
    assert gallery.visitor.get(f"/version?{'x' * 8000}").status == 200
    assert gallery.visitor.get("/version", claims=cookies).status == 200
    for status, answer in {
        414: gallery.visitor.get(f"/version?{'x' * 9000}"),
        431: gallery.visitor.get("/version", claims=[("Cookie", f"a={'x' * 9000}")]),
    }.items():
        assert answer.status == status and "That is too long" in answer.text, answer


def test_visitor_gets_the_site_under_each_of_its_names(plain: Site) -> None:
    for name in ("plain.example", "www.plain.example", "plain.example:443", "PLAIN.example"):
        assert plain.visitor.get("/", host=name).status == 200, name


@pytest.mark.parametrize("host", ["unknown.example", "198.51.100.1", None], ids=["unknown", "address", "no header"])
def test_requests_for_unknown_hosts_are_dropped(plain: Site, host: str | None) -> None:
    assert plain.visitor.is_dropped(host), f"an answer came for the host {host!r}"


def test_what_a_visitor_writes_is_stored_once(plain: Site) -> None:
    text_id = new_id()
    assert plain.visitor.post("/", {"text_id": text_id}).status == 201
    assert plain.database.value(f"SELECT count(*) FROM journal_entry WHERE text_id = '{text_id}'") == "1"


def test_a_missing_page_tells_nothing_about_the_project(plain: Site) -> None:
    answer = plain.visitor.get("/no/such/page")
    assert answer.status == 404, answer
    assert "DEBUG" not in answer.text and "urlpatterns" not in answer.text, answer


def test_the_server_does_not_name_its_version(plain: Site) -> None:
    for path in ("/", "/no/such/page", "/static/none.css"):
        server = plain.visitor.get(path).headers.get("Server", "")
        assert not re.search(r"\d", server), f"{path} was answered by {server}"


def test_admin_pages_have_their_static_files(plain: Site) -> None:
    page = plain.visitor.get("/admin/login/")
    assert page.status == 200, page
    style = re.search(r'href="(/static/admin/css/base[^"]*\.css)"', page.text)
    assert style, page
    assert plain.visitor.get(style[1]).headers["Content-Type"].startswith("text/css")


def hashed_static_path(visitor: Visitor) -> str:
    page = visitor.get("/")
    found = re.search(r'href="(/static/pictures/gallery\.[0-9a-f]{12}\.css)"', page.text)
    assert found, f"the page names no static file with a hash in its name: {page}"
    return found[1]


def test_static_files_with_a_hash_in_their_name_may_be_kept_for_ever(gallery: Site) -> None:
    answer = gallery.visitor.get(hashed_static_path(gallery.visitor))
    assert answer.status == 200, answer
    assert "immutable" in answer.headers["Cache-Control"], answer
    age = re.search(r"max-age=(\d+)", answer.headers["Cache-Control"])
    assert age and int(age[1]) >= YEAR_SECONDS, answer


def test_static_files_without_a_hash_are_asked_for_again(gallery: Site) -> None:
    answer = gallery.visitor.get("/static/pictures/gallery.css")
    assert answer.status == 200, answer
    assert "immutable" not in answer.headers.get("Cache-Control", ""), answer
    assert answer.headers.get("ETag") or answer.headers.get("Last-Modified"), answer


def test_static_files_are_served_where_the_project_says(stock: Site) -> None:
    assert stock.visitor.get("/assets/stock/stock.css").status == 200


def test_static_folders_are_not_listed(gallery: Site) -> None:
    assert gallery.visitor.get("/static/pictures/").status in (403, 404)
    assert gallery.visitor.get("/media/").status in (403, 404)


def test_nothing_beside_the_static_files_is_served(gallery: Site) -> None:
    for path in (
        "/static../current/RELEASE.json",
        "/static/../current/RELEASE.json",
        "/static/%2e%2e/etc/environment",
        "/media../../etc/environment",
        "/media/%2e%2e/%2e%2e/etc/environment",
    ):
        answer = gallery.visitor.get(path)
        assert answer.status in (400, 403, 404), f"{path}: {answer}"


def test_an_uploaded_file_is_served_again(gallery: Site) -> None:
    content = b"%PDF " + new_id().encode() * 1000
    stored = gallery.visitor.upload("/pictures", {"text_id": new_id()}, "paper.pdf", content)
    assert stored.status == 201, stored
    served = gallery.visitor.get(stored.json["url"])
    assert served.status == 200 and served.body == content, served
    assert "immutable" not in served.headers.get("Cache-Control", ""), "an upload under this name may be replaced"


def test_an_uploaded_page_cannot_run_as_the_site(gallery: Site) -> None:
    stored = gallery.visitor.upload("/pictures", {"text_id": new_id()}, "page.html", b"<script>alert(1)</script>")
    served = gallery.visitor.get(stored.json["url"])
    assert served.headers.get("X-Content-Type-Options") == "nosniff", served
    harmless = "attachment" in served.headers.get("Content-Disposition", "") or "sandbox" in served.headers.get(
        "Content-Security-Policy", ""
    )
    assert harmless or not served.headers["Content-Type"].startswith("text/html"), served


def test_uploads_below_the_limit_pass(gallery: Site) -> None:
    content = b"x" * ((UPLOAD_LIMIT_MB - 1) * MEBI)
    answer = gallery.visitor.upload("/pictures", {"text_id": new_id()}, "large.bin", content)
    assert answer.status == 201, answer
    assert answer.json["bytes"] == len(content)


def test_uploads_above_the_limit_are_refused(gallery: Site) -> None:
    before = gallery.visitor.get("/version").json["pictures"]
    answer = gallery.visitor.upload("/pictures", {"text_id": new_id()}, "huge.bin", b"x" * ((UPLOAD_LIMIT_MB + 1) * MEBI))
    assert answer.status == 413, answer
    assert gallery.visitor.get("/version").json["pictures"] == before


def test_large_answers_are_compressed_for_who_can_read_it(gallery: Site) -> None:
    plain_answer = gallery.visitor.get("/large")
    compressed = gallery.visitor.get("/large", headers={"Accept-Encoding": "gzip"})
    assert compressed.headers.get("Content-Encoding") == "gzip", compressed.headers
    assert "accept-encoding" in compressed.headers.get("Vary", "").lower(), compressed.headers
    assert len(compressed.body) < len(plain_answer.body) / 4
    assert compressed.json == plain_answer.json
    assert "Content-Encoding" not in plain_answer.headers


def test_each_request_has_an_id_that_django_sees_too(gallery: Site) -> None:
    answers = [gallery.visitor.get("/request") for _ in range(3)]
    shown = [answer.headers.get("X-Request-Id", "") for answer in answers]
    assert all(shown) and len(set(shown)) == 3, shown
    assert [answer.json["request_id"] for answer in answers] == shown


def test_django_sees_the_visitor_and_not_what_a_visitor_claims(gallery: Site, lb: Machine) -> None:
    seen = gallery.visitor.get("/request").json
    own_address = lb.run("echo ${SSH_CLIENT%% *}")
    assert seen["forwarded_for"].split(",")[-1].strip() == own_address, seen
    assert (seen["host"], seen["scheme"], seen["secure"], seen["debug"]) == ("gallery.example", "https", True, False)

    forged = gallery.visitor.get("/request", headers={"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "http"}).json
    assert forged["forwarded_for"].split(",")[-1].strip() == own_address, forged
    assert forged["forwarded_proto"] == "https" and forged["secure"], forged


def test_the_port_in_a_visitors_address_reaches_django(gallery: Site) -> None:
    seen = gallery.visitor.get("/request", host="gallery.example:8080").json
    assert seen["absolute_uri"] == "https://gallery.example:8080/there", seen


def test_a_web_socket_passes_and_speaks_both_ways(gallery: Site) -> None:
    with gallery.visitor.web_socket("/echo") as web_socket:
        assert web_socket.is_open, web_socket.handshake
        for text in ("first", "second"):
            web_socket.send(text)
            assert web_socket.receive() == text


def test_a_site_that_does_not_run_answers_503_with_a_page(plain: Site) -> None:
    serving, _, _ = versions(plain)
    units = " ".join([f"{plain.name}.socket", *plain.instances()])
    plain.app.run(f"systemctl stop {units}")
    try:
        answer = plain.visitor.get("/")
        posted = plain.visitor.post("/", {"text_id": new_id()})
    finally:
        plain.app.run(f"systemctl start {plain.name}.socket")
    plain.await_version(serving)
    assert answer.status == 503, answer
    assert answer.headers["Content-Type"].startswith("text/html") and "<title>" in answer.text, answer
    assert answer.headers.get("Retry-After"), answer
    assert posted.status == 503, posted


def test_other_sites_answer_while_one_does_not_run(plain: Site, gallery: Site) -> None:
    serving, _, _ = versions(plain)
    other = gallery.serves()
    plain.app.run(f"systemctl stop {plain.name}.socket {' '.join(plain.instances())}")
    try:
        assert gallery.serves() == other
    finally:
        plain.app.run(f"systemctl start {plain.name}.socket")
    plain.await_version(serving)
