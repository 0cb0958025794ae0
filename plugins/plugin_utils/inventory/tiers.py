# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tiers that a site is made of, each said once: a host's tier is the group of this name. A new tier is an entry here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Tier:
    """A group of the inventory that means something to the collection."""

    name: str
    # What its hosts do, so that a message can say what nobody would do without one: "receive" and "the visitors".
    verb: str
    what: str
    # What people call it elsewhere, for hints.
    synonyms: tuple[str, ...]
    # The variable by which the operator lets its only host reboot; empty where nobody would notice.
    reboot_permission: str = ""
    # How a host of it is relieved before it is worked on: "balancers" send it no requests, another host takes its "addresses",
    # or requests that need it are held ("hold"). Empty where nothing waits for it.
    drained_by: str = ""
    may_be_empty: bool = False
    # What the inventory says where somebody else does the work of its hosts; empty where nobody can.
    replaced_by: str = ""
    # The playbook that moves what its host keeps, when a host of it can't simply leave.
    moved_by: str = ""
    # Whether balancers share the requests between its hosts, each with a weight.
    takes_requests: bool = False

    @property
    def purpose(self) -> str:
        """What a host of it does: "receives the visitors"."""
        return f"{self.verb}s {self.what}"

    @property
    def work(self) -> str:
        """What its hosts do: "receive the visitors"."""
        return f"{self.verb} {self.what}"


# In the order of a request.
TIERS: Mapping[str, Tier] = {
    tier.name: tier
    for tier in (
        Tier(
            name="lb",
            verb="receive",
            what="the visitors",
            synonyms=(
                *("balancer", "balancers", "loadbalancer", "loadbalancers", "load_balancer", "load_balancers"),
                *("proxy", "nginx", "frontend", "web"),
            ),
            reboot_permission="patch_only_host_reboot",
            drained_by="addresses",
        ),
        Tier(
            name="app",
            verb="run",
            what="the project",
            synonyms=(
                *("application", "applications", "appserver", "appservers", "app_servers"),
                *("django", "backend", "web", "webservers", "webserver"),
            ),
            reboot_permission="patch_only_host_reboot",
            drained_by="balancers",
            takes_requests=True,
        ),
        Tier(
            name="db",
            verb="keep",
            what="the database",
            synonyms=("database", "databases", "dbserver", "dbservers", "db_servers", "postgres", "postgresql", "sql"),
            reboot_permission="patch_database_reboot",
            drained_by="hold",
            replaced_by="site_database_server: <its address>",
            moved_by="playbooks/move_database.yml -e move_database_from=",
        ),
        Tier(
            name="dcs",
            verb="decide",
            what="which database host is the primary",
            # An inventory may have an etcd of something else.
            synonyms=(),
            may_be_empty=True,
        ),
        # Application hosts all of them, since only these have releases.
        Tier(
            name="worker",
            verb="do",
            what="the work in the background",
            synonyms=("workers", "celery", "tasks", "jobs", "background"),
            may_be_empty=True,
        ),
        # Without synonyms, all three: an inventory may have hosts with a Redis, backups or a monitoring of something else.
        Tier(name="cache", verb="keep", what="the cache and the queue of tasks", synonyms=(), may_be_empty=True),
        Tier(name="backup", verb="keep", what="the backups of the database", synonyms=(), may_be_empty=True),
        Tier(name="monitoring", verb="watch", what="the other hosts", synonyms=(), may_be_empty=True),
    )
}


def hosts_by_tier(groups: Mapping[str, list[str]], without: Collection[str] = ()) -> dict[str, list[str]]:
    """Return the names of each tier's hosts, in the order of the inventory.

    :param without: hosts that are about to leave, as if the inventory no longer had them.
    """
    return {tier: [str(host) for host in groups.get(tier, []) if host not in without] for tier in TIERS}


def placed(groups: Mapping[str, list[str]]) -> list[str]:
    """Return the hosts of the site, in the order of the inventory; whatever else an inventory has is none of ours."""
    ours = {host for tier in TIERS for host in groups.get(tier, [])}
    return [host for host in groups.get("all", []) if host in ours]
