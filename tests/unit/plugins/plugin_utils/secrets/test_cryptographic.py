"""A controller without the package cryptography says so where it is used, and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets import cryptographic

SOURCE = Path(__file__).resolve().parents[5] / "plugins" / "plugin_utils" / "secrets" / "cryptographic.py"


def test_the_message_says_what_to_install_where(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    names: dict[str, Any] = {"__name__": "cryptographic"}
    exec(compile(SOURCE.read_text(), SOURCE, "exec"), names)  # noqa: S102  the file as a fresh process reads it

    assert set(cryptographic.__all__) <= set(names)
    with pytest.raises(Trouble, match=rf"lacks the package cryptography.*{sys.executable} -m pip install cryptography"):
        names["x509"].load_pem_x509_certificates(b"")


@pytest.mark.parametrize("name", cryptographic.__all__)
def test_all_of_it_is_there_otherwise(name: str) -> None:
    assert not isinstance(getattr(cryptographic, name), cryptographic.Missing)
