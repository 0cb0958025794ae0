"""Who has signed a commit, as a real git judges it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common import processes
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import source
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.signatures import Keyring, kind_of
from ansible_collections.hotclub.django.plugins.module_utils.release.source import Git, GitSource
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.source import check_signing_keys

PUBLIC = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPRu7YcCdFSCkcPOFnKe4YlVYpYmFhXv0xJ9Zq2kQJ2q anna@example.org"
BLOCK = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ\n-----END PGP PUBLIC KEY BLOCK-----\n"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (PUBLIC, "ssh"),
        (f"  {PUBLIC}\n", "ssh"),
        (f"anna@example.org {PUBLIC}", "signer"),
        (f'anna@example.org namespaces="git",valid-before="20300101" {PUBLIC}', "signer"),
        (BLOCK, "gpg"),
        ("anna@example.org", ""),
        ("", ""),
        (f"{PUBLIC}\n* {PUBLIC}", ""),
        (f"# {PUBLIC}", ""),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----", ""),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nmDMEZ", ""),
    ],
)
def test_which_keys_can_vouch(key: str, kind: str) -> None:
    assert kind_of(key) == kind
    complaints = list(check_signing_keys([key]))
    assert bool(complaints) is (kind == "")
    assert "b3Bl" not in str(complaints), "a private key is shown"


def test_keys_are_good_for_git_alone(tmp_path: Path) -> None:
    keyring = Keyring(tmp_path, [PUBLIC, f"anna@example.org {PUBLIC}", BLOCK])
    assert keyring.allowed_signers == f'* namespaces="git" {PUBLIC}\nanna@example.org {PUBLIC}\n'
    assert keyring.gpg_keys == BLOCK.strip()


# What git says.


class Signer:
    """Somebody with a key and a working copy."""

    def __init__(self, folder: Path, name: str) -> None:
        self.key = folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.key)], check=True)

    @property
    def public(self) -> str:
        return self.key.with_suffix(".pub").read_text(encoding="utf-8")

    @property
    def options(self) -> list[str]:
        return ["-c", "gpg.format=ssh", "-c", f"user.signingKey={self.key}"]


class Work:
    """A repository and what happens in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *words: str) -> str:
        told = {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            **{f"GIT_{who}_NAME": "Anna" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "anna@example.org" for who in ("AUTHOR", "COMMITTER")},
        }
        done = subprocess.run(
            ["git", *words], cwd=self.folder, env={**os.environ, **told}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, signer: Signer | None = None) -> str:
        self.git(
            *(signer.options if signer else []), "commit", "--quiet", "--allow-empty", "-m", "x", *(["-S"] if signer else [])
        )
        return self.git("rev-parse", "HEAD")


@pytest.fixture(name="work")
def _work(tmp_path: Path) -> Work:
    return Work(tmp_path / "work")


@pytest.fixture(name="anna")
def _anna(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "anna")


@pytest.fixture(name="eve")
def _eve(tmp_path: Path) -> Signer:
    return Signer(tmp_path, "eve")


Verify = Callable[..., None]


