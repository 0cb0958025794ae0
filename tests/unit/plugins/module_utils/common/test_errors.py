"""What an operator reads when a step fails, whatever the reason."""

from __future__ import annotations

import errno
import pickle
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble, carry_out


def failing(error: BaseException) -> dict[str, Any]:
    """Carry out a step that ends with that error."""

    def step() -> dict[str, Any]:
        raise error

    return carry_out(step)


def test_a_step_s_result_is_handed_on() -> None:
    assert carry_out(lambda: {"changed": True}) == {"changed": True}


def test_trouble_is_told_as_cause_detail_and_remedy() -> None:
    told = failing(Trouble("nginx refuses its files.", "Correct nginx_server_names.", "unknown directive"))
    assert told == {"failed": True, "msg": "nginx refuses its files.\nunknown directive\nCorrect nginx_server_names."}


def test_trouble_without_a_remedy_is_its_cause() -> None:
    assert str(Trouble("There is no such file.")) == "There is no such file."


def test_trouble_survives_the_way_to_another_process() -> None:
    there = pickle.loads(pickle.dumps(Trouble("cause", "remedy", "detail")))  # noqa: S301 - made in the same line
    assert (there.cause, there.remedy, there.detail) == ("cause", "remedy", "detail")


@pytest.mark.parametrize("reason", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_names_the_file_and_the_remedy(reason: int) -> None:
    told = failing(OSError(reason, "full", "/srv/shop/releases"))
    assert told == {
        "failed": True,
        "msg": "The disk is full: /srv/shop/releases can't be written.\nMake room, then run this again.",
    }


def test_a_step_may_say_what_to_do_about_a_full_disk() -> None:
    def step() -> dict[str, Any]:
        raise OSError(errno.ENOSPC, "full", "/srv/shop")

    assert carry_out(step, "Lower site_keep_releases.")["msg"].endswith("\nLower site_keep_releases.")


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "Permission denied", "/etc/shop"), KeyError("workers")])
def test_an_error_that_nobody_foresaw_names_its_line_and_comes_with_its_trace(error: Exception) -> None:
    told = failing(error)
    assert told["failed"]
    assert told["msg"].startswith(f"{type(error).__name__} in test_errors.py, line ")
    assert str(error) in told["msg"]
    assert "-vvv" in told["msg"]
    assert "Traceback" in told["exception"]


def test_whatever_ends_the_process_on_purpose_passes_through() -> None:
    with pytest.raises(SystemExit):
        failing(SystemExit(0))
