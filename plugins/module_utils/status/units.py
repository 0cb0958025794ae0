# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which units of a site have failed on one host, or end again and again."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import properties_of, seconds_since
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

# Those of the site, and those that its hosts run for all their sites. No pattern meets the units of another site.
PATTERNS = ("{site}.*", "{site}@*", "{site}-*", "hotclub-*")
# Of packages, whose units may be there for something else, or for nothing any more, on a host that is not of these tiers.
PATTERNS_OF_TIERS = {
    "lb": ("haproxy.service", "keepalived.service"),
    "db": ("etcd.service", "patroni@*", "postgresql@*"),
    "dcs": ("etcd.service",),
}
# Of which the status says more elsewhere: what fails of a release that is proved is its deploy's to tell.
SPOKEN_OF = ("{site}-worker-", "{site}-timer-", "{site}-probe@", "{site}-acme.", "{site}-watch.", "hotclub-backups.")
SHOWN = ("ActiveState", "SubState", "NRestarts", "StateChangeTimestampMonotonic")
# What ends soon after its start runs at most looks, if it doesn't wait for the next start just then.
OFTEN, SHORT_SECONDS = 3, 60.0


def look_at_units(site: Site, tiers: Collection[str], status: dict[str, Any]) -> None:
    """Say which units have failed, and which systemd starts again and again."""
    of_tiers = {pattern for tier in tiers for pattern in PATTERNS_OF_TIERS.get(tier, ())}
    patterns = [*(pattern.format(site=site.name) for pattern in PATTERNS), *sorted(of_tiers)]
    spoken_of = tuple(prefix.format(site=site.name) for prefix in SPOKEN_OF)
    for unit, shown in properties_of(patterns, *SHOWN).items():
        if unit.startswith(spoken_of):
            continue
        if shown.get("ActiveState") == "failed":
            status["problems"].append(
                f"{unit} has failed: journalctl -u '{unit}'; where nothing needs it any more, systemctl reset-failed '{unit}'"
            )
        elif ends_again_and_again(shown):
            status["problems"].append(f"{unit} ends again and again: journalctl -u '{unit}'")


def ends_again_and_again(shown: dict[str, str]) -> bool:
    """Say whether systemd starts a unit again and again, which it never calls failed then.

    :param shown: its properties of ``SHOWN``.
    """
    if shown.get("SubState") == "auto-restart":
        return True
    restarts, since = shown.get("NRestarts", ""), seconds_since(shown.get("StateChangeTimestampMonotonic", ""))
    return restarts.isdigit() and int(restarts) >= OFTEN and since is not None and since < SHORT_SECONDS
