# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many gunicorn workers a host takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# The old and the new one.
INSTANCES = 2


def gunicorn_workers(cores: int, memory_mb: int, share_percent: int, worker_mb: int) -> int:
    """Return the number of workers of an instance for a host, on which two run side by side during a deploy.

    One for each core, two at least: with gthread workers more than one a core only added latency when measured
    on two cores, while Gunicorn's own rule, 2 x cores + 1
    (https://docs.gunicorn.org/en/stable/design.html#how-many-workers), is meant for sync workers. Memory bounds it: it has to
    hold the old and the new instance. The probe has one worker, and ends before the new instance starts.

    :param cores: processors of the host.
    :param memory_mb: its memory in MiB.
    :param share_percent: part of the memory that the workers of both may take, in percent.
    :param worker_mb: what one worker takes, in MiB.
    :returns: the number of workers, one at least.
    """
    fitting = int(memory_mb) * int(share_percent) // 100 // (INSTANCES * int(worker_mb))
    return max(1, min(max(2, int(cores)), fitting))


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"gunicorn_workers": gunicorn_workers}
