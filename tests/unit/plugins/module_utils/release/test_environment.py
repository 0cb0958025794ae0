"""Environment files: what we write is what we read back, and what systemd reads."""

from __future__ import annotations

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import parse, render, secrets

AWKWARD = {
    "PLAIN": "value",
    "SPACES": "two words",
    "QUOTES": "she said \"no\" and 'yes'",
    "BACKSLASH": r"C:\temp\n",
    "DOLLAR": "$HOME and `date`",
    "LINES": 'first\nsecond\n\nA="not a variable"',
    "EMPTY": "",
    "PERCENT": "%2F%%",
    "UNICODE": "grüße",
}


def test_every_value_survives_the_way_through_the_file() -> None:
    assert parse(render(AWKWARD)) == AWKWARD


def test_values_that_are_not_text_are_written_as_python_prints_them() -> None:
    assert render({"DEBUG": False, "PORT": 5432}) == 'DEBUG="False"\nPORT="5432"\n'


def test_comments_are_no_variables() -> None:
    assert parse('# A="b"\n\nC="d"\n') == {"C": "d"}


def test_a_name_that_no_process_could_read_is_refused() -> None:
    with pytest.raises(ValueError, match="MY-NAME"):
        render({"MY-NAME": "x"})


def test_passwords_inside_addresses_are_secrets() -> None:
    found = secrets({"DATABASE_URL": "postgres://shop:hunter22@db/shop", "DEBUG": "False", "MAIL": "smtp://me:letmein@mail"})
    assert "hunter22" in found
    assert "letmein" in found
    assert redact("password hunter22 refused", found) == "password ******** refused"
