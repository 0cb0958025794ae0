"""Sites that nginx serves for others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.front.other_sites import (
    SAID_ONCE,
    directives,
    findings,
    without_comments,
)
from ansible_collections.hotclub.django.plugins.module_utils.machine import first_contact

BLOG = """\
server {
    listen 80;
    listen [::]:80;
    listen 8081 default_server; # not ours to have
    server_name blog.example
                www.blog.example;
    root /srv/blog;  # was: root /home/blog;
    access_log /var/log/nginx/blog.log;
    error_log syslog:server=10.0.0.1;
}
"""
PACKAGED = "server { listen 80 default_server; server_name _; }\n"


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """nginx as Debian's package brings it."""
    for folder in ("conf.d", "sites-enabled", "sites-available"):
        (tmp_path / folder).mkdir()
    default = tmp_path / "sites-available" / "default"
    default.write_text(PACKAGED)
    (tmp_path / "sites-enabled" / "default").symlink_to(default)
    digest = hashlib.md5(PACKAGED.encode(), usedforsecurity=False).hexdigest()
    (tmp_path / "status").write_text(f"Conffiles:\n {default} {digest}\n")
    monkeypatch.setattr(first_contact, "DPKG_LIST", tmp_path / "status")
    return tmp_path


def told(nginx: Path, **sites: str) -> list[tuple[str, str, bool]]:
    for name, text in sites.items():
        (nginx / "sites-enabled" / f"{name}.conf").write_text(text)
    return [(found.what, found.remedy, found.refused) for found in findings(nginx, [80, 443], ["/data/logs"])]


def test_a_site_that_goes_on_is_named_and_the_packaged_one_is_not(nginx: Path) -> None:
    assert told(nginx) == []

    [(what, _remedy, refused)] = told(nginx, blog=BLOG)

    assert "blog.conf (blog.example www.blog.example)" in what
    assert not refused


def test_who_has_served_with_us_before_is_not_asked(nginx: Path) -> None:
    (nginx / "conf.d" / "hotclub.conf").touch()

    assert told(nginx, blog=BLOG) == []
    assert list(findings(nginx / "nowhere", [80], [])) == []


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("listen 80 default_server;", "Take it out of: listen 80 default_server;"),
        ("listen [::]:443 ssl ipv6only=on;", "Take it out of: listen [::]:443 ssl ipv6only=on;"),
        ("root /home/blog/public;", "Move it, for example below /srv, and correct the line."),
        ("access_log /var/log/blog/access.log combined;", "Add it to nginx_writable_paths: [/var/log/blog]"),
        ("proxy_cache_path /data/cache levels=1:2 keys_zone=c:1m;", "Add it to nginx_writable_paths: [/data]"),
    ],
)
def test_what_would_keep_nginx_from_starting_is_refused_with_the_line_to_change(nginx: Path, line: str, remedy: str) -> None:
    found = told(nginx, blog=f"server {{ {line} }}\n")

    assert [said for _what, said, refused in found if refused] == [remedy]


def test_what_nginx_takes_once_for_all_sites_is_refused(nginx: Path) -> None:
    (nginx / "conf.d" / "tls.conf").write_text("ssl_session_cache shared:all:10m;\nserver_tokens off;\nproxy_buffers 8 4k;\n")

    found = told(nginx, blog='server { server_name blog; ssl_protocols TLSv1.3; add_header X "a;b {"; }')

    assert [what.partition(" says ")[2].split()[0] for what, _remedy, refused in found if refused] == [
        "server_tokens",
        "ssl_session_cache",
    ]


def test_the_list_of_it_is_that_of_our_files(render: Callable[..., str]) -> None:
    def said(path: str, inside: int) -> set[str]:
        text = without_comments(render("nginx", f"etc/nginx/{path}.j2", ansible_managed="x"))
        return {name for depth, name in directives(text) if depth == inside}

    may_be_repeated = {"include", "access_log", "log_format", "gzip_types", "worker_connections"}
    assert (said("nginx.conf", 1) | said("conf.d/hotclub.conf", 0)) - may_be_repeated == SAID_ONCE


@pytest.mark.parametrize("line", ["access_log /data/logs/blog.log;", "access_log off;", "access_log /var/log/nginx/$host.log;"])
def test_where_nginx_may_write_is_in_nobodys_way(nginx: Path, line: str) -> None:
    assert not any(refused for _what, _remedy, refused in told(nginx, blog=line))


def test_a_default_site_that_somebody_uses_is_told_of(nginx: Path) -> None:
    (nginx / "sites-available" / "default").write_text("server { listen 80 default_server; root /srv/intranet; }\n")
    [(what, _remedy, refused)] = told(nginx)
    assert "sites-available/default stays" in what and not refused

    (nginx / "sites-enabled" / "default").unlink()
    (nginx / "sites-enabled" / "default").write_text("server { listen 80; }\n")
    [(_what, _remedy, refused)] = told(nginx)
    assert refused
