"""Prints as JSON which upgrades wait, which of them are for security, and since when each is known here.

apt runs it with ``--keep`` whenever it has read its package lists, so that this is remembered; without, it changes nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

KEPT = Path("/var/lib/hotclub/waiting-updates.json")
COMMAND = ("apt-get", "--quiet", "--simulate", "--option=Debug::NoLocking=1", "--with-new-pkgs", "upgrade")
# Inst nginx [1.26.3-3] (1.26.3-3+deb13u1 Debian-Security:13/stable-security [amd64])
UPGRADE = re.compile(r"^Inst (\S+) \[[^]]*\] \((\S+) (.*?)(?: \[\w+\])?\)", re.MULTILINE)


def kept() -> dict[str, dict[str, object]]:
    """Return what was known before."""
    with contextlib.suppress(OSError, ValueError):
        return dict(json.loads(KEPT.read_text()))
    return {}


def waiting(told: str, before: dict[str, dict[str, object]], now: int) -> dict[str, dict[str, object]]:
    """Return what waits by package. A newer version of an upgrade that waits has waited as long."""
    return {
        package: {
            "version": version,
            "security": "security" in origin.lower(),
            "since": before.get(package, {}).get("since", now),
        }
        for package, version, origin in UPGRADE.findall(told)
    }


def main() -> int:
    """Ask apt."""
    asked = subprocess.run(COMMAND, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if asked.returncode:
        print(asked.stderr, file=sys.stderr)
        return 1
    text = json.dumps(waiting(asked.stdout, kept(), int(time.time())), sort_keys=True)
    if "--keep" in sys.argv:
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        fresh = KEPT.with_suffix(".new")
        fresh.write_text(text + "\n")
        fresh.replace(KEPT)
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
