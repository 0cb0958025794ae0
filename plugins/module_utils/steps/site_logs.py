# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say what a host has written about a site."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import secrets
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.status.logs import LEVELS, Wanted, entries

SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
    "database": {"type": "str", "required": True},
    "since": {"type": "str", "required": True},
    "up_to": {"type": "str", "default": ""},
    "level": {"type": "str", "choices": ["", *LEVELS], "default": ""},
    "request": {"type": "str", "default": ""},
    "release": {"type": "str", "default": ""},
    "programs": {"type": "list", "elements": "str", "default": []},
    "lines": {"type": "int", "default": 200},
    # The controller asks again for these, and makes seconds of moments.
    "follow": {"type": "bool", "default": False},
    "follow_seconds": {"type": "int", "default": 0},
}

# As long, a failure takes to be written from its first line to its last.
SETTLED_SECONDS = 1.0


def moment(said: str | float, now: float) -> float:
    """Return a moment in seconds since 1970; a negative one is so long ago, by the clock of this host."""
    seconds = float(said)
    return now + seconds if seconds < 0 else seconds


def take(module: Call) -> None:
    """Read, and tell."""
    asked, now = module.params, time.time()
    # Who is followed may be in the middle of what belongs together.
    until = asked["up_to"] or (now - SETTLED_SECONDS if asked["follow"] else now)
    wanted = Wanted(
        since=moment(asked["since"], now),
        until=moment(until, now),
        level=asked["level"],
        request=asked["request"],
        release=asked["release"],
        programs=tuple(asked["programs"]),
        lines=asked["lines"],
    )
    site, hidden = Site.at(asked["name"], asked["root"]), []
    # There are no secrets of the site where it doesn't run.
    with contextlib.suppress(Trouble):
        hidden = secrets(site.environment(site.current()))
    module.exit_json(changed=False, logs=entries(site.name, asked["database"], wanted, hidden))
