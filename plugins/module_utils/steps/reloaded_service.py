# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a service with the configuration that is on disk, by a reload where it runs already."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.common.service import Service, bring_up, has_files

ANY = re.compile("")

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "configuration_path": {"type": "path", "required": True},
    "new_worker": {"type": "bool", "default": False},
    "sites_path": {"type": "path"},
    "timeout_seconds": {"type": "int", "default": 15},
}


def take(module: Call) -> None:
    """Bring the service to where it should be."""
    wanted = module.params
    service = Service(wanted["name"], run, ANY if wanted["new_worker"] else None)
    bring_up(module, service, needed=not wanted["sites_path"] or has_files(Path(wanted["sites_path"])))
