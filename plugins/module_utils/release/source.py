# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Getting a project's source onto the host: from git, or from a folder that the controller sent."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import remove
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import HOUR_SECONDS, Outcome, run
from ansible_collections.hotclub.django.plugins.module_utils.release.contents import (
    AGAIN,
    Entry,
    Incoming,
    digest,
    lies_within,
    parts_of,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.deploy_keys import address_for
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.signatures import Keyring

# What Git LFS leaves in the place of a file, and more than such a thing may have.
POINTER = b"version https://git-lfs.github.com/spec/v1"
POINTER_BYTES = 1024
COMMIT = re.compile(r"[0-9a-f]{7,64}")
AUTHENTICATION = re.compile(r"Permission denied|Authentication failed|could not read Username|access denied", re.IGNORECASE)
# What servers say to a key that they know and that opens another repository.
NOT_THIS_KEY = re.compile(r"Repository not found|don't have permission|does not appear to be a git repository", re.IGNORECASE)
IN_AN_ADDRESS = re.compile(r"(https?://)[^/@\s]*@")
# How git names the address of a submodule in its settings.
SUBMODULE_URL = re.compile(r"submodule\.(.+)\.url", re.DOTALL)


@dataclass(frozen=True)
class GitSource:
    """A repository, the ref asked for, and how to get in.

    :param url: anything that ``git fetch`` takes.
    :param version: branch, tag or commit; ``HEAD`` is the repository's default branch.
    :param deploy_key: private SSH key, empty for none.
    :param host_keys: lines for ``known_hosts``; with none, the first key seen is trusted and kept.
    :param signing_keys: public keys of which one must have signed what is deployed; with none, nobody must.
    :param seconds: how long git may take for one thing, such as a fetch.
    :param submodule_keys: private SSH keys for submodules, by address or its beginning; others are asked for with ``deploy_key``.
    """

    url: str
    version: str
    deploy_key: str = ""
    host_keys: Sequence[str] = ()
    signing_keys: Sequence[str] = ()
    seconds: float = HOUR_SECONDS
    submodule_keys: Mapping[str, str] = field(default_factory=dict)


class Git:
    """The mirror of one repository, kept by the build account so that a deploy fetches only what is new."""

    def __init__(self, site: Site, source: GitSource, environment: Mapping[str, str], folder: Path) -> None:
        self.site = site
        self.source = source
        self.folder = folder
        self.environment = {
            **environment,
            "GIT_TERMINAL_PROMPT": "0",
            # Large files are fetched from where the source is, not from the mirror.
            "GIT_LFS_SKIP_SMUDGE": "1",
            "GIT_SSH_COMMAND": self._ssh(source.deploy_key, "deploy_key"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "advice.detachedHead",
            "GIT_CONFIG_VALUE_0": "false",
        }

    def _ssh(self, key: str, name: str) -> str:
        """Return how git signs in.

        :param key: with which key; empty for none.
        :param name: the file that has it for as long as the mirror is lent.
        """
        known = self.site.root / "cache" / "known_hosts"
        checking = "accept-new"
        if self.source.host_keys:
            known, checking = self.folder / "known_hosts", "yes"
            known.write_text("\n".join(self.source.host_keys) + "\n")
            _give(known, self.site)
        options = ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known}", "-o", "ConnectTimeout=15"]
        options += ["-o", f"StrictHostKeyChecking={checking}"]
        if key:
            path = self.folder / name
            path.touch(mode=0o600)
            path.write_text(key.rstrip("\n") + "\n")
            _give(path, self.site)
            options += ["-i", str(path), "-o", "IdentitiesOnly=yes"]
        return " ".join(["ssh", *options])

    def run(self, *arguments: str, cwd: Path | None = None, extra: Mapping[str, str] | None = None) -> Outcome:
        """Run git as the build account, inside the mirror unless told otherwise."""
        environment = {**self.environment, **(extra or {})}
        return run(
            ["git", *arguments],
            user=self.site.build_user,
            environment=environment,
            cwd=str(cwd or self.site.repository),
            timeout=self.source.seconds,
            too_slow=f"See whether this host reaches {self.source.url}: run `git ls-remote` with that address there. "
            "A repository that takes longer needs a higher site_source_timeout_seconds.",
        )

    def fetch(self) -> None:
        """Bring the mirror up to date.

        :raises Trouble: the repository can't be reached or doesn't let us in.
        """
        repository = self.site.repository
        if not (repository / "HEAD").exists():
            remove(repository)
            repository.mkdir(mode=0o750)
            _give(repository, self.site)
            self.run("init", "--bare", "--quiet", ".")
        fetched = self.run(
            "fetch", "--quiet", "--prune", "--force", "--no-auto-gc", "--", self.source.url,
            "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*", "+HEAD:refs/hotclub/default",
        )  # fmt: skip
        if fetched.code == 0:
            return
        raise unreachable(self.source.url, "this host", fetched)

    def resolve(self) -> str:
        """Return the commit that the version stands for.

        :raises Trouble: the repository has no such branch, tag or commit.
        """
        version = self.source.version
        candidates = ["refs/hotclub/default"] if version == "HEAD" else [f"refs/tags/{version}", f"refs/heads/{version}"]
        if COMMIT.fullmatch(version):
            candidates.append(version)
        for candidate in candidates:
            found = self.run("rev-parse", "--quiet", "--verify", "--end-of-options", f"{candidate}^{{commit}}")
            if found.code == 0:
                return found.stdout.strip()
        # A full commit that no branch or tag reaches can still be asked for by name.
        if (
            COMMIT.fullmatch(version)
            and len(version) >= 40
            and self.run("fetch", "--quiet", "--", self.source.url, version).code == 0
        ):
            return version
        names = self.run("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags").stdout.split()
        raise no_such_version(self.source.url, version, names)

    def verify(self, commit: str) -> None:
        """Refuse a commit for which none of the signing keys vouches, by itself or by a tag that names it.

        :raises Trouble: there is no such signature.
        """
        if not self.source.signing_keys:
            return
        keyring = Keyring(self.folder, self.source.signing_keys)
        self._lay_out(keyring)
        judged = self.run(*keyring.options(), "verify-commit", commit, extra=keyring.environment)
        if judged.code == 0:
            return
        for tag in self._tags_of(commit):
            if self.run(*keyring.options(), "verify-tag", f"refs/tags/{tag}", extra=keyring.environment).code == 0:
                return
        raise Trouble(
            f"Commit {commit[:12]}, which {self.source.version} of {self.source.url} stands for, is signed by none of the keys "
            "in site_source_signing_keys, and neither is a tag of it. Nothing was changed.",
            "Have somebody sign it who has one of these keys (git commit --gpg-sign, or git tag --sign), push, and deploy again. "
            "If the key is a new one, add its public half there.",
            judged.tail(6),
        )

    def _tags_of(self, commit: str) -> list[str]:
        """Return the annotated tags of a commit that were made under the name that they have."""
        form = "%(objecttype) %(refname:strip=2) %(tag)"
        lines = self.run("for-each-ref", f"--format={form}", f"--points-at={commit}", "refs/tags").stdout.splitlines()
        parts = [line.split(" ", 2) for line in lines]
        return [part[1] for part in parts if part[0] == "tag" and part[1:2] == part[2:]]

    def _lay_out(self, keyring: Keyring) -> None:
        """Write the keys down where git's helpers find them."""
        signers = keyring.folder / "allowed_signers"
        signers.write_text(keyring.allowed_signers)
        keyring.gpg_home.mkdir(mode=0o700)
        for path in (signers, keyring.gpg_home):
            _give(path, self.site)
        if not keyring.gpg_keys:
            return
        imported = run(
            ["gpg", "--batch", "--quiet", "--no-autostart", "--import"],
            user=self.site.build_user,
            environment={**self.environment, **keyring.environment},
            stdin=keyring.gpg_keys,
        )
        if imported.code:
            raise Trouble(
                "A GPG key in site_source_signing_keys can't be read. Nothing was changed.",
                "Write it as gpg --export --armor prints it.",
                imported.tail(4),
            )

    def checkout(self, commit: str, target: Path) -> None:
        """Write the files of a commit, submodules and large files included.

        What git knows of its tags stays beside them for builds that take their version from it.
        """
        for arguments, cwd in (
            (("clone", "--quiet", "--shared", "--no-checkout", str(self.site.repository), str(target)), None),
            (("checkout", "--quiet", "--detach", commit), target),
        ):
            done = self.run(*arguments, cwd=cwd)
            if done.code:
                raise Trouble(f"The files of commit {commit[:12]} can't be written.", _full_disk(done), done.tail(6))
        has_submodules, pointers = (target / ".gitmodules").exists(), large_file_pointers(target)
        if has_submodules or pointers:
            # Both may be given relative to where the source is, which may hold a password: nobody else shall read it there.
            self.run("remote", "set-url", "origin", self.source.url, cwd=target)
            if pointers:
                self._fetch_large_files(target)
            if has_submodules:
                self._fetch_submodules(target)
            self.run("remote", "set-url", "origin", str(self.site.repository), cwd=target)
        refuse_pointers(target, "Files of submodules can't be in Git LFS: keep them in the repository itself.")

    def _fetch_submodules(self, target: Path) -> None:
        self._fetch_submodules_of(target, target)
        for trace in target.rglob(".git"):
            if trace != target / ".git":
                remove(trace)
        remove(target / ".git" / "modules")

    def _fetch_submodules_of(self, tree: Path, target: Path) -> None:
        """Fetch the submodules of a tree one by one, each with its own key, and then those that they have."""
        prepared = self.run("submodule", "init", "--quiet", cwd=tree)
        if prepared.code:
            raise Trouble("The submodules of the source can't be read.", "Correct .gitmodules.", prepared.tail(6))
        settings = self.run("config", "--local", "--null", "--get-regexp", r"^submodule\..*\.url$", cwd=tree).stdout
        for setting in filter(None, settings.split("\0")):
            named, _newline, url = setting.partition("\n")
            found = SUBMODULE_URL.fullmatch(named)
            if not found:
                continue
            place = self.run("config", "--file", ".gitmodules", f"submodule.{found[1]}.path", cwd=tree).stdout.rstrip("\n")
            address = address_for(url, self.source.submodule_keys)
            told = {"GIT_SSH_COMMAND": self._ssh(self.source.submodule_keys[address], "submodule_key")} if address else {}
            done = self.run("submodule", "update", "--quiet", "--", place, cwd=tree, extra=told)
            if done.code:
                raise no_submodule(str((tree / place).relative_to(target)), url, address, done)
            if (tree / place / ".gitmodules").exists():
                self._fetch_submodules_of(tree / place, target)

    def _fetch_large_files(self, target: Path) -> None:
        """Fetch what the repository keeps in Git LFS; the mirror keeps it for the next deploy."""
        if self.run("lfs", "version", cwd=target).code:
            raise Trouble(
                "The source keeps files in Git LFS, and this host has no git-lfs.",
                "Set site_build_packages: [git-lfs] and run playbooks/site.yml.",
            )
        for arguments in (
            ("config", "lfs.storage", str(self.site.repository / "lfs")),
            ("lfs", "install", "--local"),
            ("lfs", "pull"),
        ):
            done = self.run(*arguments, cwd=target)
            if done.code:
                raise Trouble(
                    "The files that the source keeps in Git LFS can't be fetched.",
                    "See that whoever fetches the source (site_deploy_key) may read them, and that the disk is not full.",
                    done.tail(6),
                )


def unreachable(url: str, where: str, fetched: Outcome) -> Trouble:
    """Explain why a repository can't be fetched.

    :param where: the machine that has tried, in words.
    """
    if AUTHENTICATION.search(fetched.stderr):
        remedy = "Set site_deploy_key to a private SSH key that may read the repository, and site_source to its SSH address."
    else:
        remedy = f"Check site_source, and that {where} reaches it: run `git ls-remote` with the same address there."
    return Trouble(f"The source {url} can't be fetched.", remedy, fetched.tail(6))


def no_submodule(place: str, url: str, address: str, fetched: Outcome) -> Trouble:
    """Explain why a submodule can't be fetched.

    :param place: where it is in the source.
    :param url: where it comes from.
    :param address: the address in the inventory whose key was used; empty when there is none for it.
    """
    shown = IN_AN_ADDRESS.sub(r"\1", url)
    if not (AUTHENTICATION.search(fetched.stderr) or NOT_THIS_KEY.search(fetched.stderr)):
        remedy = "Check its address in .gitmodules, that this host reaches it, and that the commit which is wanted is there."
    elif address:
        remedy = f"See that the key which site_submodule_deploy_keys has for {address} may read it."
    elif url.startswith("http"):
        remedy = "Give it its SSH address in .gitmodules, and put a private key for that into site_submodule_deploy_keys."
    else:
        remedy = f"Put a private SSH key that may read it into site_submodule_deploy_keys, under the name {shown}."
    return Trouble(
        f"The submodule {place} of the source, {shown}, can't be fetched.", remedy, IN_AN_ADDRESS.sub(r"\1", fetched.tail(8))
    )


def no_such_version(url: str, version: str, names: Sequence[str]) -> Trouble:
    """Explain that a repository doesn't have what is asked for.

    :param names: the branches and tags that it has.
    """
    near = difflib.get_close_matches(version, names, n=3, cutoff=0.5) or sorted(names)[:8]
    return Trouble(
        f"The source {url} has no branch, tag or commit {version!r}.",
        f"Set site_version to one that it has, for example {', '.join(near) or 'none: the repository is empty'}.",
    )


def large_file_pointers(source: Path) -> list[Path]:
    """Return the files of a source that are nothing but a word of where Git LFS has them."""
    if not any("filter=lfs" in path.read_text(errors="replace") for path in source.rglob(".gitattributes") if path.is_file()):
        return []
    found = []
    for top, directories, names in os.walk(source):
        directories[:] = [name for name in directories if name != ".git"]
        for path in (Path(top, name) for name in names):
            if not path.is_symlink() and path.stat().st_size < POINTER_BYTES:
                with path.open("rb") as file:
                    if file.read(len(POINTER)) == POINTER:
                        found.append(path)
    return found


def refuse_pointers(source: Path, remedy: str) -> None:
    """Refuse a source of which visitors would get pointers instead of files.

    :raises Trouble: there are some.
    """
    found = large_file_pointers(source)
    if found:
        more = f" and {len(found) - 1} more" if found[1:] else ""
        raise Trouble(f"{found[0].relative_to(source)}{more} of the source is nothing but a pointer of Git LFS.", remedy)


@contextlib.contextmanager
def mirrored(site: Site, source: GitSource, environment: Mapping[str, str]) -> Iterator[Git]:
    """Bring the mirror up to date and lend it; the deploy key is on the disk for that long only."""
    with tempfile.TemporaryDirectory(prefix=f"{site.name}-git-") as name:
        folder = Path(name)
        _give(folder, site)
        git = Git(site, source, environment, folder)
        git.fetch()
        yield git


class SentSource:
    """A folder of the controller: its list, what earlier releases have of it, and what has arrived.

    :param sha256: of the list, which has arrived.
    """

    def __init__(self, site: Site, sha256: str) -> None:
        self.incoming = Incoming(site.incoming)
        self.sha256 = sha256
        self.entries = self.incoming.entries(sha256)
        self._earlier = next(
            (folder for release in reversed(site.built()) if (folder := site.release(release) / "src").is_dir()), None
        )

    def lacking(self) -> list[str]:
        """Return the parts of the list that neither the newest release here nor what has arrived has."""
        places = (place for place, entry in enumerate(self.entries) if not entry.link and not self._found(entry))
        return parts_of(self.entries, places)

    def _found(self, entry: Entry) -> Path | None:
        """Return where a file's content is on this host. A build may have changed a file of an earlier release: it is read."""
        if self.incoming.has(entry):
            return self.incoming.path(entry)
        earlier = self._earlier / entry.name if self._earlier else None
        if earlier and not earlier.is_symlink() and earlier.is_file() and earlier.stat().st_size == entry.size:
            return earlier if digest(earlier) == entry.sha256 else None
        return None

    def lay_out(self, target: Path) -> None:
        """Write the files, each a copy: the build may change them.

        :raises Trouble: a file or a link reaches outside of the folder, or a file has gone meanwhile.
        """
        for entry in self.entries:
            inside = lies_within(entry.name)
            if not inside or os.path.isabs(entry.link) or not lies_within(os.path.join(os.path.dirname(entry.name), entry.link)):
                raise Trouble(f"The source holds {entry.name}, which points outside of it.", "Remove it from the source.")
        target.mkdir()
        # Links come last, so that nothing is written through one.
        for entry in sorted(self.entries, key=lambda entry: bool(entry.link)):
            path = target / entry.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if entry.link:
                path.symlink_to(entry.link)
                continue
            found = self._found(entry)
            if not found:
                raise Trouble(f"{entry.name} of the source has not arrived.", AGAIN)
            shutil.copyfile(found, path)
            path.chmod(0o755 if entry.executable else 0o644)

    def clear(self) -> None:
        """Remove what has arrived, once a release has it."""
        self.incoming.clear(self.sha256, *(entry.sha256 for entry in self.entries))


def _give(path: Path, site: Site) -> None:
    import pwd

    account = pwd.getpwnam(site.build_user)
    os.chown(path, account.pw_uid, account.pw_gid)


def _full_disk(outcome: Outcome) -> str:
    if "No space left" in outcome.stderr:
        return "The disk is full: make room, or lower site_keep_releases; nothing that serves was touched."
    return "Run this again; if it fails again, remove the folder repo of the site and let it be fetched anew."
