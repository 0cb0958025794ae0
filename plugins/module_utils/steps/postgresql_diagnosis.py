# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say what slows a database down, without changing anything."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.diagnosis import diagnose

SPEC: dict[str, Any] = {
    "version": {"type": "str", "default": ""},
    "database": {"type": "str", "required": True},
}


def take(module: Call) -> None:
    """Look, and tell.

    :raises PostgresqlError: the server does not run, or can't be asked.
    """
    module.exit_json(changed=False, diagnosis=diagnose(module.params["version"], module.params["database"], on_this_host))
