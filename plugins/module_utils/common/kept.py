# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The code of all steps, kept on a host from one call to the next.

Ansible sends a module's archive with each call, and Python compiles anew what it reads from an archive: half of what a call costs
a host. Kept beside its bytecode, the code is neither sent nor compiled again. It lies in memory, where a start of the host ends
it, and is read by root alone. The key is made of the code itself, so that no call ever runs another's.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import syslog
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.batch import answer
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Process
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import PATH

FOLDER = Path("/run/hotclub/code")
START = "start"
# By the controller as well: what a call ends with that has found no code and done nothing.
NOT_KEPT = 87
# Of other versions, which other controllers may have: newer than that they may be in use, or be put there just now.
DAY_SECONDS = 86400.0

# Isolated, so that nothing of the account's own is imported. Code that can't be read is none.
SCRIPT = """#!/bin/sh
test -x {python} || exit 87
exec {python} -I -X utf8 -c 'import shutil, sys
sys.path.insert(0, sys.argv[1])
try:
    from ansible_collections.hotclub.django.plugins.module_utils.common.kept import main
except ImportError:
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    sys.exit(87)
main()' {folder}
"""


def keep(key: str, folder: Path = FOLDER, archive: Path | None = None) -> None:
    """Keep the code of the archive that this process runs from; a host that has no room for it goes on without.

    :param key: what the controller will ask for.
    :param archive: of which code; by default that of this module.
    """
    source = archive or next((path for path in Path(__file__).parents if path.is_file()), None)
    if not key or source is None or os.geteuid() != 0:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        try:
            with zipfile.ZipFile(source) as content:
                content.extractall(new)
            target = folder / key
            start = SCRIPT.format(python=shlex.quote(sys.executable), folder=shlex.quote(str(target)))
            (new / START).write_text(start, encoding="utf-8")
            if target.exists() and (target / START).read_text(encoding="utf-8") != start:
                # By a Python that is gone.
                shutil.rmtree(target)
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
        for other in folder.iterdir():
            if other.name != key and time.time() - other.stat().st_mtime > DAY_SECONDS:
                shutil.rmtree(other, ignore_errors=True)
    except (OSError, zipfile.BadZipFile):
        # Another call may have been quicker, or memory is scarce: each call brings its code then.
        return


def main() -> None:
    """Take the steps that standard input asks for, and print the result of each that was taken as one line of JSON."""
    os.environ["PATH"] = PATH
    # Where not even a temporary file can be made, Ansible ends as well, and the controller knows the remedy.
    tempfile.gettempdir()
    os.utime(sys.argv[1])
    call = json.load(sys.stdin.buffer)
    syslog.openlog("hotclub.django")
    syslog.syslog(", ".join(item["step"] for item in call["payload"]["steps"]))
    process = Process(check_mode=call["check_mode"], diff=call["diff"])
    found: dict[str, Any] = answer(process, call["payload"])
    sys.stdout.write(f"{json.dumps({**found, 'warnings': process.warnings}, default=str)}\n")
