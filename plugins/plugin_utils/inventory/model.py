# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An inventory as the checks see it: groups, hosts, what is set for them, and what may be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Option
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.tiers import placed

PEER_ADDRESS = Option("private_address")


@dataclass(frozen=True)
class Setting:
    """A variable as the inventory sets it for a host."""

    host: str
    name: str
    value: Any = None
    place: str | None = None
    # Why the value can't be worked out, when it can't.
    broken: str | None = None
    # Kept in a vault, so that no message may show it.
    encrypted: bool = False
    # The names of its parts that are secrets, and that the inventory shows to whoever reads it.
    plain_secrets: tuple[str, ...] = ()
    # As it was written, where that matters besides the value.
    written: str = ""


@dataclass(frozen=True)
class Rules:
    """What may be set, as specs and wiring say."""

    options: Mapping[str, Option]
    prefixes: tuple[str, ...]
    # A derived variable, and the variables that it is derived from.
    derived: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Every name that an inventory may set."""
        return [name for name in self.options if name not in self.derived] + [PEER_ADDRESS.name]


@dataclass(frozen=True)
class Inventory:
    """Groups, hosts and what is set for them."""

    groups: Mapping[str, list[str]]
    settings: list[Setting]
    # Everything else that hosts have been given, by name alone.
    foreign: list[Setting] = field(default_factory=list)
    # The folder of the inventory that names a host.
    folders: Mapping[str, str | None] = field(default_factory=dict)
    # Where its peers reach each host; empty when that can't be worked out.
    addresses: Mapping[str, str] = field(default_factory=dict)
    # The names of what every site gets in its environment; none when that can't be worked out.
    environment: Collection[str] = ()
    # How a run becomes root on each host.
    becomes: Mapping[str, str] = field(default_factory=dict)
    # How a file on this machine is read, one in a vault too.
    read: Callable[[str], str] = lambda path: Path(path).read_text(encoding="utf-8")

    @property
    def hosts(self) -> list[str]:
        """The hosts of the site, in inventory order; all where none has a tier."""
        return placed(self.groups) or list(self.groups.get("all", []))

    def by_name(self, name: str) -> list[Setting]:
        """Return where one variable is set."""
        return [setting for setting in self.settings if setting.name == name]
