"""What the templates of the nginx role become."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

SITE = "etc/nginx/sites-enabled/_site_.conf.j2"
REQUESTS = "etc/nginx/snippets/_site_.conf.j2"
PROXY = "etc/nginx/snippets/_site_.proxy.j2"
SHOP: dict[str, Any] = {
    "nginx_site_name": "shop",
    "nginx_server_names": ["shop.example.org"],
    "nginx_upstream_servers": [{"address": "unix:/run/shop/http.sock"}],
    "nginx_static_path": "/srv/shop/static",
    "nginx_media_path": "/srv/shop/shared/media/",
    "nginx_ipv6_enabled": True,
}

Render = Callable[..., str]


@pytest.fixture
def page(render: Render) -> Render:
    """Return a function that renders a template for the shop, with changes."""
    return lambda path, **changes: render("nginx", path, **(SHOP | changes))


def servers(text: str) -> list[str]:
    """Return the lines that name application servers."""
    return re.findall(r"^    server (.*);$", text, re.MULTILINE)


def test_a_single_server_is_never_taken_out(page: Render) -> None:
    assert servers(page(SITE)) == ["unix:/run/shop/http.sock weight=1 max_fails=0 fail_timeout=5s"]


def test_several_servers_are(page: Render) -> None:
    given = [
        {"address": "10.0.0.1:8000", "weight": 3},
        {"address": "10.0.0.2:8000", "backup": True},
        {"address": "10.0.0.3:8000", "down": True, "backup": False},
    ]

    assert servers(page(SITE, nginx_upstream_servers=given)) == [
        "10.0.0.1:8000 weight=3 max_fails=2 fail_timeout=5s",
        "10.0.0.2:8000 weight=1 max_fails=2 fail_timeout=5s backup",
        "10.0.0.3:8000 weight=1 max_fails=2 fail_timeout=5s down",
    ]


def test_connections_are_kept_only_when_asked_for(page: Render) -> None:
    closed, kept = page(SITE), page(SITE, nginx_keepalive="16")

    assert "keepalive" not in closed
    assert 'default "close";' in closed
    assert "    keepalive 16;\n" in kept
    assert 'default "";' in kept


def test_ipv6_addresses_stand_in_brackets(page: Render) -> None:
    names = ["shop.example.org", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "shop.example.org"]

    assert "server_name shop.example.org 192.0.2.1 [2001:db8::1] [::ffff:192.0.2.1];" in page(SITE, nginx_server_names=names)


@pytest.mark.parametrize("path", [SITE, "etc/nginx/sites-enabled/unknown-hosts.conf.j2"])
def test_ipv6_is_left_out_where_there_is_none(page: Render, path: str) -> None:
    assert "listen [::]:8080" in page(path, nginx_port=8080)
    assert "[::]" not in page(path, nginx_ipv6_enabled=False)


UNKNOWN_NAMES = "etc/nginx/sites-enabled/0-unknown-names.conf.j2"
TLS = {"nginx_tls_enabled": True}


def on(release: str) -> dict[str, Any]:
    return {"ansible_facts": {"distribution_release": release}}


def sockets(text: str) -> list[str]:
    return re.findall(r"^    listen (.*);$", text, re.MULTILINE)


@pytest.mark.parametrize(("release", "options"), [("bookworm", "ssl http2"), ("trixie", "ssl")])
def test_http2_is_spelt_as_each_release_of_nginx_has_it(page: Render, release: str, options: str) -> None:
    site = page(SITE, **TLS, **on(release))

    assert sockets(site) == ["80", "[::]:80", f"443 {options}", f"[::]:443 {options}"]
    assert ("http2 on;" in site) is (release == "trixie")


def test_without_tls_there_is_the_one_port(page: Render) -> None:
    assert sockets(page(SITE)) == ["80", "[::]:80"]
    assert "ssl_" not in page(SITE)


def test_with_tls_the_other_port_serves_nothing(page: Render) -> None:
    first, second = page(SITE, **TLS).split("\nserver {\n")[1:]

    assert "return 308 https://$host$request_uri;" in first and "include" not in first
    assert "ssl_certificate /etc/ssl/hotclub/shop/fullchain.pem;" in second and "snippets/shop.conf" in second


def test_visitors_are_sent_to_a_port_that_is_not_the_usual_one(page: Render) -> None:
    assert "return 308 https://$host:8443$request_uri;" in page(SITE, **TLS, nginx_tls_port="8443")


def test_challenges_of_an_authority_are_answered_by_plain_http_alone(page: Render) -> None:
    first, second = page(SITE, **TLS, nginx_acme_challenge_path="/var/lib/x").split("\nserver {\n")[1:]

    assert "location ^~ /.well-known/acme-challenge/ {\n        alias /var/lib/x/;" in first
    assert "acme" not in second


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "127.0.0.1"])
def test_a_site_with_addresses_answers_visitors_who_name_nothing(page: Render, address: str) -> None:
    assert sockets(page(SITE, **TLS, nginx_server_names=["shop.example.org", address]))[2].endswith(" default_server")
    assert "default_server" not in page(SITE, **TLS, nginx_server_names=["shop.example.org", "10.example.org"])


def test_unknown_names_get_no_certificate(page: Render) -> None:
    assert "ssl_reject_handshake on;" in page(UNKNOWN_NAMES, **on("bookworm"))
    assert "hotclub/nobody/" in page(UNKNOWN_NAMES, **on("jammy"))


def test_files_of_tls_that_sites_share_say_nothing_of_a_site(page: Render) -> None:
    assert "shop" not in page(UNKNOWN_NAMES, **TLS)


def test_browsers_are_told_to_come_by_tls_alone_when_that_is_wanted(page: Render) -> None:
    wanted = {"nginx_hsts_seconds": "4711", "nginx_hsts_subdomains_enabled": True}

    assert '    "" "max-age=4711; includeSubDomains";' in page(SITE, **TLS, **wanted)
    assert "strict_transport_security" not in page(SITE, **TLS)
    assert "strict_transport_security" not in page(SITE, **wanted)


def hsts_on(text: str, day: str) -> str:
    """What a rendered map makes of a moment, as nginx does: the first expression that fits, else the default."""
    lines = re.search(r"map \$time_iso8601 \$site_shop_hsts_seconds \{\n(.*?)\n\}", text, re.DOTALL)
    assert lines, text
    default, *steps = (line.strip().rstrip(";").rsplit(" ", 1) for line in lines[1].splitlines())
    return next((told for days, told in steps if re.match(days.strip('"~'), f"{day}T10:00:00+00:00")), default[1])


@pytest.mark.parametrize(
    ("day", "seconds"),
    [
        ("2026-02-27", 300),
        ("2026-02-28", 300),
        ("2026-03-01", 24 * 3600),
        ("2026-03-07", 24 * 3600),
        ("2026-03-08", 7 * 24 * 3600),
        ("2026-04-06", 7 * 24 * 3600),
        ("2026-04-07", 30 * 24 * 3600),
        ("2026-07-05", 30 * 24 * 3600),
        ("2026-07-06", 63072000),
        ("2031-01-01", 63072000),
    ],
)
def test_browsers_are_told_for_as_long_as_that_has_done_well(page: Render, day: str, seconds: int) -> None:
    text = page(SITE, **TLS, nginx_hsts_seconds="63072000", nginx_hsts_since="2026-02-27")

    assert '    "" "max-age=$site_shop_hsts_seconds";' in text
    assert hsts_on(text, day) == str(seconds)


def test_less_than_a_step_is_told_at_once(page: Render) -> None:
    text = page(SITE, **TLS, nginx_hsts_seconds=600, nginx_hsts_since="2026-02-27")

    assert (hsts_on(text, "2026-02-27"), hsts_on(text, "2026-03-01")) == ("300", "600")


def test_headers_can_be_added_changed_and_left_out(page: Render) -> None:
    headers = {"Referrer-Policy": "", "Permissions-Policy": "camera=()"}
    site = page(SITE, nginx_security_headers=headers)

    assert 'map $upstream_http_permissions_policy $site_shop_permissions_policy {\n    default "";\n    "" "camera=()";' in site
    assert "referrer" not in site
    text = page("etc/nginx/snippets/_site_.headers.j2", nginx_security_headers=headers)
    assert "add_header Permissions-Policy $site_shop_permissions_policy always;" in text


def test_only_balancers_are_believed(page: Render) -> None:
    balancers = ["192.0.2.10", "2001:db8::/64"]
    site, requests = page(SITE, nginx_trusted_proxies=balancers), page(REQUESTS, nginx_trusted_proxies=balancers)

    assert "    default 0;\n    192.0.2.10 1;\n    2001:db8::/64 1;\n" in site
    assert "set_real_ip_from 192.0.2.10;\nset_real_ip_from 2001:db8::/64;\nreal_ip_header X-Forwarded-For;" in requests
    assert "real_ip" not in page(REQUESTS)


def test_folders_end_with_one_slash(page: Render) -> None:
    requests = page(REQUESTS)

    assert "location ^~ /static/ {\n    alias /srv/shop/static/;" in requests
    assert "location ^~ /media/ {\n    alias /srv/shop/shared/media/;" in requests


def test_private_uploads_are_the_projects(page: Render) -> None:
    requests = page(REQUESTS, nginx_media_private_paths=["invoices", "shop/papers"])

    for folder in ("invoices", "shop/papers"):
        assert f"location ^~ /media/{folder}/ {{\n    include /etc/nginx/snippets/shop.proxy;\n}}" in requests
    assert "location ^~ /media/ {\n    alias" in requests
    assert (
        "503"
        in page(REQUESTS, nginx_media_private_paths=["invoices"], nginx_maintenance_enabled=True).partition("/media/invoices/")[
            2
        ][:120]
    )


def test_a_project_that_serves_all_uploads_is_asked(page: Render) -> None:
    requests = page(REQUESTS, nginx_media_private_paths=["."], nginx_media_proxy_url="https://s3.example.org/shop/")

    assert "/media/" not in requests and "_media" not in requests


def test_without_a_folder_the_project_is_asked(page: Render) -> None:
    requests = page(REQUESTS, nginx_static_path="", nginx_media_path="")

    assert re.findall(r"location .*(?= {)", requests) == [
        "location /",
        "location @shop_events",
        "location = /.errors/503.html",
        "location = /.errors/413.html",
        "location = /.errors/414.html",
    ]


def test_names_of_nginx_itself_can_be_site_names(page: Render) -> None:
    """A site called http would otherwise redefine variables such as $http_connection."""
    site = page(SITE, nginx_site_name="http")

    assert set(re.findall(r"^(?:map|geo) \S+ \$(\w+)", site, re.MULTILINE)) == {
        "site_http_trusted",
        "site_http_scheme",
        "site_http_request_id",
        "site_http_connection",
        "site_http_static_cache",
        "site_http_referrer_policy",
    }


@pytest.mark.parametrize(
    ("path", "hashed"),
    [
        ("/static/css/app.55e7cbb9ba48.css", True),
        ("/static/app.min.55e7cbb9ba48.js", True),
        ("/static/LICENSE.55e7cbb9ba48", True),
        ("/static/app.css", False),
        ("/static/app.55e7cbb9ba48zz.css", False),
        ("/static/55e7cbb9ba48.css", False),
        ("/static/app.55e7cbb9ba4.css", False),
    ],
)
def test_which_names_change_with_their_content(page: Render, path: str, hashed: bool) -> None:
    pattern = re.search(r'"~(.*)" "public, max-age=31536000, immutable";', page(SITE))

    assert pattern
    assert bool(re.search(pattern[1], path)) is hashed


def test_files_that_sites_share_say_nothing_of_a_site(page: Render) -> None:
    for path in (
        "etc/nginx/nginx.conf.j2",
        "etc/nginx/conf.d/hotclub.conf.j2",
        "etc/systemd/system/nginx.service.d/hotclub.conf.j2",
    ):
        assert "shop" not in page(path)


def test_the_page_of_an_operator(page: Render, tmp_path: Any) -> None:
    own = tmp_path / "page.html"
    own.write_text("<p>{{ not ours }}</p>")

    assert page("var/www/_site_/503.html.j2", nginx_unavailable_page_path=str(own)).strip() == "<p>{{ not ours }}</p>"
    assert "Back in a moment" in page("var/www/_site_/503.html.j2")


def test_files_are_enough_for_connections(page: Render) -> None:
    assert "worker_rlimit_nofile 2512;" in page("etc/nginx/nginx.conf.j2", nginx_worker_connections="1000")
    assert "LimitNOFILE=2512\n" in page("etc/systemd/system/nginx.service.d/hotclub.conf.j2", nginx_worker_connections="1000")


def test_nothing_is_limited_unless_asked_for(page: Render) -> None:
    assert "limit_" not in re.sub("limit_except", "", page(SITE) + page(REQUESTS) + page(PROXY))


def test_a_rate_is_counted_for_each_visitor_and_site(page: Render) -> None:
    limits = {"nginx_rate_limit_per_second": "5", "nginx_rate_limit_burst": "20"}
    site, requests = page(SITE, **limits), page(PROXY, **limits)

    assert "limit_req_zone $binary_remote_addr zone=shop.requests:10m rate=5r/s;" in site
    assert "limit_req zone=shop.requests burst=20 nodelay;\nlimit_req_status 429;\n" in requests
    assert "limit_conn_zone" not in site


def test_requests_at_once_are_counted_likewise(page: Render) -> None:
    limits = {"nginx_connection_limit": 8}
    site, requests = page(SITE, **limits), page(PROXY, **limits)

    assert "limit_conn_zone $binary_remote_addr zone=shop.connections:10m;" in site
    assert "limit_conn shop.connections 8;\nlimit_conn_status 429;\n" in requests
    assert "limit_req_zone" not in site


def test_limits_are_for_the_project_and_not_for_files(page: Render) -> None:
    requests = page(REQUESTS, nginx_rate_limit_per_second=5)
    places = re.findall(r"^location (.*?) \{(.*?)^\}", requests, re.MULTILINE | re.DOTALL)

    assert "limit_req " in page(PROXY, nginx_rate_limit_per_second=5) and "limit_req " not in requests
    assert [place for place, text in places if "shop.proxy" in text] == ["/", "@shop_events"]


def test_every_socket_of_a_port_speaks_the_proxy_protocol(page: Render) -> None:
    balancers = {"nginx_trusted_proxies": ["192.0.2.10"], "nginx_proxy_protocol_enabled": True}
    sockets = page(SITE, **balancers) + page("etc/nginx/sites-enabled/unknown-hosts.conf.j2", **balancers)

    assert re.findall(r"^    listen (.*);$", sockets, re.MULTILINE) == [
        "80 proxy_protocol",
        "[::]:80 proxy_protocol",
        "80 proxy_protocol default_server backlog=4096",
        "[::]:80 proxy_protocol default_server backlog=4096",
    ]
    assert "real_ip_header proxy_protocol;" in page(REQUESTS, **balancers)
    assert "proxy_protocol" not in page(SITE) + page(REQUESTS)


def test_another_balancer_is_asked_for_a_challenge_that_is_not_here(page: Render) -> None:
    alone = page(SITE, nginx_acme_challenge_path="/challenges")
    several = page(SITE, nginx_acme_challenge_path="/challenges", nginx_acme_challenge_peers=["10.0.0.2", "fd00::2"])

    assert "alias /challenges/;" in alone and "proxy_pass" not in alone
    assert re.findall(r"server (\S+) max_fails=0;", several) == ["10.0.0.2:80", "[fd00::2]:80"]
    # Who was asked by a balancer asks no other.
    assert "if ($http_x_hotclub_challenge) {\n            return 404;" in several
    assert "proxy_set_header X-Hotclub-Challenge asked;" in several


def test_other_names_lead_to_the_canonical_one_where_that_is_asked(page: Render) -> None:
    text = page(REQUESTS, nginx_canonical_name="Shop.example.org")

    assert (
        "if ($host != shop.example.org) {\n    return 308 $site_shop_scheme://shop.example.org$visitor_port$request_uri;\n}"
        in text
    )
    assert "if ($host" not in page(REQUESTS)


def test_both_ways_to_the_project_are_one(page: Render) -> None:
    text = page(REQUESTS)

    assert text.count("include /etc/nginx/snippets/shop.proxy;") == 2
    assert text.count("proxy_pass http://shop;") == 0
    assert "proxy_pass http://shop;" in page(PROXY)


def test_what_nginx_lets_through_is_what_is_said(page: Render) -> None:
    assert "large_client_header_buffers 4 8k;" in page("etc/nginx/nginx.conf.j2")
    assert "error_page 414 /.errors/414.html;\nerror_page 494 =431 /.errors/414.html;" in page(REQUESTS)
