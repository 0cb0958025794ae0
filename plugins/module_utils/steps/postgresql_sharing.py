# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look what other sites need of a PostgreSQL that a site shares with them, or take the site's own part away."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import on_this_host
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import leave, look_at_others

SPEC: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["read", "absent"], "default": "read"},
    "version": {"type": "str", "default": ""},
    "cluster": {"type": "str", "default": "main"},
}


def take(module: Call) -> None:
    """Look, or leave.

    :raises PostgresqlError: the part can't be taken away.
    """
    wanted = module.params
    if wanted["state"] == "absent":
        module.exit_json(**leave(wanted["site"], module.check_mode, on_this_host))
    module.exit_json(**look_at_others(wanted, on_this_host))
