"""What may wait for ever has an end, and what ends in time is left alone."""

from __future__ import annotations

import contextlib
import signal
import socket
import time

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import patience
from ansible_collections.hotclub.django.plugins.module_utils.common.patience import TooSlowError, within
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run


def test_what_gets_no_answer_ends_in_time() -> None:
    one, _other = socket.socketpair()
    with pytest.raises(TooSlowError, match="no end within"), within(0.1), contextlib.suppress(OSError):
        one.recv(1)


def test_a_program_that_hangs_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(TooSlowError), within(0.1):
        run(["sleep", "30"])
    assert time.monotonic() - began < 5


def test_who_takes_it_for_something_else_hears_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "AGAIN_SECONDS", 0.05)

    def waits_again() -> None:
        with contextlib.suppress(TooSlowError):
            time.sleep(30)
        time.sleep(30)

    with pytest.raises(TooSlowError), within(0.05):
        waits_again()


def test_what_ends_in_time_hears_nothing() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with within(0.05):
        pass
    time.sleep(0.1)
    assert signal.getsignal(signal.SIGALRM) == before
