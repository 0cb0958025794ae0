# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Running programs as another user, with an environment of their own and output that may be shown."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import redact

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHOWN_LINES = 25


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its exit code and what it printed."""

    code: int
    stdout: str
    stderr: str

    def tail(self, lines: int = SHOWN_LINES) -> str:
        """Return the last lines of what it printed, errors after output."""
        text = "\n".join(part.strip() for part in (self.stdout, self.stderr) if part.strip())
        return "\n".join(text.splitlines()[-lines:])


def run(
    command: Sequence[str],
    *,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: str = "/",
    stdin: str | None = None,
    hidden: Sequence[str] = (),
    timeout: float | None = None,
) -> Outcome:
    """Run a program and return how it ended.

    :param command: program and arguments; no shell is involved.
    :param user: account to become, with its own groups; the module's account when absent.
    :param environment: the whole environment besides ``PATH``, ``HOME`` and ``LANG``.
    :param cwd: folder to run in.
    :param stdin: text for its standard input.
    :param hidden: values replaced in its output before anybody sees it.
    :param timeout: seconds after which it is ended.
    :raises Trouble: the program is missing, or it ran out of time.
    """
    base = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    account: dict[str, object] = {}
    if user is not None:
        entry = pwd.getpwnam(user)
        base["HOME"] = entry.pw_dir
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}
    try:
        ended = subprocess.run(  # type: ignore[call-overload]
            list(command),
            env={**base, **(environment or {})},
            cwd=cwd,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            umask=0o027,
            **account,
        )
    except FileNotFoundError as error:
        raise Trouble(f"{command[0]} is not installed on {os.uname().nodename} ({error}).") from error
    except subprocess.TimeoutExpired as error:
        raise Trouble(f"{command[0]} did not end within {timeout:.0f} s.") from error
    return Outcome(ended.returncode, redact(ended.stdout, hidden), redact(ended.stderr, hidden))
