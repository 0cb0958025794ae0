"""The page of messages has what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.docs import CHECKOUT
from tools.messages import Message, messages, page

CODE = """
LIMIT = "8 names"

def build(site):
    if site.full:
        raise Trouble(f"The disk of {os.uname().nodename} is full.", "Make room.", output)
    wrong = f"has more than {LIMIT}"
    yield Complaint("site_aliases", wrong, "Remove some.")
    wrong, remedy = "is something else", "Correct it in the inventory."
    yield Complaint(setting.name, wrong, remedy)
    module.fail_json(msg=explained(site))

def explained(site):
    return f"{site.name} can't be built on this host: {error}\\nRun this again."
"""
VARS = """
__shop_refusals:
  - that: "{{ shop_size | int > 0 }}"
    msg: >-
      shop_size of {{ inventory_hostname }} is {{ shop_size }}.
      Write a number.
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for path, text in (("plugins/module_utils/release/builder.py", CODE), ("roles/shop/vars/main.yml", VARS)):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def test_messages_stand_with_their_remedies(checkout: Path) -> None:
    assert set(messages(checkout)) == {
        Message("The disk of <host> is full.", "Make room.", "Releases"),
        Message("site_aliases: has more than 8 names", "Remove some.", "Releases"),
        Message("<name>: is something else", "Correct it in the inventory.", "Releases"),
        Message("<name> can't be built on this host: <error>", "Run this again.", "Releases"),
        Message("shop_size of <host> is <shop_size>.", "Write a number.", "Variables of roles"),
    }


def test_the_page_has_a_heading_for_each_subject(checkout: Path) -> None:
    text = page(checkout)

    assert "## Releases\n\n- `<name> can't be built on this host: <error>`\\\n  Run this again.\n" in text
    assert "- `site_aliases: has more than 8 names`\\\n  Remove some.\n" in text


def test_messages_of_every_kind_are_found() -> None:
    texts = {message.text for message in messages(CHECKOUT)}

    assert {
        "The requests of <name> can't be held.",
        "nginx_upstream_servers of <host> has no server that could answer for <nginx_site_name>.",
        "Say which: -e maintenance=on, or -e maintenance=off.",
        "no release yet: run playbooks/site.yml",
        "<name>: there is no such variable",
    } <= texts
