# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a site does on one host: what the operator is shown, and what the host itself tells of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.patience import TooSlowError, within
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import failing_renewal
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status.application import look_at_app
from ansible_collections.hotclub.django.plugins.module_utils.status.background import look_at_workers
from ansible_collections.hotclub.django.plugins.module_utils.status.backups import (
    look_at_backups,
    look_at_kept_backups,
    look_at_kept_uploads,
)
from ansible_collections.hotclub.django.plugins.module_utils.status.database import look_at_database
from ansible_collections.hotclub.django.plugins.module_utils.status.members import look_at_members
from ansible_collections.hotclub.django.plugins.module_utils.status.prometheus import look_at_alerts
from ansible_collections.hotclub.django.plugins.module_utils.status.units import look_at_units
from ansible_collections.hotclub.django.plugins.module_utils.status.validity import (
    look_at_certificate,
    look_at_internal_certificates,
)
from ansible_collections.hotclub.django.plugins.module_utils.status.web_server import (
    connection_to,
    look_at_balancer,
    look_at_web_server,
)

MEBI = 1024 * 1024
# Of all but the backups, whose storage may be far away.
PATIENCE_SECONDS, PATIENCE_WITH_BACKUPS_SECONDS = 60.0, 180.0
BACKUPS = "the backups"
Look = Callable[[], object]


def look_at_host(wanted: Mapping[str, Any], take: Callable[[str, Look, dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """Look at each tier of the host.

    :param wanted: the arguments of the step ``site_status``, with their defaults.
    :param take: looks at one part, of which it is told the name; what fails there ends the whole look when left out.
    """
    status: dict[str, Any] = {"tiers": wanted["tiers"], "problems": [], "remarks": [], "unsettled": []}
    for what, look in parts(wanted, status):
        if take:
            take(what, look, status)
        else:
            look()
    return status


def in_time(what: str, look: Look, status: dict[str, Any]) -> None:
    """Look at one part, and say where that fails or has no end, rather than say nothing of the other parts."""
    try:
        with within(PATIENCE_WITH_BACKUPS_SECONDS if what == BACKUPS else PATIENCE_SECONDS):
            look()
    except Exception as error:  # whatever it is, somebody must be told
        reason = str(error) if isinstance(error, TooSlowError) else f"{type(error).__name__}: {error}"
        status["problems"].append(f"{what} can't be looked at ({reason})")


def parts(wanted: Mapping[str, Any], status: dict[str, Any]) -> list[tuple[str, Look]]:
    """Return what there is to look at, each with its name."""
    site, check = Site.at(wanted["name"], wanted["root"]), HealthCheck(**wanted["health"])
    tiers, tls_port, days = wanted["tiers"], wanted["tls_port"], wanted["certificate_days"]
    found: list[tuple[str, Look]] = [
        ("the disk", lambda: look_at_disk(site, wanted["minimum_free_mb"], status)),
        ("the units", lambda: look_at_units(site, tiers, status)),
    ]
    if "app" in tiers:
        found += [
            ("the application", lambda: look_at_app(site, check, wanted["migrations"], status)),
            ("the workers", lambda: look_at_workers(site, status)),
        ]
    if "lb" in tiers:
        found += [("the web server", lambda: look_at_web_server(check, connection_to(check, wanted["port"], tls_port), status))]
    if "lb" in tiers and tls_port:
        found += [
            ("the certificate", lambda: look_at_certificate(check, tls_port, days, status)),
            ("the renewal of the certificate", lambda: look_at_renewal(site, status)),
        ]
    internal = wanted["internal_certificates"]
    found += [("the certificates between hosts", lambda: look_at_internal_certificates(internal, days, status))]
    if wanted["balanced_hosts"]:
        found += [("HAProxy", lambda: look_at_balancer(site, wanted["balanced_hosts"], status))]
    if "db" in tiers:
        found += [
            ("PostgreSQL", lambda: look_at_database(wanted["database"], status)),
            ("the members of the database's cluster", lambda: look_at_members(status)),
        ]
    if wanted["alerts"]:
        found += [("the alerts of Prometheus", lambda: look_at_alerts(site.name, status))]
    if wanted["backups_kept"]:
        found += [("the backups of other hosts", lambda: look_at_kept_backups(site.name, wanted["backups_kept"], status))]
    if wanted["uploads_kept"]:
        found += [("the copies of the uploads", lambda: look_at_kept_uploads(site.name, wanted["uploads_kept"], status))]
    if wanted["backups"]:
        found += [(BACKUPS, lambda: look_at_backups(status))]
    return found


def look_at_disk(site: Site, minimum_mb: int, status: dict[str, Any]) -> None:
    """Say how much room is left."""
    status["disk_free_mb"] = shutil.disk_usage(site.root if site.root.is_dir() else "/").free // MEBI
    if status["disk_free_mb"] < minimum_mb:
        status["problems"].append(f"only {status['disk_free_mb']} MiB of disk left")


def look_at_renewal(site: Site, status: dict[str, Any]) -> None:
    """Say whether the certificate for visitors is renewed."""
    if failure := failing_renewal(site.name):
        status["problems"].append(f"the certificate is not renewed: {failure} See `journalctl -u {site.name}-acme`")
