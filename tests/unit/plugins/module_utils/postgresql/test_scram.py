"""Passwords as PostgreSQL keeps them: made like its own, known again, and never needlessly made anew."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.scram import fits, is_verifier, prepared, verifier_of


def verifier(head: str, stored: str, server: str) -> str:
    return f"{head}${stored}:{server}"


# What RFC 7677 has for the password "pencil": salt and iterations, and the server's key by which its signature is checked.
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
OF_PENCIL = verifier(
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==",
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
)
# What PostgreSQL 15 has made of a password with characters that can be written in several ways.
OF_ODD = verifier(
    "SCRAM-SHA-256$4096:jyWUYwsvq+dlmVqytiRPyA==",
    "ffGqt4fizl98dOOqkqx7r1lbaEfb5ztdMEt0mo3zFcc=",
    "On99P6InJt7QmHDsLfpbGpa78gobTGA0Vy9l7Begxn0=",
)


def test_the_verifier_is_that_of_the_standard() -> None:
    assert verifier_of("pencil", SALT, 4096) == OF_PENCIL


def test_a_password_is_known_again_and_another_one_is_not() -> None:
    assert fits("pencil", OF_PENCIL)
    assert not fits("Pencil", OF_PENCIL)
    assert not fits("", OF_PENCIL)
    assert fits("pencil", verifier_of("pencil", b"another salt", 10))


def test_a_password_that_postgresql_has_prepared_is_known_again() -> None:
    assert fits("pässwörd \u210c ½\u00ad", OF_ODD)


@pytest.mark.parametrize(
    "stored", ["", "md5" + 32 * "0", "pencil", OF_PENCIL[:-1], OF_PENCIL + "x", OF_PENCIL.replace("256", "1")]
)
def test_nothing_else_is_a_verifier(stored: str) -> None:
    assert not is_verifier(stored)
    assert not fits("pencil", stored)


@pytest.mark.parametrize(
    ("password", "counts"),
    [
        ("it's \\ all\there", "it's \\ all\there"),
        ("e\u0301", "é"),
        ("a\u00adb\u2003c", "ab c"),
        ("\u210c½", "H1\u20442"),
        # What the rules don't allow stays as it was typed: a control character, both directions, nothing left.
        ("ü\t", "ü\t"),
        ("אe\u0301", "אe\u0301"),
        ("\u00ad", "\u00ad"),
    ],
)
def test_the_ways_to_type_a_password_count_as_one(password: str, counts: str) -> None:
    assert prepared(password) == counts.encode()
