# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build a release of a Django project beside the one that serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import LOCKED, SITE, carry_out, run_of, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.builder import Builder, clear_unfinished, refuse_little_space
from ansible_collections.hotclub.django.plugins.module_utils.release.contents import Incoming
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.source import SentSource
from ansible_collections.hotclub.django.plugins.module_utils.release.workers import Workers

text = {"type": "str", "default": ""}
texts = {"type": "list", "elements": "str", "default": []}
SPEC: dict[str, Any] = {
    **SITE,
    **LOCKED,
    "stamp": {"type": "str", "required": True},
    "source": {"type": "str", "required": True},
    "version": {"type": "str", "default": "HEAD"},
    "deploy_key": {**text, "no_log": True},
    "submodule_keys": {"type": "dict", "default": {}, "no_log": True},
    "host_keys": {**texts, "no_log": False},
    "signing_keys": {**texts, "no_log": False},
    "list": text,
    "part": text,
    "file": {"type": "path"},
    "commit": text,
    "rebuild": {"type": "bool", "default": False},
    "pins": {"type": "dict", "default": {}},
    "pins_python": {"type": "str", "default": ""},
    "renewed": {"type": "bool", "default": False},
    "source_seconds": {"type": "int", "default": 600},
    "build_seconds": {"type": "int", "default": 1800},
    "project_path": text,
    "settings_module": text,
    "settings_mode": {"type": "str", "choices": ["layered", "project"], "default": "layered"},
    "interface": {"type": "str", "choices": ["wsgi", "asgi"], "default": "wsgi"},
    "application": text,
    "requirements_file": text,
    "python": {"type": "path", "default": "/usr/bin/python3"},
    "uv": {"type": "path", "default": "/opt/uv/bin/uv"},
    "extras": {"type": "dict", "default": {}},
    "extra_hashes": text,
    "poetry": text,
    "packages": texts,
    "environment": {"type": "dict", "default": {}},
    "audit_mode": {"type": "str", "choices": ["off", "report", "stop"], "default": "off"},
    "audit_service_url": text,
    "audit_ignored": texts,
    "build_commands": texts,
    "build_leftovers": texts,
    "static_commands": texts,
    "shared_paths": texts,
    "static_url": {"type": "str", "default": "/static/"},
    "media_url": {"type": "str", "default": "/media/"},
    "database_count": {"type": "int", "default": 1},
    "minimum_free_mb": {"type": "int", "default": 512},
    "unmade_migrations_allowed": {"type": "bool", "default": False},
    "by": text,
}


def take(module: Call) -> None:
    """Run the module."""
    # Addresses of sources and package indexes may hold passwords.
    carry_out(module, build, arguments_shown=False)


def build(module: Call) -> dict[str, Any]:
    """Build the release, or leave no trace of it."""
    site = site_of(module)
    if module.check_mode:
        return {"changed": True, "release": {}, "pending": [], "seconds": {}}
    with site.step(wait_seconds=300, run=run_of(module)):
        clear_unfinished(site)
        refuse_little_space(site, module.params["minimum_free_mb"])
        # Again when they take over, but by then the database has been migrated. One that the fleet has already migrates nothing,
        # and a rollback to it waits for nobody.
        if not module.params["rebuild"]:
            Workers(site).refuse_too_many()
        sent = None
        if module.params["list"]:
            sent = taken_in(module, site)
            if parts := sent.lacking():
                return {"changed": True, "parts": parts}
        builder = Builder(site, module.params)
        try:
            result = builder.build(sent)
        except BaseException:
            builder.discard()
            raise
        if sent:
            sent.clear()
        return result


def taken_in(module: Call, site: Site) -> SentSource:
    """Take in what was sent of a folder of the controller."""
    sha256, part, file = (module.params[name] for name in ("list", "part", "file"))
    Incoming(site.incoming).take_in(Path(file), sha256, part)
    return SentSource(site, sha256)
