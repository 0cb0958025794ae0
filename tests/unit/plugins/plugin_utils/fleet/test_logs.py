"""What all hosts have written, in order of time."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.logs import log_lines, merged, moment

NOON = 1_796_040_000.0


def entry(second: float, text: str, level: str = "info") -> dict[str, object]:
    return {"when": NOON + second, "program": "gunicorn", "source": "r1", "level": level, "text": text}


def test_hosts_are_put_in_one_order() -> None:
    told = merged({"app1": [entry(0, "first"), entry(2, "third")], "app2": [entry(1, "second\nwith more", "error")]})
    assert list(log_lines(told)) == [
        "2026-11-30T12:00:00.000Z app1 gunicorn r1: first",
        "2026-11-30T12:00:01.000Z app2 gunicorn r1 ERROR: second",
        "    with more",
        "2026-11-30T12:00:02.000Z app1 gunicorn r1: third",
    ]


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("90s", -90),
        ("2h", -7200),
        ("2026-11-30T11:00", NOON - 3600),
        ("2026-11-30T12:00:00+01:00", NOON - 3600),
        ("2026-11-30", NOON - 43200),
    ],
)
def test_moments(text: str, when: float) -> None:
    assert moment(text) == when


def test_what_is_no_moment_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"'yesterday' is no moment. Write how long ago, as in 15m"):
        moment("yesterday")


def test_nothing_that_was_logged_drives_the_terminal() -> None:
    [line] = log_lines(merged({"app1": [entry(0, "GET /\x1b[2Jnone\tnone")]}))
    assert line.endswith("GET /\\x1b[2Jnone\tnone")
