# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a service with the configuration that is on disk, by a reload where it runs already."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service, bring_up, has_files, leave_unused
from ansible_collections.hotclub.django.plugins.module_utils.machine.packages import DPKG_LIST, is_as_packaged

ANY = re.compile("")

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "configuration_path": {"type": "path", "required": True},
    "new_worker": {"type": "bool", "default": False},
    "sites_path": {"type": "path"},
    "unused_path": {"type": "path"},
    "timeout_seconds": {"type": "int", "default": 15},
}


def take(module: Call) -> None:
    """Bring the service to where it should be."""
    wanted = module.params
    service = Service(wanted["name"], run, ANY if wanted["new_worker"] else None)
    if unused := wanted["unused_path"]:
        status = Path(DPKG_LIST).read_text(encoding="utf-8", errors="replace")
        leave_unused(module, service, is_as_packaged(Path(unused), status))
    bring_up(module, service, needed=not wanted["sites_path"] or has_files(Path(wanted["sites_path"])))
