# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at a database server without changing anything."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.arguments import SERVER
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.move import view

SPEC: dict[str, Any] = {
    **SERVER,
}


def take(module: Call) -> None:
    """Look, and tell."""

    def run(command: list[str]) -> tuple[int, str]:
        code, out, err = module.run_command(command, cwd="/", environ_update={"LC_ALL": "C.UTF-8"})
        return code, out + err

    try:
        module.exit_json(
            changed=False, server=view(Cluster(module.params["version"], module.params["cluster"], module.params["port"], run))
        )
    except PostgresqlError as error:
        module.fail_json(msg=str(error))
