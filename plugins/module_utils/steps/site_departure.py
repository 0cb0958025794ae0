# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stop a site on this host for good, and remove its releases and secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import SITE, carry_out, site_of
from ansible_collections.hotclub.django.plugins.module_utils.release.departure import Departure

SPEC: dict[str, Any] = {**SITE, "uploads_path": {"type": "path", "default": ""}}


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, leave)


def leave(module: Call) -> dict[str, Any]:
    """Stop what runs, then remove what it ran from."""
    departure = Departure(site_of(module))
    running = departure.running()
    paths = [*departure.leftovers(), *departure.contents()]
    if not module.check_mode:
        departure.stop(running)
        departure.remove(paths)
    uploads, target = departure.uploads(), module.params["uploads_path"]
    moves = bool(target) and departure.site.root.is_dir()
    if moves and not module.check_mode:
        uploads = departure.move_uploads(Path(target))
    return {
        "changed": bool(running or paths or moves),
        "stopped": running,
        "removed": [str(path) for path in paths],
        "uploads": uploads,
    }
