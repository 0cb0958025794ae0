"""The pools of a site: which there are, how they are removed, and what their console says."""

from __future__ import annotations

import os
import pwd
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.pools import Pools


class Systemd:
    """Answers for systemctl."""

    def __init__(self, listed: str = "", code: int = 0) -> None:
        self.listed, self.code = listed, code
        self.calls: list[str] = []

    def __call__(self, command: list[str], **_more: Any) -> Outcome:
        self.calls.append(" ".join(command[1:]))
        return Outcome(self.code if "stop" in command else 0, self.listed if "list-units" in command else "", "")


def test_configured_enabled_and_running_ones_are_there(tmp_path: Path) -> None:
    (tmp_path / "etc/hotclub/shop-pool/transaction-shop").mkdir(parents=True)
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "shop-pool@session-shop.service").symlink_to("/nowhere")
    (wants / "other-pool@session-other.service").symlink_to("/nowhere")
    systemd = Systemd("shop-pool@session-shop-2.service loaded active running Pool\n")

    assert Pools("shop", systemd, tmp_path).names() == ["session-shop", "session-shop-2", "transaction-shop"]


def enabled(root: Path, name: str) -> Path:
    """A pool that starts at boot."""
    link = root / f"etc/systemd/system/multi-user.target.wants/shop-pool@{name}.service"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("/nowhere")
    return link


def test_stopped_ones_do_not_come_back_and_one_that_goes_on_is_told(tmp_path: Path) -> None:
    running = "shop-pool@session-shop.service loaded active running Pool\nshop-pool@kept.service loaded active running Pool\n"
    systemd = Systemd(running)
    link, kept = enabled(tmp_path, "session-shop"), enabled(tmp_path, "kept")
    Pools("shop", systemd, tmp_path).stop(["session-shop"])

    assert "stop shop-pool@session-shop.service" in systemd.calls
    assert not link.is_symlink() and kept.is_symlink()
    before = len(systemd.calls)
    Pools("shop", systemd, tmp_path).stop([])
    assert len(systemd.calls) == before
    with pytest.raises(Trouble, match="session-shop"):
        Pools("shop", Systemd(running, code=1), tmp_path).stop(["session-shop"])


@pytest.mark.parametrize("listed", ["", "shop-pool@half.service not-found inactive dead shop-pool@half.service\n"])
def test_what_an_interrupted_run_has_left_is_stopped_only_where_systemd_knows_it(tmp_path: Path, listed: str) -> None:
    (tmp_path / "etc/hotclub/shop-pool/half").mkdir(parents=True)
    link, systemd = enabled(tmp_path, "half"), Systemd(listed, code=5)
    pools = Pools("shop", systemd, tmp_path)

    assert pools.names() == ["half"]
    pools.stop(["half"])

    assert not link.is_symlink()
    assert not [call for call in systemd.calls if call.startswith("stop")]


def test_one_whose_unit_file_is_gone_is_stopped_as_long_as_it_runs(tmp_path: Path) -> None:
    systemd = Systemd("shop-pool@half.service not-found active running shop-pool@half.service\n")
    Pools("shop", systemd, tmp_path).stop(["half"])

    assert "stop shop-pool@half.service" in systemd.calls


def test_what_stands_before_what_serves_goes_with_the_last_of_them(tmp_path: Path) -> None:
    systemd = Systemd()
    pools = Pools("shop", systemd, tmp_path)
    target = tmp_path / "etc/systemd/system/shop-pools.target"
    target.parent.mkdir(parents=True)
    target.touch()

    pools.remove([path for path in pools.common() if path.exists()])

    assert systemd.calls == ["stop shop-pools.target", "daemon-reload"] and not target.exists()


@pytest.fixture(name="console")
def _console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """A console that answers each question with one row, on a socket like PgBouncer's; what it was asked."""
    monkeypatch.setattr(pwd, "getpwnam", lambda _name: pwd.getpwuid(os.geteuid()))
    folder = tmp_path / "run/shop-pool/p"
    folder.mkdir(parents=True)
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / ".s.PGSQL.6432"))
        listener.listen()
        thread = threading.Thread(target=_answer, args=(listener, asked), daemon=True)
        thread.start()
        yield asked
        thread.join(5)


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(content)) + content


def _answer(listener: socket.socket, asked: list[bytes]) -> None:
    connection, _address = listener.accept()
    with connection:
        asked.append(connection.recv(4096))
        connection.sendall(_message(b"R", struct.pack("!i", 0)) + _message(b"Z", b"I"))
        asked.append(connection.recv(4096))
        if b"BAD" in asked[-1]:
            connection.sendall(_message(b"E", b"SERROR\0Mno such thing\0\0"))
            return
        columns = b"".join(name + b"\0" + bytes(18) for name in (b"database", b"cl_waiting"))
        row = struct.pack("!i", 4) + b"shop" + struct.pack("!i", -1)
        connection.sendall(
            _message(b"T", struct.pack("!h", 2) + columns) + _message(b"D", struct.pack("!h", 2) + row) + _message(b"Z", b"I")
        )


def test_the_console_answers_whoever_has_the_pools_account(tmp_path: Path, console: list[bytes]) -> None:
    assert Pools("shop", Systemd(), tmp_path).ask("p", "SHOW POOLS") == [{"database": "shop", "cl_waiting": ""}]
    assert b"user\0pgbouncer\0database\0pgbouncer\0" in console[0]
    assert console[1] == b"Q" + struct.pack("!i", 15) + b"SHOW POOLS\0"


def test_its_complaint_is_told(tmp_path: Path, console: list[bytes]) -> None:
    with pytest.raises(OSError, match="no such thing"):
        Pools("shop", Systemd(), tmp_path).ask("p", "BAD")
    assert len(console) == 2
