# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say how a site does on one host."""

from __future__ import annotations

import shutil
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import failing_renewal
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.pools import Pools
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import HEALTH, SITE, carry_out, health_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status.application import look_at_app
from ansible_collections.hotclub.django.plugins.module_utils.status.background import look_at_timers, look_at_workers
from ansible_collections.hotclub.django.plugins.module_utils.status.backups import look_at_backups
from ansible_collections.hotclub.django.plugins.module_utils.status.database import look_at_database
from ansible_collections.hotclub.django.plugins.module_utils.status.members import look_at_members
from ansible_collections.hotclub.django.plugins.module_utils.status.pools import look_at_pools
from ansible_collections.hotclub.django.plugins.module_utils.status.upgrades import look_at_interpreter, look_at_updates
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


SPEC: dict[str, Any] = {
    **SITE,
    **HEALTH,
    "tiers": {"type": "list", "elements": "str", "required": True},
    "port": {"type": "int", "default": 80},
    "tls_port": {"type": "int", "default": 0},
    "certificate_days": {"type": "int", "default": 14},
    "internal_certificates": {"type": "list", "elements": "str", "default": []},
    "database": {"type": "str", "required": True},
    "backups": {"type": "bool", "default": False},
    "balanced_hosts": {"type": "list", "elements": "str", "default": []},
    "migrations": {"type": "bool", "default": False},
    "minimum_free_mb": {"type": "int", "default": 512},
    "updates": {"type": "bool", "default": False},
    "security_update_days": {"type": "int", "default": 14},
    "uv": {"type": "path", "default": "/opt/uv"},
    "python_path": {"type": "path", "default": "/opt/python"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, look)


def look(module: Call) -> dict[str, Any]:
    """Look at each tier of the host."""
    site, check, wanted = site_of(module), health_of(module), module.params
    status: dict[str, Any] = {"tiers": wanted["tiers"], "problems": [], "remarks": []}
    status["disk_free_mb"] = shutil.disk_usage(site.root if site.root.is_dir() else "/").free // MEBI
    if status["disk_free_mb"] < wanted["minimum_free_mb"]:
        status["problems"].append(f"only {status['disk_free_mb']} MiB of disk left")
    if "app" in wanted["tiers"]:
        look_at_app(site, check, wanted["migrations"], status)
        look_at_workers(site, status)
        look_at_timers(site, status)
        look_at_pools(Pools(site.name, run), status)
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
    if wanted["updates"]:
        look_at_software(site, wanted, status)
    return {"changed": False, "status": status}


def look_at_software(site: Site, wanted: dict[str, Any], status: dict[str, Any]) -> None:
    """Say which newer software waits."""
    look_at_updates(site, wanted["security_update_days"], status)
    if "app" in wanted["tiers"]:
        look_at_interpreter(site, Tools(wanted["uv"], wanted["python_path"], run, {}), wanted["python"], status)
