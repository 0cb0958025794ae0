"""Each trouble is told once when it has lasted, and once when it is over, to each who is told at all."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.status.troubles import News, Troubles, key_of, message


class Watched:
    """A host, look by look; what is remembered goes through a file each time."""

    def __init__(self, looks: int = 2) -> None:
        self.looks = looks
        self.known: dict[str, object] = {}
        self.now = 0.0

    def look(self, *problems: str, reached: Sequence[str] = ("ops",), listeners: Sequence[str] = ("ops",)) -> dict[str, News]:
        """Return what those were told whom a message reaches."""
        self.now += 60
        troubles = Troubles(json.loads(json.dumps(self.known)), self.looks)
        troubles.meet(problems, self.now)
        troubles.have(listeners)
        told = {}
        for listener in listeners:
            news = troubles.news(listener)
            if news and listener in reached:
                told[listener] = news
                troubles.note(listener, news)
        self.known = troubles.kept()
        return told


def begun(told: dict[str, News], who: str = "ops") -> list[str]:
    return [trouble.text for trouble in told[who].begun] if who in told else []


def over(told: dict[str, News], who: str = "ops") -> list[str]:
    return [trouble.text for trouble in told[who].over] if who in told else []


@pytest.fixture
def host() -> Watched:
    """Return a host whose listener knows that it is watched."""
    watched = Watched()
    assert watched.look()["ops"].first
    return watched


def test_it_is_told_once_when_it_has_lasted_and_once_when_it_is_over(host: Watched) -> None:
    assert not host.look("nginx is inactive")
    assert begun(host.look("nginx is inactive")) == ["nginx is inactive"]
    assert not host.look("nginx is inactive")
    assert not host.look()
    told = host.look()
    assert (begun(told), over(told)) == ([], ["nginx is inactive"])
    assert not host.look()
    assert host.known["troubles"] == {}


def test_what_does_not_last_is_never_told(host: Watched) -> None:
    for _ in range(3):
        assert not host.look("visitors get 502 for GET /")
        assert not host.look()
    assert host.known["troubles"] == {}


def test_what_comes_back_between_two_looks_has_never_been_over(host: Watched) -> None:
    host.look("nginx is inactive")
    assert host.look("nginx is inactive")
    for _ in range(3):
        assert not host.look()
        assert not host.look("nginx is inactive")


def test_other_figures_are_no_other_trouble(host: Watched) -> None:
    host.look("only 300 MiB of disk left")
    assert begun(host.look("only 290 MiB of disk left")) == ["only 290 MiB of disk left"]
    assert not host.look("only 7 MiB of disk left")
    assert not host.look()
    assert over(host.look()) == ["only 7 MiB of disk left"]


def test_who_could_not_be_told_is_told_at_the_next_look_and_nobody_twice() -> None:
    host, both = Watched(), ("ops", "chat")
    host.look(reached=both, listeners=both)
    host.look("nginx is inactive", listeners=both)
    assert set(host.look("nginx is inactive", reached=("chat",), listeners=both)) == {"chat"}
    assert set(host.look("nginx is inactive", reached=both, listeners=both)) == {"ops"}
    host.look(reached=both, listeners=both)
    assert set(host.look(reached=("ops",), listeners=both)) == {"ops"}
    assert set(host.look(reached=both, listeners=both)) == {"chat"}
    assert host.known["troubles"] == {}


def test_what_nobody_was_told_of_is_not_over_for_anybody(host: Watched) -> None:
    host.look("nginx is inactive")
    assert not host.look("nginx is inactive", reached=())
    host.look(reached=())
    assert not host.look()
    assert host.known["troubles"] == {}


def test_who_is_told_from_now_on_hears_of_what_there_is_already(host: Watched) -> None:
    host.look("nginx is inactive")
    host.look("nginx is inactive")
    told = host.look("nginx is inactive", reached=("chat",), listeners=("chat",))
    assert told["chat"].first and begun(told, "chat") == ["nginx is inactive"]


def test_one_look_is_enough_where_somebody_says_so() -> None:
    host = Watched(looks=1)
    host.look()
    assert begun(host.look("nginx is inactive")) == ["nginx is inactive"]
    assert over(host.look()) == ["nginx is inactive"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the application gives no answer ([Errno 111] refused)", "the application gives no answer (timed out)"),
        (
            "the certificate that visitors are shown ends in 3 days: run x",
            "the certificate that visitors are shown ends in 2 days: y",
        ),
        (
            "the newest backup in /var/lib/x/shop is 3 days old. See y",
            "the newest backup in /var/lib/x/shop is 4 days old. See y",
        ),
        ("HAProxy has seen app2 as DOWN for 61 s (L4CON)", "HAProxy has seen app2 as DOWN for 361 s (no check yet): see z"),
        ("visitors get no answer ([Errno 111] refused)", "visitors get 502 for GET /health/"),
        ("the application gives no answer (timed out)", "the application answers 500 to GET /health/"),
        ("nginx is activating: see x", "nginx is failed: see x"),
        (
            "12 MiB of changes wait since 2026-11-30 12:59 to be archived, on a disk with 4.5 MiB free: x",
            "900 MiB of changes wait since 2026-12-01 08:01 to be archived, on a disk with 1 MiB free: x",
        ),
    ],
)
def test_details_are_no_other_trouble(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HAProxy has seen app1 as DOWN for 61 s (L4CON)", "HAProxy has seen app2 as DOWN for 61 s (L4CON)"),
        ("HAProxy has seen 10.0.0.11 as DOWN for 61 s (L4CON)", "HAProxy has seen 10.0.0.12 as DOWN for 61 s (L4CON)"),
        ("HAProxy has seen 2001:db8::11 as DOWN for 61 s", "HAProxy has seen 2001:db8::12 as DOWN for 61 s"),
        ("shop-1.service has failed: x", "shop-2.service has failed: x"),
        ("shop-pool@1.service has failed: x", "shop-pool@2.service has failed: x"),
        ("postgresql@15-main.service has failed: x", "postgresql@17-main.service has failed: x"),
        ("there is no backup in /mnt/1. See x", "there is no backup in /mnt/2. See x"),
        ("visitors get no answer (timed out)", "the application gives no answer (timed out)"),
        ("the worker mail does not run: run x", "the worker images does not run: run x"),
    ],
)
def test_another_host_or_unit_is_another_trouble(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


def test_a_message_says_where_what_and_how_much_is_left(host: Watched) -> None:
    host.look("nginx is inactive", "visitors get no answer")
    title, text = message("shop", "web1", host.look("nginx is inactive", "visitors get no answer")["ops"])
    assert title == "shop on web1: 2 troubles"
    assert text.splitlines() == ["nginx is inactive", "visitors get no answer"]
    host.look("nginx is inactive")
    title, text = message("shop", "web1", host.look("nginx is inactive")["ops"])
    assert (title, text) == ("shop on web1: over, 1 left", "Over: visitors get no answer")
    host.look()
    assert message("shop", "web1", host.look()["ops"])[0] == "shop on web1: all is well again"


def test_a_message_has_no_more_than_services_take(host: Watched) -> None:
    problems = [f"unit{letter}.service has failed: {letter * 700}" for letter in "abcde"]
    host.look(*problems)
    title, text = message("shop", "web1", host.look(*problems)["ops"])
    assert title == "shop on web1: 5 troubles" and len(text) < 1600
    assert [line[:5] for line in text.splitlines()] == ["unita", "unitb", "and 3"]
    assert not host.look(*problems), "what was left out is told as a number, and not again"
