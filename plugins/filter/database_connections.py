# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many connections to the database the application hosts of a site may have open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from jinja2 import UndefinedError

# What the pool of psycopg keeps where nobody says otherwise.
POOL = 4
THREADS = 4
LEAST_WORKERS = 2
# The workers of the release that serves, and those of two older ones that finish their tasks.
RELEASES = 3
# Management commands that may run on a host besides: the one of the deploy, and one of somebody else or of a timer.
COMMANDS = 2
# That of the present password and the next one's, or that of one mode and the other's.
POOLS = 2


def database_connections(
    hosts: Iterable[str],
    hostvars: Mapping[str, Any],
    interface: str,
    databases: int | str = 1,
    working: Collection[str] = (),
    tasks: int | str = 0,
    pool: int | str = 0,
) -> dict[str, int]:
    """Return how many connections each host may have open during a deploy; 0 where this run can't tell.

    Each thread of a worker keeps one to each database, under ASGI each worker has a pool. An old and a new instance run side by
    side, a probe of one worker comes before the new one, and management commands run besides. So does work in the background.

    :param hosts: the application hosts.
    :param interface: wsgi or asgi.
    :param databases: how many of the project's databases are on the server.
    :param working: those of the hosts that do background work.
    :param tasks: how many tasks may run on each of them at a time.
    :param pool: how many connections to the default database each host's requests share; 0 where each thread has its own.
    """
    serving = {host: _connections(hostvars[host], interface) for host in hosts}
    background = {host: RELEASES * int(tasks) if host in working else 0 for host in serving}
    if not int(pool):
        return {host: (count + background[host]) * int(databases) if count else 0 for host, count in serving.items()}
    # While one pool takes the place of another one, both have connections.
    shared, commands = POOLS * int(pool), COMMANDS * (POOL if interface == "asgi" else 1)
    found = {}
    for host, count in serving.items():
        straight = _ignores_pools(hostvars[host])
        own = (count if straight else commands) + background[host]
        can_tell = count or (int(databases) == 1 and not straight)
        found[host] = shared + own + (count + background[host]) * (int(databases) - 1) if can_tell else 0
    return found


def _ignores_pools(variables: Mapping[str, Any]) -> bool:
    """Say whether a host serves a release that was built before pools were known, which goes straight to the server."""
    return bool(variables.get("ansible_facts", {}).get("hotclub_ignores_pools", False))


def _connections(variables: Mapping[str, Any], interface: str) -> int:
    try:
        processors = int(variables.get("ansible_facts", {}).get("processor_vcpus", 0))
        # Without a word of the inventory, memory may bound them further.
        # What stands there wins over what has a variable of its own.
        settings = dict(variables.get("gunicorn_settings", {}))
        said = settings.get("workers", variables.get("gunicorn_workers", 0))
        workers = int(said) or (max(LEAST_WORKERS, processors) if processors else 0)
        each = POOL if interface == "asgi" else int(settings.get("threads", variables.get("gunicorn_threads", THREADS)))
    except (AnsibleError, UndefinedError, ValueError):
        # Worked out by the inventory from facts of a host that this run leaves out.
        return 0
    return (2 * workers + 1) * each + COMMANDS * (POOL if interface == "asgi" else 1) if workers else 0


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"database_connections": database_connections}
