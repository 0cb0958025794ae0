# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read what an inventory sets, as Ansible's own loader and templates see it."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible import constants, context
from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.core import (
    DataLoader,
    EncryptedString,
    Templar,
    VaultLib,
    origin_of,
    trust_as_template,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.checks.certificate import reason
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.derivation import sources
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import PEER_ADDRESS, Inventory, Rules, Setting
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Option, read_options
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import placed
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.topology import tiers_of
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import PREVIEW

WIRING = Path("roles/site/vars/main")
# Facts are not gathered yet: whatever needs them is known later, and checked by the roles.
UNKNOWN_FACTS = "facts of the host are not known yet"
NEEDS_FACTS = re.compile(rf"{UNKNOWN_FACTS}|'ansible_\w+' is undefined")
# What Ansible itself adds to the variables of every host.
ANSIBLE_NAMES = re.compile(
    r"ansible_|inventory_|group_names$|groups$|hostvars$|omit$|playbook_dir$|environment$|module_setup$|gather_subset$"
)
# An expression with one of these may read variables that it doesn't name.
INDIRECT = {"vars", "varnames", "lookup", "query", "q"}
# What a project's own variables are called when they are secret, and values that then are none.
SECRET_NAME = re.compile(r"SECRET|PASSW|TOKEN|CREDENTIAL|PRIVATE|(^|_)KEY$", re.IGNORECASE)
NO_SECRET = re.compile(r"\s*|\d{1,6}|true|false|yes|no|on|off", re.IGNORECASE)
URL_WITH_PASSWORD = re.compile(r"://[^:/@\s]*:[^@\s]+@")


class InventoryReader:
    """Groups, hosts and settings, and the rules of the collection that they are for."""

    def __init__(self, collection: Path, loader: DataLoader, groups: Mapping[str, list[str]], hostvars: Any) -> None:
        self._collection = collection
        self._loader = loader
        self._groups = groups
        self._hostvars = hostvars
        self._wiring = self._read_all((collection / WIRING).glob("*.yml"))
        defaults = self._read_all(collection.glob("roles/*/defaults/main.yml"))
        self._expressions = Expressions(loader, defaults | self._wiring, groups, hostvars)
        # What other hosts of the inventory are for, and what is set for them, is none of our business.
        self._hosts = placed(groups) or list(groups["all"])
        self._plain: dict[int, Any] = {}
        self._encrypted_files: dict[str | None, bool] = {}
        self.rules = self._read_rules()

    def inventory(self) -> Inventory:
        """Return groups, hosts and settings."""
        settings: list[Setting] = []
        foreign: list[Setting] = []
        folders: dict[str, str | None] = {}
        for host in self._hosts:
            variables = self._hostvars.raw_get(host)
            folders[host] = variables.get("inventory_dir")
            given = [
                self._setting(host, str(name), value, name) for name, value in variables.items() if not ANSIBLE_NAMES.match(name)
            ]
            settings.extend(self._resolve([setting for setting in given if self._is_ours(setting.name)], variables))
            foreign.extend(replace(setting, value=None) for setting in given if not self._is_ours(setting.name))
        tiers = self._expressions.tiers
        addresses = {peer["name"]: peer["address"] for tier in tiers.values() for peer in tier}
        return Inventory(
            self._groups,
            settings,
            foreign,
            folders,
            addresses,
            self._given_environment(settings),
            {host: method for host in self._hosts if (method := self._becomes(host))},
            self._loader.get_text_file_contents,
        )

    def _becomes(self, host: str) -> str:
        """Return how a run becomes root on a host, by the inventory or else as the command line or the configuration says."""
        variables = self._hostvars.raw_get(host)
        method = variables.get("ansible_become_method")
        if not method:
            return str(context.CLIARGS.get("become_method") or constants.DEFAULT_BECOME_METHOD)
        # What needs the host's facts is known later.
        with contextlib.suppress(AnsibleError):
            return str(self._expressions.value(method, variables))
        return ""

    def _given_environment(self, settings: list[Setting]) -> list[str]:
        """Return the names of what every site gets, where a project's own variables may refer to them."""
        if any("${" in str(setting.value) for setting in settings if setting.name == "site_env"):
            # What can't be worked out is a problem of its own.
            with contextlib.suppress(AnsibleError):
                return [str(name) for name in self.value("django_environment")]
        return []

    def _setting(self, host: str, name: str, value: Any, key: Any) -> Setting:
        secrets = self._plain_secrets(name, value, key)
        written = str(value) if name == "site_env" else ""
        return Setting(host, name, value, origin(value) or origin(key), plain_secrets=secrets, written=written)

    def value(self, name: str, host: str = "") -> Any:
        """Return what a variable means for a host, or for the site as a whole.

        :raises AnsibleError: it can't be worked out.
        """
        variables = self._hostvars.raw_get(host or self._hosts[0])
        return self._expressions.value(trust_as_template(f"{{{{ {name} }}}}"), variables)

    def _plain_secrets(self, name: str, value: Any, key: Any) -> tuple[str, ...]:
        """Return the parts of a value that are secrets in plain text."""
        option = self.rules.options.get(name)
        if option is None or not option.hides:
            return ()
        found = tuple(plain_environment(name, value) if name == "site_env" else plain_secrets(option, value, name))
        return () if found and self._is_encrypted_file(origin_path(value) or origin_path(key)) else found

    def _is_encrypted_file(self, path: str | None) -> bool:
        if path not in self._encrypted_files:
            with contextlib.suppress(OSError):
                self._encrypted_files[path] = path is not None and VaultLib.is_encrypted(Path(path).read_bytes())
        return self._encrypted_files.get(path, False)

    def _is_ours(self, name: str) -> bool:
        return name.startswith(self.rules.prefixes) or name == PEER_ADDRESS.name

    def _resolve(self, settings: list[Setting], variables: Mapping[str, Any]) -> Iterator[Setting]:
        """Yield the settings of a host with their expressions worked out, those that need its facts left out."""
        for setting in settings:
            if setting.name not in self.rules.options and setting.name != PEER_ADDRESS.name:
                yield replace(setting, value=None)
            elif self._is_plain(setting.value):
                yield setting
            else:
                try:
                    yield replace(
                        setting, value=self._expressions.value(setting.value, variables), encrypted=holds_encrypted(setting.value)
                    )
                except AnsibleError as error:
                    if not NEEDS_FACTS.search(str(error)):
                        yield replace(setting, value=None, broken=reason(error))

    def _is_plain(self, value: Any) -> bool:
        """Tell whether a value holds no expression and nothing encrypted; once for all hosts that share it."""
        if id(value) not in self._plain and is_plain(value):
            self._plain[id(value)] = value
        return id(value) in self._plain

    def _read_rules(self) -> Rules:
        options: dict[str, Option] = {}
        roles = sorted(path.parents[1].name for path in self._collection.glob("roles/*/meta/argument_specs.yml"))
        for role in roles:
            options |= read_options(self._read(self._collection / "roles" / role / "meta" / "argument_specs.yml"))
        settable = [name for name in options if name not in self._wiring]
        derived = {name: sources(name, self._wiring, settable) for name in self._wiring}
        return Rules(options, tuple(f"{role}_" for role in roles), derived)

    def _read_all(self, paths: Iterable[Path]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for path in sorted(paths):
            found |= self._read(path)
        return found

    def _read(self, path: Path) -> dict[str, Any]:
        if not path.is_file():
            return {}
        # Nobody changes it, so it needn't be copied.
        return self._loader.load_from_file(str(path), cache="none", unsafe=True, trusted_as_template=True) or {}


class Expressions:
    """Values of expressions, each worked out once for all hosts that give it the same variables."""

    def __init__(self, loader: DataLoader, base: Mapping[str, Any], groups: Mapping[str, list[str]], hostvars: Any) -> None:
        self._loader = loader
        self._base = dict(base)
        self._groups = groups
        self._hostvars = hostvars
        self._facts = trust_as_template(f"{{{{ undef(hint='{UNKNOWN_FACTS}') }}}}")
        # With each value what it was worked out from, so that no identity is used again for something else.
        self._known: dict[frozenset[tuple[str, int]], tuple[Any, dict[str, Any]]] = {}

    def value(self, expression: Any, variables: Mapping[str, Any]) -> Any:
        """Return what an expression means for the host with these variables."""
        context = self._base | dict(variables) | self._common | {PREVIEW: True}
        names = mentioned(expression, context)
        key = frozenset((name, id(context.get(name))) for name in names) | {("", id(expression))}
        if names & INDIRECT or key not in self._known:
            self._known[key] = (Templar(self._loader, context).template(expression), {"": expression} | context)
        return self._known[key][0]

    @cached_property
    def _common(self) -> dict[str, Any]:
        """What is the same for all hosts; the wiring's view of the tiers with it, since it looks at all of them."""
        common = {"groups": self._groups, "hostvars": self._hostvars, "ansible_facts": self._facts}
        return common | ({"site_tiers": self.tiers} if self.tiers else {})

    @cached_property
    def tiers(self) -> dict[str, list[dict[str, Any]]]:
        """The hosts of each tier and where peers reach them; none when an address can't be worked out, a problem of its own."""
        try:
            return tiers_of(self._groups, self._hostvars)
        except (AnsibleError, Trouble):
            return {}


def mentioned(expression: Any, context: Mapping[str, Any]) -> set[str]:
    """Return the variables that an expression names, and those that these name in turn."""
    names: set[str] = set()
    waiting = [expression]
    while waiting:
        words = set(re.findall(r"\w+", str(waiting.pop())))
        found = (words & (context.keys() | INDIRECT)) - names
        names |= found
        waiting.extend(context[name] for name in found - {"groups", "hostvars"} if not is_plain(context.get(name)))
    return names


def is_plain(value: Any) -> bool:
    """Tell whether a value is what it says, without an expression in it."""
    if value is None or isinstance(value, (bool, int, float)):
        return True
    if isinstance(value, str):
        return "{{" not in value and "{%" not in value and "{#" not in value
    if isinstance(value, Mapping):
        return all(is_plain(element) for element in value.values())
    return isinstance(value, (list, tuple)) and all(is_plain(element) for element in value)


def holds_encrypted(value: Any) -> bool:
    """Tell whether any part of a value comes from a vault."""
    if isinstance(value, Mapping):
        return any(holds_encrypted(element) for element in value.values())
    if isinstance(value, (list, tuple)):
        return any(holds_encrypted(element) for element in value)
    return isinstance(value, EncryptedString)


def plain_secrets(option: Option, value: Any, subject: str) -> Iterator[str]:
    """Yield the parts of a value that are secrets in plain text, as the option describes them."""
    if isinstance(value, EncryptedString) or not is_plain(value) or not value:
        return
    if option.secret:
        yield subject
    elif isinstance(value, (list, tuple)):
        for position, element in enumerate(value):
            yield from plain_secrets(option.element(), element, f"{subject}[{position}]")
    elif isinstance(value, Mapping):
        for key, nested in option.options.items():
            if key in value:
                yield from plain_secrets(nested, value[key], f"{subject}.{key}")


def plain_environment(subject: str, value: Any) -> Iterator[str]:
    """Yield the variables of a project that look like secrets in plain text, by their names or by a password in a URL."""
    for name, text in value.items() if isinstance(value, Mapping) else ():
        if isinstance(text, EncryptedString) or not is_plain(text):
            continue
        named = SECRET_NAME.search(str(name)) and not NO_SECRET.fullmatch(str(text))
        if named or URL_WITH_PASSWORD.search(str(text)):
            yield f"{subject}.{name}"


def origin_path(value: Any) -> str | None:
    """Return the file in which a value was written, when Ansible knows it."""
    tag = origin_of(value)
    return tag.path if tag is not None else None


def origin(value: Any) -> str | None:
    """Return where a value was written, when Ansible knows it."""
    tag = origin_of(value)
    if tag is None or not tag.path:
        return "on the command line" if tag is not None and "-e" in (tag.description or "") else None
    path = os.path.relpath(tag.path)
    shortest = path if not path.startswith("../..") else tag.path
    return f"{shortest}:{tag.line_num}" if tag.line_num else shortest
