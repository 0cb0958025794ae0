# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look what other sites need of a PostgreSQL that a site shares with them, or take the site's own part away."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import leave, look_at_others

SPEC: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["read", "absent"], "default": "read"},
    "version": {"type": "str", "default": ""},
    "cluster": {"type": "str", "default": "main"},
}


def take(module: Call) -> None:
    """Look, or leave."""

    def run(command: list[str], data: str | None = None) -> tuple[int, str]:
        code, out, err = module.run_command(command, cwd="/", environ_update={"LC_ALL": "C.UTF-8"}, data=data)
        return code, out + err

    wanted = module.params
    try:
        if wanted["state"] == "absent":
            module.exit_json(**leave(wanted["site"], module.check_mode, run))
        module.exit_json(**look_at_others(wanted, run))
    except PostgresqlError as error:
        module.fail_json(msg=str(error))
