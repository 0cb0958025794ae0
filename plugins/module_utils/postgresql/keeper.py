# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who starts, restarts and looks after a server: the host's systemd by itself; and for a member of a cluster, Patroni."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    Cluster,
    Step,
    steps_at_boot,
    steps_to_run,
    steps_while_running,
)

Look = Callable[[Cluster], dict[str, Any]]


@dataclass(frozen=True)
class Keeper:
    """What a server needs that the host itself runs."""

    cluster: Cluster

    def refuse_others(self, members: Sequence[str]) -> None:
        """Refuse a server that follows a primary which is none of these."""

    def steps_at_boot(self) -> Iterator[Step]:
        """Return what is missing for the server to start with the host."""
        return steps_at_boot(self.cluster)

    def steps_to_run(self, is_first: bool) -> Iterator[Step]:
        """Return what a server needs that does not run.

        :param is_first: of a member, whether it may begin a cluster where there is none.
        """
        del is_first
        return steps_to_run(self.cluster)

    def steps_while_running(self, restart_allowed: bool, look: Look, settings: Mapping[str, str]) -> Iterator[Step]:
        """Return what a running server needs."""
        return steps_while_running(self.cluster, restart_allowed, look, settings)

    def steps_of_primary(self) -> Iterable[Step]:
        """Return what is missing besides accounts and databases, on the server that they are made on."""
        return ()

    def pending(self) -> dict[str, str]:
        """Return settings that wait for a restart and that no file of the server says, with their present values."""
        return {}
