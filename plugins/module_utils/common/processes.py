# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one way to run a program: no shell, plain English, an environment of its own, an end, and output that may be shown."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble

# How whatever runs programs is handed to what needs it, so that tests can answer in their place.
Run = Callable[..., "Outcome"]

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHOWN_LINES = 25
REDACTED = "********"
# Longer than the slowest program of a healthy host takes: what is still running then hangs.
HOUR_SECONDS = 3600.0
# For a project's own code: the migration of a large table may take hours.
DAY_SECONDS = 86400.0


@dataclass(frozen=True)
class Outcome:
    """How a program ended: its exit code and what it printed."""

    code: int
    stdout: str = ""
    stderr: str = ""

    @property
    def output(self) -> str:
        """All that it printed, errors after output."""
        return "\n".join(part.strip() for part in (self.stdout, self.stderr) if part.strip())

    def tail(self, lines: int = SHOWN_LINES) -> str:
        """Return the last lines of what it printed."""
        return "\n".join(self.output.splitlines()[-lines:])


def run(
    command: Sequence[str],
    *,
    user: str | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: str = "/",
    stdin: str | None = None,
    hidden: Sequence[str] = (),
    timeout: float = HOUR_SECONDS,
    too_slow: str = "Find out what it waits for, and run this again.",
    umask: int = 0o027,
) -> Outcome:
    """Run a program and return how it ended.

    :param command: program and arguments; no shell is involved.
    :param user: account to become, with its own groups; the module's account when absent.
    :param environment: the whole environment besides ``PATH``, ``HOME`` and ``LANG``.
    :param cwd: folder to run in.
    :param stdin: text for its standard input.
    :param hidden: values replaced in its output before anybody sees it.
    :param timeout: seconds after which it is ended, with what it has started.
    :param too_slow: what the operator can do when that happens.
    :param umask: what others may not do with files that it writes; as a rule they may not read them.
    :raises Trouble: the program is missing, or it ran out of time.
    """
    base = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    account: dict[str, Any] = {}
    if user is not None:
        entry = pwd.getpwnam(user)
        base["HOME"] = entry.pw_dir
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": os.getgrouplist(user, entry.pw_gid)}
    try:
        # AnsibleModule's run_command becomes no other account, knows no time limit, and needs a module.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function
            list(command),
            env={**base, **(environment or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            umask=umask,
            process_group=0,
            **account,
        )
    except FileNotFoundError as error:
        raise Trouble(f"{command[0]} is not installed on {os.uname().nodename} ({error}).") from error
    with process:
        try:
            stdout, stderr = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired as error:
            end(process)
            raise Trouble(f"{os.path.basename(command[0])} did not end within {timeout:.0f} s.", too_slow) from error
        except BaseException:
            end(process)
            raise
    return Outcome(process.returncode, redact(stdout, hidden), redact(stderr, hidden))


def end(process: subprocess.Popen[str]) -> None:
    """Kill a program and what it has started, which would keep its output open."""
    os.killpg(process.pid, signal.SIGKILL)


def redact(text: str, hidden: Iterable[str]) -> str:
    """Return the text with every hidden value replaced."""
    for value in hidden:
        text = text.replace(value, REDACTED)
    return text


def run_for_everybody(command: Sequence[str], **more: Any) -> Outcome:
    """Run a program whose files everybody may read, such as trusted certificates, locales and interpreters."""
    return run(command, umask=0o022, **more)