@pytest.fixture(name="verify")
def _verify(work: Work, anna: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Verify a commit of the work as a host would that trusts Anna."""

    def run(command: list[str], *, user: str, environment: Mapping[str, str] | None = None, **more: Any) -> processes.Outcome:
        return processes.run(command, environment={**(environment or {}), "GIT_CONFIG_GLOBAL": "/dev/null"}, **more)

    monkeypatch.setattr(source, "run", run)
    monkeypatch.setattr(source, "_give", lambda *_: None)

    def verify(commit: str, version: str = "main", keys: list[str] | None = None) -> None:
        scratch = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        site = Site.at("shop", str(tmp_path / "site"))
        site.root.mkdir(exist_ok=True)
        wanted = GitSource(f"file://{work.folder}", version, signing_keys=[anna.public] if keys is None else keys)
        git = Git(site, wanted, {}, scratch)
        git.fetch()
        git.verify(commit or git.resolve())

    return verify


def test_a_commit_that_a_trusted_key_has_signed_passes(work: Work, anna: Signer, verify: Verify) -> None:
    verify(work.commit(anna))


def test_without_keys_nobody_must_have_signed(work: Work, verify: Verify) -> None:
    verify(work.commit(), keys=[])


@pytest.mark.parametrize("signed", [False, True], ids=["by nobody", "by a stranger"])
def test_a_commit_that_no_trusted_key_has_signed_is_refused(work: Work, eve: Signer, verify: Verify, signed: bool) -> None:
    commit = work.commit(eve if signed else None)
    with pytest.raises(Trouble, match="is signed by none of the keys in site_source_signing_keys") as refused:
        verify(commit)
    assert commit[:12] in str(refused.value)
    assert "Nothing was changed" in str(refused.value)


def test_a_signed_ancestor_vouches_for_nothing_that_follows(work: Work, anna: Signer, verify: Verify) -> None:
    work.commit(anna)
    with pytest.raises(Trouble, match="signed by none"):
        verify(work.commit())


def test_a_signed_tag_vouches_for_its_commit(work: Work, anna: Signer, verify: Verify) -> None:
    commit = work.commit()
    work.git(*anna.options, "tag", "-s", "-m", "x", "v1")
    verify(commit, "v1")


@pytest.mark.parametrize("kind", ["stranger", "plain", "light"])
def test_a_tag_that_no_trusted_key_has_signed_vouches_for_nothing(work: Work, eve: Signer, verify: Verify, kind: str) -> None:
    commit = work.commit()
    words = {"stranger": [*eve.options, "tag", "-s", "-m", "x"], "plain": ["tag", "-a", "-m", "x"], "light": ["tag"]}
    work.git(*words[kind], "v1")
    with pytest.raises(Trouble, match="signed by none"):
        verify(commit, "v1")


def test_a_signed_tag_under_another_name_vouches_for_nothing(work: Work, anna: Signer, verify: Verify) -> None:
    """Who may push, but has no key, could let the newest name lead to an old release."""
    commit = work.commit()
    work.git(*anna.options, "tag", "-s", "-m", "x", "v1")
    work.git("update-ref", "refs/tags/v2", "refs/tags/v1")
    work.git("tag", "-d", "v1")
    with pytest.raises(Trouble, match="signed by none"):
        verify(commit, "v2")


def test_a_changed_commit_has_lost_its_signature(work: Work, anna: Signer, verify: Verify) -> None:
    work.commit(anna)
    text = work.git("cat-file", "commit", "HEAD").replace("\n\nx", "\n\ny") + "\n"
    (work.folder / "forged").write_text(text, encoding="utf-8")
    forged = work.git("hash-object", "-t", "commit", "-w", "forged")
    work.git("update-ref", "refs/heads/main", forged)
    with pytest.raises(Trouble, match="signed by none"):
        verify(forged)


def test_what_the_mirror_was_made_to_believe_does_not_count(work: Work, anna: Signer, verify: Verify, tmp_path: Path) -> None:
    """A set-up program that ran as the build account may have left settings and stand-ins in the mirror."""
    signed, unsigned = work.commit(anna), work.commit()
    verify(signed)
    mirror = tmp_path / "site" / "repo"
    for words in (
        ["config", "gpg.ssh.program", "/bin/true"],
        ["config", "gpg.program", "/bin/true"],
        ["replace", unsigned, signed],
    ):
        subprocess.run(["git", *words], cwd=mirror, check=True)
    with pytest.raises(Trouble, match="signed by none"):
        verify(unsigned)


def test_a_key_that_is_no_longer_valid_vouches_for_nothing(work: Work, anna: Signer, verify: Verify) -> None:
    commit = work.commit(anna)
    with pytest.raises(Trouble, match="signed by none"):
        verify(commit, keys=[f'anna@example.org valid-before="20200101" {anna.public.strip()}'])
