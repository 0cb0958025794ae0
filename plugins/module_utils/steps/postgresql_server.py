# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run PostgreSQL with its files, and keep its settings, accounts, databases and extensions."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.arguments import SERVER
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import serve

SPEC: dict[str, Any] = {
    **SERVER,
    "restart_allowed": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["running", "configured"], "default": "running"},
    "is_first": {"type": "bool", "default": True},
    "members": {"type": "list", "elements": "str", "default": []},
    "is_alone": {"type": "bool", "default": False},
    "site": {"type": "str", "default": ""},
    "connections": {"type": "dict", "default": {}},
    "needs": {
        "type": "dict",
        "options": {
            "listen_addresses": {"type": "list", "elements": "str", "default": ["localhost"]},
            "max_connections": {"type": "int", "default": 0},
            "memory_mb": {"type": "int", "required": True},
            "processors": {"type": "int", "required": True},
            "certificate_names": {"type": "list", "elements": "str", "default": []},
            "is_copied": {"type": "bool", "default": False},
            "is_archived": {"type": "bool", "default": False},
            "settings": {"type": "dict", "default": {}},
        },
    },
    "users": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "attributes": {"type": "str"},
            "acts_for": {"type": "str"},
            "connection_limit": {"type": "int"},
        },
    },
    "databases": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "encoding": {"type": "str"},
            "locale": {"type": "str"},
            "extensions": {"type": "list", "elements": "str"},
        },
    },
}


def take(module: Call) -> None:
    """Bring the server to what is wanted.

    :raises PostgresqlError: the server can't be brought there.
    """
    module.exit_json(**serve(module.params, module.check_mode, on_this_host))
