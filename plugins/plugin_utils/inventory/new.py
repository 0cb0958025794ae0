# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A new inventory: a folder with hosts, Ansible's settings and encrypted secrets, made as a whole or not at all."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.domains import check_address, check_domain
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Rule
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.names import check_site_name
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.source import check_source
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import SecretStore

TOPOLOGIES = ("single", "cluster")
# The generated secrets, as long as the defaults of the role site make them.
LENGTHS = {
    "secret_key": 64,
    "database_password": 40,
    "authority_passphrase": 40,
    "backup_passphrase": 40,
    # Of those that may come with the group cache.
    "cache_password": 40,
    "broker_password": 40,
}
SAMPLE = {"name": "shop", "domain": "shop.example.org", "source": "https://git.example.org/you/shop.git"}
SETTINGS = """\
# Read by Ansible when it is started in this folder.

[defaults]
inventory = hosts.yml
# Opens what is encrypted in .secrets. Keep a copy of that file, and keep it out of this folder.
vault_password_file = {vault_password_path}
{collections}forks = 10
inject_facts_as_vars = false
interpreter_python = auto_silent
# A line for each step, and what failed at the end. Without this line, Ansible prints as it always does.
stdout_callback = hotclub.django.progress
callback_result_format = yaml

[ssh_connection]
pipelining = true
"""


@dataclass(frozen=True)
class Wish:
    """What somebody wants to have."""

    name: str
    domain: str
    source: str
    topology: str
    # The server's, where there is one.
    address: str
    folder: Path
    vault_password_path: Path
    # Where Ansible finds this collection, where that is not its default.
    collections_path: str = ""


def problems(wish: Wish) -> Iterator[Complaint]:
    """Yield everything that is wrong with a wish."""
    rules: dict[str, Rule] = {"name": check_site_name, "domain": check_domain, "source": check_source}
    for part, rule in rules.items():
        value = getattr(wish, part)
        if not value:
            yield Complaint(f"init_{part}", "is missing", f"Give it with -e init_{part}=<it>, for example {SAMPLE[part]}.")
        elif re.search(r"\{[{%#]|[\x00-\x1f]", value):
            yield Complaint(f"init_{part}", "holds what Ansible would take for an expression", "Write plain text.")
        else:
            yield from (Complaint(f"init_{part}", wrong, remedy) for wrong, remedy in rule(value))
    if wish.topology not in TOPOLOGIES:
        yield Complaint("init_topology", f'"{wish.topology}" is not known', f"Write {' or '.join(TOPOLOGIES)}.")
    if wish.address:
        yield from (Complaint("init_address", wrong, remedy) for wrong, remedy in check_address(wish.address))
    yield from _problems_of_paths(wish)


def _problems_of_paths(wish: Wish) -> Iterator[Complaint]:
    if os.path.lexists(wish.folder):
        remedy = "Name another folder with -e init_path=<folder>, or move that one away."
        yield Complaint("init_path", f"{wish.folder} is there already, and nothing is overwritten", remedy)
    elif not wish.folder.parent.is_dir():
        remedy = "Make it, or name another one with -e init_path=<folder>."
        yield Complaint("init_path", f"{wish.folder.parent} is no folder", remedy)
    if wish.vault_password_path.is_relative_to(wish.folder):
        remedy = "Name a file elsewhere with -e init_vault_password_path=<file>."
        yield Complaint("init_vault_password_path", "lies in the folder whose secrets it opens", remedy)


def make(wish: Wish, examples: Path, vault_of: Callable[[Path], Sequence[tuple[str, Any]]]) -> None:
    """Make the folder.

    :param examples: the folder of the example inventories.
    :param vault_of: returns the vault secrets of a file.
    """
    keep_vault_password(wish.vault_password_path)
    made = Path(tempfile.mkdtemp(prefix=f".{wish.folder.name}.", dir=wish.folder.parent))
    try:
        store = SecretStore(made / ".secrets" / wish.name, vault_of(wish.vault_password_path))
        for name, length in LENGTHS.items():
            store.obtain(name, length)
        (made / "hosts.yml").write_text(hosts(wish, (examples / wish.topology / "hosts.yml").read_text(encoding="utf-8")))
        (made / "ansible.cfg").write_text(settings(wish), encoding="utf-8")
        made.chmod(0o755)
        # An empty folder that somebody has made meanwhile is all that this could replace.
        made.rename(wish.folder)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise


def keep_vault_password(path: Path) -> None:
    """Make a vault password that only its owner can read, unless there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{secrets.token_urlsafe(32)}\n")


def hosts(wish: Wish, example: str) -> str:
    """Return an example inventory with the values of this site."""
    said = {"site_name": wish.name, "site_domain": wish.domain, "site_source": wish.source, "site_version": "HEAD"}
    for name, value in said.items():
        line = f"{name}: {scalar(value)}".replace("\\", r"\\")
        example = re.sub(rf"(?m)\b{name}: .*$", line, example)
    if wish.address and wish.topology == "single":
        example = re.sub(r"ansible_host: [\d.]+", f"ansible_host: {scalar(wish.address)}", example)
    return example


def scalar(text: str) -> str:
    """Return a text as YAML, with quotes only where it needs them."""
    is_plain = re.fullmatch(r"[\w./:@~+-]+", text) and yaml.safe_load(f"[{text}]") == [text]
    return text if is_plain else json.dumps(text)


def settings(wish: Wish) -> str:
    """Return Ansible's settings for the folder."""
    collections = f"collections_path = {wish.collections_path}\n" if wish.collections_path else ""
    kept, home = wish.vault_password_path, Path.home()
    shortest = f"~/{kept.relative_to(home)}" if kept.is_relative_to(home) else str(kept)
    return SETTINGS.format(vault_password_path=shortest, collections=collections)


def told(wish: Wish) -> str:
    """Return what to do next."""
    open_addresses = wish.topology == "cluster" or not wish.address
    steps = [
        *([f"write your servers' addresses into {wish.folder / 'hosts.yml'}"] if open_addresses else []),
        f"cd {wish.folder}",
        "ansible-playbook hotclub.django.inspect   # says what hosts.yml still needs for the project",
        "ansible-playbook hotclub.django.site",
    ]
    return "\n".join(
        [
            f"The inventory of {wish.name} is in {wish.folder}. Its secrets are made and encrypted,",
            "so that the folder may go into version control.",
            f"The vault password that opens them is in {wish.vault_password_path}. Keep a copy of it.",
            "Next:",
            *(f"  {step}" for step in steps),
        ]
    )
