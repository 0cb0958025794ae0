# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd is asked and told about units."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, Run, run

UNITS = Path("/etc/systemd/system")


def systemctl(*arguments: str) -> Outcome:
    """Run systemctl."""
    return run(["systemctl", *arguments])


def journal(match: str, lines: int, hidden: Sequence[str] = (), run: Run = run) -> str:
    """Return the last lines of the journal, also those that a program printed just before its end.

    :param match: what they have in common, such as ``_SYSTEMD_UNIT=x.service`` or ``--unit=x.service``.
    :param lines: how many at most.
    :param hidden: secrets that must not be in them.
    """
    # The journal reads what programs print when it gets to it, which on a busy host is after their end.
    run(["journalctl", "--sync"])
    command = ["journalctl", "--no-pager", "--output=cat", "--quiet", f"--lines={lines}", match]
    # Of a command that takes no such argument, there is nothing to hide.
    return run(command, **({"hidden": hidden} if hidden else {})).stdout.strip()


def properties(unit: str, *names: str) -> dict[str, str]:
    """Return properties of a unit as systemd shows them."""
    shown = systemctl("show", unit, f"--property={','.join(names)}").stdout
    return dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)


def properties_of(units: Sequence[str], *names: str) -> dict[str, dict[str, str]]:
    """Return properties of several units, by their names."""
    if not units:
        return {}
    shown = systemctl("show", *units, f"--property={','.join(('Id', *names))}").stdout
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def older(unit: str, since: str, files: Sequence[Path]) -> bool:
    """Say whether a unit took up its work before one of these files changed.

    :param unit: name of the unit.
    :param since: the property of systemd's that tells when it did.
    :param files: what it read then.
    """
    # With all its digits: a change within the second in which it began is a change.
    timestamp = systemctl("show", unit, "--value", "--timestamp=us+utc", f"--property={since}").stdout.strip()
    if not timestamp:
        return False
    changed = max((path.stat().st_mtime for path in files if path.exists()), default=0.0)
    return float(run(["date", "--date", timestamp, "+%s.%N"]).stdout.strip() or 0) < changed


def seconds_since(monotonic: str) -> float | None:
    """Return how long ago something was, by one of systemd's monotonic time stamps; none where it never was."""
    return time.monotonic() - int(monotonic) / 1e6 if monotonic.isdigit() and int(monotonic) else None


def bring_up_timer(timer: str, service: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """Return what is left to do until a timer runs as its files say, in order."""
    unit = properties(timer, "ActiveState", "UnitFileState", "NeedDaemonReload")
    stale = unit.get("NeedDaemonReload") == "yes" or not unit.get("UnitFileState")
    if stale or properties(service, "NeedDaemonReload").get("NeedDaemonReload") == "yes":
        yield "daemon-reload", lambda: systemctl("daemon-reload")
    if unit.get("UnitFileState") != "enabled":
        yield "enable", lambda: _must("enable", "--quiet", timer)
    if unit.get("ActiveState") != "active" or stale:
        yield "start", lambda: _must("restart", timer)


def _must(*words: str) -> None:
    done = systemctl(*words)
    if done.code:
        raise Trouble(f"systemctl {' '.join(words)} failed: {done.output}")
