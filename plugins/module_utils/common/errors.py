# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one error type of steps on hosts and on the controller, and the frame that turns a failure into one message."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable
from typing import Any

# No space left, and none left of the account's share.
FULL = (errno.ENOSPC, errno.EDQUOT)


class Trouble(Exception):  # noqa: N818 - what the operator is told about, whether or not the program is in error
    """A step that can't go on.

    :param cause: what is wrong, naming the thing (a file, a ref, a unit).
    :param remedy: what the operator can do or write instead.
    :param detail: output of the failing tool, shortened, without secrets.
    """

    def __init__(self, cause: str, remedy: str = "", detail: str = "") -> None:
        super().__init__(cause, remedy, detail)
        self.cause = cause
        self.remedy = remedy
        self.detail = detail

    def __str__(self) -> str:
        """Return the text shown to the operator: cause, tool output, remedy."""
        return "\n".join(part for part in (self.cause, self.detail, self.remedy) if part)


class Refusal(Trouble):
    """A host on which a run must not even begin: it would only come as far as this."""


def carry_out(step: Callable[[], dict[str, Any]], when_full: str = "Make room, then run this again.") -> dict[str, Any]:
    """Run a step and return its result, or its failure as one message with cause and remedy.

    Whatever ends the process on purpose passes through.

    :param when_full: what to do when the step finds the disk full.
    """
    try:
        return step()
    except Trouble as trouble:
        return failure(trouble)
    except OSError as error:
        if error.errno in FULL:
            return failure(full_disk(error, when_full))
        return {**failure(unexpected(error)), "exception": traceback.format_exc()}
    except Exception as error:  # the frame is the last that can explain it
        return {**failure(unexpected(error)), "exception": traceback.format_exc()}


def failure(trouble: Trouble) -> dict[str, Any]:
    """Return the result of a step that failed."""
    return {"failed": True, "msg": str(trouble), **({"refuses": True} if isinstance(trouble, Refusal) else {})}


def full_disk(error: OSError, remedy: str) -> Trouble:
    """Explain a write that found no room."""
    return Trouble(f"The disk is full: {error.filename or 'a file'} can't be written.", remedy)


def unexpected(error: Exception) -> Trouble:
    """Explain an error that no step has foreseen, by the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""
    said = str(error).strip()
    return Trouble(
        f"{type(error).__name__}{where}{f': {said}' if said else ''}.",
        "The step was not prepared for this. Run it again with -vvv, which shows the whole way to that line, and report it.",
    )
