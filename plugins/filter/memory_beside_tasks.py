# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What share of a host's memory is left for serving where work is done in the background as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Of the release that serves, and of the one before while it finishes.
RELEASES = 2
# What a process of a usual project takes in MiB, as gunicorn_worker_memory_mb has it.
TASK_MB = 200
LEAST_PERCENT = 10


def memory_beside_tasks(percent: int | str, memory_mb: int | str, tasks: int | str) -> int:
    """Return the share of the memory that what serves may take, in percent.

    :param percent: its share where nothing is done in the background.
    :param memory_mb: the memory of the host.
    :param tasks: how many tasks may run at a time.
    """
    taken = RELEASES * int(tasks) * TASK_MB * 100 // max(1, int(memory_mb))
    return max(LEAST_PERCENT, int(percent) - taken)


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"memory_beside_tasks": memory_beside_tasks}
