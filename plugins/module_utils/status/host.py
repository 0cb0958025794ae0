# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a site does on one host: what the operator is shown, and what the host itself tells of."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.front.acme import failing_renewal
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status.application import look_at_app
from ansible_collections.hotclub.django.plugins.module_utils.status.background import look_at_workers
from ansible_collections.hotclub.django.plugins.module_utils.status.backups import look_at_backups
from ansible_collections.hotclub.django.plugins.module_utils.status.database import look_at_database
from ansible_collections.hotclub.django.plugins.module_utils.status.members import look_at_members
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


def look_at_host(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Look at each tier of the host.

    :param wanted: the arguments of the step ``site_status``, with their defaults.
    """
    site, check = Site.at(wanted["name"], wanted["root"]), HealthCheck(**wanted["health"])
    status: dict[str, Any] = {"tiers": wanted["tiers"], "problems": [], "remarks": [], "unsettled": []}
    status["disk_free_mb"] = shutil.disk_usage(site.root if site.root.is_dir() else "/").free // MEBI
    if status["disk_free_mb"] < wanted["minimum_free_mb"]:
        status["problems"].append(f"only {status['disk_free_mb']} MiB of disk left")
    look_at_units(site, wanted["tiers"], status)
    if "app" in wanted["tiers"]:
        look_at_app(site, check, wanted["migrations"], status)
        look_at_workers(site, status)
    if "lb" in wanted["tiers"]:
        look_at_web_server(check, connection_to(check, wanted["port"], wanted["tls_port"]), status)
        if wanted["tls_port"]:
            look_at_certificate(check, wanted["tls_port"], wanted["certificate_days"], status)
            if failure := failing_renewal(site.name):
                status["problems"].append(f"the certificate is not renewed: {failure} See `journalctl -u {site.name}-acme`")
    look_at_internal_certificates(wanted["internal_certificates"], wanted["certificate_days"], status)
    if wanted["balanced_hosts"]:
        look_at_balancer(site, wanted["balanced_hosts"], status)
    if "db" in wanted["tiers"]:
        look_at_database(wanted["database"], status)
        look_at_members(status)
    if wanted["backups"]:
        look_at_backups(status)
    return status
