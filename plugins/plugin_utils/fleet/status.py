# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is wrong with a fleet though each of its hosts is well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.filter.fleet_release import fleet_release

NAMES_AT_MOST = 8


def fleet_problems(statuses: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the problems of the hosts together.

    :param statuses: what ``site_status`` found, by host.
    """
    served: dict[str, list[str]] = {}
    for host, status in statuses.items():
        if status.get("release"):
            served.setdefault(status["release"], []).append(host)
    if len(served) < 2:
        return []
    mix = "; ".join(f"{release} on {_names(hosts)}" for release, hosts in sorted(served.items()))
    return [
        f"the application hosts serve different releases: {mix}. Run playbooks/site.yml, which brings all to {_common(served)}, "
        "or playbooks/deploy.yml for a new one."
    ]


def _common(served: Mapping[str, Sequence[str]]) -> str:
    """Return the release to which the next run of the playbook site brings every host."""
    answers = {
        host: {"release": release, "built": [release], "known": {release: {"version": "", "commit": ""}}}
        for release, hosts in served.items()
        for host in hosts
    }
    return str(fleet_release(answers)["id"])


def _names(hosts: Sequence[str]) -> str:
    more = f" and {len(hosts) - NAMES_AT_MOST} more" if len(hosts) > NAMES_AT_MOST else ""
    return ", ".join(hosts[:NAMES_AT_MOST]) + more
