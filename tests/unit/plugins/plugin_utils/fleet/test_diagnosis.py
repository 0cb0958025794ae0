"""The text of a diagnosis."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.diagnosis import diagnosis_text

SAID: dict[str, Any] = {
    "version": "17",
    "database": "shop",
    "since": "2026-11-01 00:00",
    "connections": 3,
    "max_connections": 200,
    "megabytes": 12.5,
    "is_copy": False,
    "findings": [{"subject": "locks", "what": "11 waits for 12", "advice": "end 12"}],
}


def test_each_finding_has_its_advice_below_it_and_each_subject_a_line() -> None:
    text = diagnosis_text({"db1": SAID}, "shop")

    first = (
        "shop on db1: database shop, 12.5 MiB, PostgreSQL 17 (the primary), 3 of 200 connections, counted since 2026-11-01 00:00"
    )
    assert text.splitlines()[0] == first
    assert "\nSLOW QUERIES: nothing\nLOCKS\n  11 waits for 12\n    end 12\nTRANSACTIONS: nothing\n" in text


def test_a_host_that_could_not_be_asked_is_in_the_text() -> None:
    text = diagnosis_text({"db1": {"problem": "no server"}, "db2": SAID | {"is_copy": True}}, "shop")

    assert text.startswith("shop on db1 can't be diagnosed: no server\n\nshop on db2: ")
    assert "(a copy)" in text
