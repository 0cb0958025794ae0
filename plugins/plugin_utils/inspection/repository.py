# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A commit of a git repository, fetched to the controller without its history and without checking it out."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, run
from ansible_collections.hotclub.django.plugins.module_utils.release.source import COMMIT, GitSource, no_such_version, unreachable
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.staging import Source

FETCH_SECONDS = 300
FULL_HASH = 40
LINK, SUBMODULE = "120000", "160000"


class Repository:
    """One commit, read file by file: nothing of it becomes a file of the controller's by git's own doing.

    :param wanted: repository, version and keys.
    :param folder: an empty folder of this process's own.
    """

    def __init__(self, wanted: GitSource, folder: Path) -> None:
        self.wanted = wanted
        self.folder = folder / "git"
        # As the operator, whose agent, proxies and stored passwords git may use.
        self.environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": ssh_command(wanted, folder),
        }
        self._git("init", "--bare", "--quiet", str(self.folder), cwd=folder)

    def _git(self, *arguments: str, cwd: Path | None = None) -> Outcome:
        return run(
            ["git", *arguments], environment=self.environment, cwd=str(cwd or self.folder), timeout=FETCH_SECONDS, umask=0o077
        )

    def stage(self, into: Path) -> Source:
        """Copy the files of the commit.

        :raises Trouble: it can't be fetched.
        """
        commit = self._fetch()
        source = Source(into, told=f"{self.wanted.version} is {commit[:12]}")
        with self._reader() as reader:
            for mode, blob, size, name in self._listed(commit):
                if mode == LINK:
                    source.link(name, os.fsdecode(reader.content(blob)))
                elif mode != SUBMODULE:
                    source.add(name, size, lambda blob=blob: reader.content(blob))  # type: ignore[misc]
                else:
                    source.left_out.append(f"{name} is a submodule, which inspect does not fetch")
        return source.finish()

    def _fetch(self) -> str:
        """Fetch what the version stands for, in the order in which a build looks for it."""
        version = self.wanted.version
        wishes = ["HEAD"] if version == "HEAD" else [f"refs/tags/{version}", f"refs/heads/{version}"]
        listed = self._git("ls-remote", "--", self.wanted.url)
        if listed.code:
            raise unreachable(self.wanted.url, "this machine", listed)
        there = [line.split("\t")[1] for line in listed.stdout.splitlines() if "\t" in line]
        wish = next((wish for wish in wishes if wish in there), "")
        if not wish and COMMIT.fullmatch(version):
            return self._fetch_commit(version)
        if not wish:
            names = [name.split("/", 2)[2] for name in there if name.startswith(("refs/heads/", "refs/tags/"))]
            raise no_such_version(self.wanted.url, version, names)
        return self._fetched(wish)

    def _fetch_commit(self, version: str) -> str:
        if len(version) >= FULL_HASH and self._git("fetch", "--quiet", "--depth=1", "--", self.wanted.url, version).code == 0:
            return self._commit("FETCH_HEAD")
        # No server gives a commit by a part of its name; where it is, only the history says.
        done = self._git("fetch", "--quiet", "--", self.wanted.url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        if done.code:
            raise unreachable(self.wanted.url, "this machine", done)
        return self._commit(version)

    def _fetched(self, wish: str) -> str:
        done = self._git("fetch", "--quiet", "--depth=1", "--no-tags", "--", self.wanted.url, wish)
        if done.code:
            raise unreachable(self.wanted.url, "this machine", done)
        return self._commit("FETCH_HEAD")

    def _commit(self, name: str) -> str:
        found = self._git("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
        if found.code:
            raise no_such_version(self.wanted.url, self.wanted.version, [])
        return found.stdout.strip()

    def _listed(self, commit: str) -> Iterator[tuple[str, str, int, str]]:
        """Yield mode, object, size and name of each file."""
        tree = subprocess.run(
            ["git", "ls-tree", "-r", "-l", "-z", "--full-tree", commit],
            cwd=self.folder, env=self.environment, capture_output=True, check=True,
        )  # fmt: skip
        for entry in filter(None, tree.stdout.split(b"\0")):
            described, _tab, name = entry.partition(b"\t")
            mode, _kind, blob, size = described.decode().split()
            yield mode, blob, int(size) if size.isdigit() else 0, os.fsdecode(name)

    @contextmanager
    def _reader(self) -> Iterator[Objects]:
        with subprocess.Popen(
            ["git", "cat-file", "--batch"],
            cwd=self.folder, env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                yield Objects(process)
            finally:
                process.kill()


class Objects:
    """What git has stored, by name."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def content(self, blob: str) -> bytes:
        """Return the content of an object.

        :raises Trouble: git doesn't have it.
        """
        asked, answer = self._process.stdin, self._process.stdout
        if asked is None or answer is None:
            raise Trouble("git can't be asked for files.")
        asked.write(f"{blob}\n".encode())
        asked.flush()
        header = answer.readline().split()
        if len(header) != 3:
            raise Trouble(f"The repository does not have its object {blob[:12]}.", "Run `git fsck` in it.")
        content = answer.read(int(header[2]))
        answer.read(1)
        return content


def ssh_command(wanted: GitSource, folder: Path) -> str:
    """Return how git signs in: as the site would with its deploy key, else as the operator.

    :param folder: for the keys, which are on the disk for that long only.
    """
    known = folder / "known_hosts"
    known.write_text("".join(f"{line}\n" for line in wanted.host_keys), encoding="utf-8")
    # A host that the operator doesn't know yet is noted in a file that goes away.
    files = [known] if wanted.host_keys else [known, Path("~/.ssh/known_hosts").expanduser(), Path("/etc/ssh/ssh_known_hosts")]
    words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=15"]
    words += ["-o", f"UserKnownHostsFile={' '.join(str(path) for path in files)}"]
    words += ["-o", f"StrictHostKeyChecking={'yes' if wanted.host_keys else 'accept-new'}"]
    if wanted.deploy_key:
        key = folder / "deploy_key"
        key.touch(mode=0o600)
        key.write_text(wanted.deploy_key.rstrip("\n") + "\n", encoding="utf-8")
        words += ["-i", str(key), "-o", "IdentitiesOnly=yes"]
    return shlex.join(words)
