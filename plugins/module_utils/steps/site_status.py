# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say how a site does on one host."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import verbs
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools
from ansible_collections.hotclub.django.plugins.module_utils.postgresql import managed
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.pools import Pools
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import HEALTH, SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status.background import look_at_singles, look_at_timers
from ansible_collections.hotclub.django.plugins.module_utils.status.database import look_at_managed
from ansible_collections.hotclub.django.plugins.module_utils.status.host import look_at_host
from ansible_collections.hotclub.django.plugins.module_utils.status.pools import look_at_pools
from ansible_collections.hotclub.django.plugins.module_utils.status.stores import Stores, look_at_stores
from ansible_collections.hotclub.django.plugins.module_utils.status.upgrades import look_at_interpreter, look_at_updates
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import look_at_watch

SPEC: dict[str, Any] = {
    **SITE,
    **HEALTH,
    "tiers": {"type": "list", "elements": "str", "required": True},
    "port": {"type": "int", "default": 80},
    "tls_port": {"type": "int", "default": 0},
    "certificate_days": {"type": "int", "default": 14},
    "internal_certificates": {"type": "list", "elements": "str", "default": []},
    "database": {"type": "str", "required": True},
    "managed_database": {"type": "dict", "no_log": False, "options": managed.PARAMETERS},
    "backups": {"type": "bool", "default": False},
    "alerts": {"type": "bool", "default": False},
    "backups_kept": {"type": "str", "default": ""},
    "uploads_kept": {"type": "str", "default": ""},
    "balanced_hosts": {"type": "list", "elements": "str", "default": []},
    "migrations": {"type": "bool", "default": False},
    "minimum_free_mb": {"type": "int", "default": 512},
    "updates": {"type": "bool", "default": False},
    "history": {"type": "int", "default": 0},
    "security_update_days": {"type": "int", "default": 14},
    "uv": {"type": "path", "default": "/opt/uv"},
    "python_path": {"type": "path", "default": "/opt/python"},
    "python": {"type": "path", "default": "/usr/bin/python3"},
}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, look)


def look(module: Call) -> dict[str, Any]:
    """Look at the host, and at the newer software that waits for it."""
    site, wanted = site_of(module), module.params
    status = look_at_host(wanted)
    if "app" in wanted["tiers"]:
        look_at_timers(site, status)
        look_at_singles(site, status)
        look_at_pools(Pools(site.name, run), status)
    look_at_stores(Stores(site.name), status)
    if wanted["history"] > 0:
        status["verbs"] = verbs.of_site(site.name, wanted["history"])
    if wanted["history"] > 0 and "app" in wanted["tiers"]:
        # A release that is gone has told its version to nobody else.
        entries = site.history()[-wanted["history"] :]
        status["history"] = [{**entry, "version": site.describe(entry["release"]).get("version", "")} for entry in entries]
    if wanted["managed_database"]:
        look_at_managed(managed.Target.of(wanted["managed_database"]), status)
    look_at_watch(site, status)
    if wanted["updates"]:
        look_at_software(site, wanted, status)
    return {"changed": False, "status": status}


def look_at_software(site: Site, wanted: dict[str, Any], status: dict[str, Any]) -> None:
    """Say which newer software waits."""
    look_at_updates(site, wanted["security_update_days"], status)
    if "app" in wanted["tiers"]:
        look_at_interpreter(site, Tools(wanted["uv"], wanted["python_path"], run, {}), wanted["python"], status)
