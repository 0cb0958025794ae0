# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add to release_build who asks, and send the source along when it is a folder on the controller."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import account
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedSteps

ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)", re.IGNORECASE)
LEFT_OUT = {".git", ".hg", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox"}


class ActionModule(LockedSteps):
    """Controller side of a build."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build on the host; from a folder here, send its files first."""
        super().run(tmp, task_vars)
        arguments = {**self._task.args, "by": account()}
        source = str(arguments["source"])
        if ADDRESS.match(source) or self._task.check_mode:
            return self._build(arguments, task_vars)
        folder = Path(source).expanduser()
        if not folder.is_dir():
            return {
                "failed": True,
                "msg": f"site_source {source!r} is neither a git address nor a folder on this machine.\n"
                "Write an address such as https://host/project.git or git@host:project.git, or the path of a folder.",
            }
        packed = pack(folder)
        commit = hashlib.sha1(gzip.decompress(packed), usedforsecurity=False).hexdigest()
        if arguments.get("commit", commit) not in ("", commit):
            return {
                "failed": True,
                "msg": f"{source} has changed since the fleet's release was made from it: this host can't be given the same.\n"
                "Run playbooks/deploy.yml: it gives all hosts a new release.",
            }
        with tempfile.NamedTemporaryFile(suffix=".tar.gz") as local:
            local.write(packed)
            local.flush()
            self._make_tmp_path()
            remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "source.tar.gz")
            self._transfer_file(local.name, remote)
        self._fixup_perms2((self._connection._shell.tmpdir, remote))
        arguments.update(archive=remote, commit=commit)
        try:
            return self._build(arguments, task_vars)
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _build(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        return self.ask_locked("release_build", arguments, task_vars)


def files_of(folder: Path) -> list[str]:
    """Return the files to deploy: what git knows or would add, else everything but caches and environments."""
    listed = subprocess.run(
        # What the folder's own settings say is to be run while git looks at files stays alone: nobody may have seen it.
        ["git", "-c", "core.fsmonitor=false", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    # A folder that a repository around it ignores has no files of git's: everything in it counts.
    if listed.returncode == 0 and listed.stdout:
        names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
        return sorted(name for name in names if os.path.lexists(folder / name))
    found = []
    for top, directories, files in os.walk(folder):
        directories[:] = [name for name in directories if name not in LEFT_OUT]
        found += [os.path.relpath(os.path.join(top, name), folder) for name in files if not name.endswith(".pyc")]
    return sorted(found)


def pack(folder: Path) -> bytes:
    """Return an archive of a folder that depends on names, contents and executable bits alone."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for name in files_of(folder):
            member = archive.gettarinfo(str(folder / name), arcname=name)
            member.uid = member.gid = member.mtime = 0
            member.uname = member.gname = ""
            member.mode = 0o755 if member.mode & 0o100 else 0o644
            if member.isreg():
                with (folder / name).open("rb") as content:
                    archive.addfile(member, content)
            elif member.issym():
                archive.addfile(member)
    return packed.getvalue()
