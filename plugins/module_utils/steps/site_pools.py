# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remove the pools of database connections that a site no longer uses on this host."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.pools import Pools

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "kept": {"type": "list", "elements": "str", "required": True},
}


def take(module: Call) -> None:
    """Stop those that are not kept, and remove what they were started from.

    :raises Trouble: systemd does not stop one.
    """
    pools = Pools(module.params["name"], run)
    needless = [name for name in pools.names() if name not in module.params["kept"]]
    paths = [*(pools.folder / name for name in needless), *([] if module.params["kept"] else pools.common())]
    paths = [path for path in paths if path.exists()]
    if not module.check_mode:
        pools.stop(needless)
        pools.remove(paths)
    module.exit_json(changed=bool(needless or paths), stopped=needless, removed=[str(path) for path in paths])
