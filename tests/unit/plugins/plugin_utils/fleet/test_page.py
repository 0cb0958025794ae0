"""The status as a page: what is wrong comes first, nothing is loaded, and what hosts say of themselves is text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.page import status_page

from tests.unit.plugins.statuses import app, balancer, server

NOW = datetime(2026, 11, 23, 8, 15, 42, tzinfo=UTC)
FLOWS = [{"from": "lb", "to": "app", "port": 8283, "protocol": "tcp", "why": "requests"}]
TIERS = {
    "lb": [{"name": "lb1", "address": "10.0.0.1"}],
    "app": [{"name": "app1", "address": "10.0.0.2"}, {"name": "app2", "address": "10.0.0.3"}],
}
VOID = {"meta"}


class Reader(HTMLParser):
    """What a page says, with the elements around it; fails where one is not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[tuple[str, str]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.said.append((self.open[-1], data.strip()))

    def of(self, tag: str) -> list[str]:
        return [text for around, text in self.said if around == tag]


def page(site: str = "shop", **changes: Any) -> str:
    statuses = {"lb1": balancer(server("app1"), server("app2")), "app1": app("r1"), "app2": {**app("r1"), **changes}}
    return status_page(statuses, site, NOW, FLOWS, TIERS, "pgBackRest to backup1")


def test_a_site_that_is_well_says_so_and_when() -> None:
    read = Reader(page())

    assert read.of("title")[0] == "shop is well" and "All is well" in read.of("p")
    assert read.of("time") == ["2026-11-23 08:15 UTC"]
    assert read.of("h2") == [
        "Hosts, and who talks to whom",
        "Hosts",
        "How balancers see the application hosts",
        "Worth knowing",
    ]
    assert ("html", {"lang": "en"}) in read.elements


def test_what_needs_attention_comes_first_and_is_seen_without_colours() -> None:
    read = Reader(page(problems=["the application gives no answer (timed out)"]))

    assert read.of("title")[0] == "shop is in trouble" and "1 trouble" in read.of("p")
    assert read.of("h2")[0] == "Needs attention"
    assert ("li", ": the application gives no answer (timed out)") in read.said
    assert "! app2" in read.of("text") and "app1" in read.of("text")
    assert read.of("span") == ["well", "well", "in trouble"]
    kinds = [said.get("class") for tag, said in read.elements if tag == "rect"]
    assert kinds.count("well") == 2 and kinds.count("trouble") == 1


def test_a_version_that_is_called_well_is_no_state() -> None:
    assert Reader(page(version="well")).of("span") == ["well", "well", "well"]


def test_each_cell_stands_below_its_name_and_beside_its_host() -> None:
    read = Reader(page())

    assert read.of("th")[:5] == ["HOST", "STATE", "TIERS", "RELEASE", "APP"]
    assert {said.get("scope") for tag, said in read.elements if tag == "th"} == {"col", "row"}


def test_what_a_host_says_is_text_and_nothing_is_loaded_from_anywhere() -> None:
    hostile = '<script>alert(1)</script><img src="https://example.org/x">"\''
    told = page(hostile, problems=[hostile], version=hostile)
    read = Reader(told)

    assert not {tag for tag, _said in read.elements} & {"script", "img", "link", "iframe", "a"}
    assert not re.search(r"(?:src|href)=|url\((?!#)|@import", re.sub(r"&[a-z#0-9]+;.*?&gt;", "", told))
    [policy] = [said["content"] for tag, said in read.elements if said.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None and policy.startswith("default-src 'none'") and "script-src" not in policy


def test_a_host_that_cannot_be_looked_at_is_there_too() -> None:
    statuses = {"lb1": balancer(server("app1")), "app1": {"problems": ["the host can't be looked at: unreachable over SSH"]}}
    read = Reader(status_page(statuses, "shop", NOW, FLOWS, {**TIERS, "app": TIERS["app"][:1]}))

    assert "in trouble" in read.of("span")
    assert ("li", ": the host can't be looked at: unreachable over SSH") in read.said
