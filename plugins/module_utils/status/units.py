# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which units of a site have failed on one host."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

# Those of the site, and those that its hosts run for all their sites. No pattern meets the units of another site.
PATTERNS = (
    *("{site}.*", "{site}@*", "{site}-*", "hotclub-*"),
    *("haproxy.service", "keepalived.service", "etcd.service", "patroni@*", "postgresql@*"),
)
# Of which the status says more elsewhere: what fails of a release that is proved is its deploy's to tell.
SPOKEN_OF = ("{site}-worker-", "{site}-timer-", "{site}-probe@", "{site}-acme.", "{site}-watch.", "hotclub-backups.")


def look_at_units(site: Site, status: dict[str, Any]) -> None:
    """Say which units have failed."""
    patterns = [pattern.format(site=site.name) for pattern in PATTERNS]
    listed = systemctl("list-units", "--plain", "--no-legend", "--full", "--state=failed", *patterns).stdout
    spoken_of = tuple(prefix.format(site=site.name) for prefix in SPOKEN_OF)
    for line in listed.splitlines():
        unit = line.split()[0] if line.split() else ""
        if unit and not unit.startswith(spoken_of):
            status["problems"].append(f"{unit} has failed: journalctl -u '{unit}'")
