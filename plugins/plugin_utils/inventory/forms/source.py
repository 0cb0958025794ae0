# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of where a project comes from: its repository, its keys, and paths within it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.hotclub.django.plugins.module_utils.release.signatures import kind_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding

GIT_URL = re.compile(r"(https?|ssh|git|git\+ssh|file)://(?!-)\S+")
# Not "ext::command", which git would run.
GIT_SHORT_URL = re.compile(r"(\w[\w.-]*@)?\w[\w.-]*:(?!//|:)\S+")
# One of a repository, or how several begin.
SSH_ADDRESS = re.compile(r"(git\+)?ssh://(?!-)\S+|(\w[\w.-]*@)?\w[\w.-]*:(?!//|:)\S*")
WEB_PAGE = re.compile(r"https?://[^/]+/.+/(tree|blob|commit|src/branch)/")
NOT_IN_A_REF = re.compile(r"[\s~^:?*\[\\\x00-\x1f\x7f]|@\{|//|\.\.")


def check_source(value: Any) -> Iterator[Finding]:
    """Refuse a source that is neither a git URL nor a directory on the controller."""
    source = str(value)
    if GIT_URL.fullmatch(source):
        yield from _check_git_url(source)
    elif not source.startswith(("/", "~", ".")) and GIT_SHORT_URL.fullmatch(source):
        return
    elif not source.startswith("/"):
        yield (
            f'"{source}" is neither a git URL nor an absolute path',
            "Write a URL such as https://git.example.org/site.git or git@git.example.org:site.git, "
            'or a path that begins with / or with "{{ inventory_dir }}/../".',
        )
    elif not Path(source).is_dir():
        what = "a file" if Path(source).is_file() else "no directory on this machine"
        yield (
            f'"{source}" is {what}',
            "Write the path of the project's directory on this machine, or a git URL (file:// for a repository on the hosts).",
        )


def _check_git_url(source: str) -> Iterator[Finding]:
    parts = urlsplit(source)
    if parts.password or (parts.username and parts.scheme in ("http", "https")):
        wrong = "the URL carries a password or a token, which would show in logs"
        yield (wrong, "Write the ssh URL (git@host:path), and set site_deploy_key.")
    elif page := WEB_PAGE.match(source):
        repository = re.split(r"(?:/-)?/(?:tree|blob|commit|src/branch)/", source, maxsplit=1)[0]
        yield (
            f'"{source}" is a web page of the repository ({page[1]})',
            f"Write {repository}.git, and the branch in site_version.",
        )


def check_deploy_key(value: Any) -> Iterator[Finding]:
    """Refuse what is not the text of a private key."""
    key = str(value)
    if key and "PRIVATE KEY-----" not in key:
        if key.startswith(("ssh-", "ecdsa-")):
            yield ("is a public key", "Write the private key that belongs to it, from a vault or a file outside the inventory.")
        else:
            remedy = "Write the key's text; from a file: \"{{ lookup('ansible.builtin.file', '/path/of/the/key') }}\"."
            yield ("is not a private key (hidden)", remedy)


def check_deploy_keys(value: Any) -> Iterator[Finding]:
    """Refuse names that are no SSH addresses, and what is not the text of a private key. Never shows one."""
    for place, (address, key) in enumerate(value.items()):
        if not SSH_ADDRESS.fullmatch(str(address)):
            yield (
                f"the name of element {place} is not an SSH address (hidden)",
                "Write the submodule's address as .gitmodules has it, or how several begin, such as git@git.example.org:you/.",
            )
            continue
        for wrong, remedy in check_deploy_key(key) if key else [("is empty", "Write its text, or remove the element.")]:
            yield (f"the key for {address} {wrong}", remedy)


def check_signing_keys(value: Any) -> Iterator[Finding]:
    """Refuse elements that are no public keys. Never shows one, which may be private by mistake."""
    for place, key in enumerate(value):
        text = str(key).strip()
        if "PRIVATE KEY" in text:
            yield (f"element {place} is a private key (hidden)", "Write the public half, and keep this one secret.")
        elif not kind_of(text):
            example = "ssh-ed25519 AAAA…, or what `gpg --export --armor` prints"
            yield (f"element {place} is not a public key (hidden)", f"Write the key's text, such as {example}.")


def check_inner_path(value: Any) -> Iterator[Finding]:
    """Refuse a path that leads out of the project."""
    path = str(value)
    if path.startswith(("/", "~")) or ".." in path.split("/"):
        yield (f'"{path}" leads out of the project', "Write the path relative to the project's folder.")


def check_inner_paths(value: Any) -> Iterator[Finding]:
    """Refuse paths that lead out of the project."""
    for path in value:
        yield from check_inner_path(path) if path else iter([("an element is empty", "Remove it.")])


def check_version(value: Any) -> Iterator[Finding]:
    """Refuse what git can't know as a branch, a tag or a commit."""
    name = str(value)
    if not name or name.startswith("-") or name.endswith((".lock", "/", ".")) or NOT_IN_A_REF.search(name):
        yield (
            f'"{name}" can\'t be a branch, a tag or a commit',
            "Write one of these, for example main, v1.2 or a commit's hash.",
        )
