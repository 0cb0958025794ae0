"""What a status says of a site's cache and broker."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.status.stores import Stores, answer_of, look_at_stores

MIB = 1024 * 1024
WELL = {"used_memory": str(2 * MIB), "maxmemory": str(10 * MIB), "evicted_keys": "3", "maxmemory_policy": "noeviction"}
DURABLE = {**WELL, "aof_enabled": "1", "aof_last_write_status": "ok", "aof_last_bgrewrite_status": "ok"}


def looked_at(tmp_path: Path, told: dict[str, str] | None) -> dict[str, Any]:
    class Told(Stores):
        def info(self, name: str) -> dict[str, str]:
            if told is None:
                raise ConnectionRefusedError(f"nobody listens for {name}")
            return told

    folder = tmp_path / "etc/hotclub/shop-valkey/broker"
    folder.mkdir(parents=True)
    (folder / "valkey.conf").touch()
    status: dict[str, Any] = {"problems": []}
    look_at_stores(Told("shop", tmp_path), status)
    return status


def test_memory_and_what_was_forgotten_are_counted(tmp_path: Path) -> None:
    status = looked_at(tmp_path, DURABLE)

    assert status == {"problems": [], "stores": {"broker": {"used_mb": 2.0, "memory_mb": 10, "evicted": 3}}}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (None, "gives no answer"),
        ({"loading": "1"}, "gives no answer"),
        ({**DURABLE, "aof_last_write_status": "err"}, "can't write to its disk"),
        ({**DURABLE, "used_memory": str(9 * MIB)}, "has 9.0 of 10 MiB"),
    ],
)
def test_what_is_wrong_is_named_with_its_unit_or_remedy(tmp_path: Path, told: dict[str, str] | None, said: str) -> None:
    [problem] = looked_at(tmp_path, told)["problems"]

    assert said in problem and ("shop-broker.service" in problem or "valkey_broker_memory_mb" in problem)


def test_a_full_cache_is_no_trouble(tmp_path: Path) -> None:
    assert looked_at(tmp_path, {**WELL, "used_memory": str(10 * MIB), "maxmemory_policy": "allkeys-lru"})["problems"] == []


def test_a_host_without_them_says_nothing(tmp_path: Path) -> None:
    status: dict[str, Any] = {"problems": []}
    look_at_stores(Stores("shop", tmp_path), status)

    assert status == {"problems": []}


class Conversation(io.BytesIO):
    """A stream that reads one thing and keeps what is written to it."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(answer)
        self.said = b""

    def write(self, data: Any) -> int:
        self.said += bytes(data)
        return len(data)


def test_words_are_sent_with_their_length_and_the_answer_is_read() -> None:
    stream = Conversation(b"$5\r\na:1\r\n\r\n")

    assert answer_of(stream, "AUTH", "shop", "über") == "a:1\r\n\r\n"
    assert stream.said == b"*3\r\n$4\r\nAUTH\r\n$4\r\nshop\r\n$5\r\n\xc3\xbcber\r\n"


@pytest.mark.parametrize(("answer", "said"), [(b"-WRONGPASS no\r\n", "WRONGPASS no"), (b"", "closed")])
def test_a_refusal_is_told(answer: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        answer_of(Conversation(answer), "INFO")
