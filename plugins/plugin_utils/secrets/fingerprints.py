# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether this controller has the secrets that the hosts of a site have: they keep fingerprints, which are compared here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.machine.secret_fingerprints import (
    DERIVED,
    certificates,
    fingerprint,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import CERTIFICATE
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.rotation import NEXT
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import SecretStore

# The generated secrets, by file, and the variables that have what is in them unless an inventory says otherwise.
GENERATED = {
    "secret_key": "site_secret_key",
    "database_password": "site_database_password",
    "authority_passphrase": "site_authority_passphrase",
}
AUTHORITIES = {"authority": "site_authority_path", "database_authority": "site_database_authority_path"}
# Without them nothing can be served, so that a run would make those that are missing.
NEEDED = ("secret_key", "database_password")
# What a host of each tier works with.
OF_TIER = {
    "lb": ("authority", "authority_passphrase"),
    "app": ("secret_key", "database_password", "authority", "database_authority", "authority_passphrase"),
    "db": ("database_password", "authority", "database_authority", "authority_passphrase"),
}
# What the environment of a site calls the secrets that it holds; a project may be given others under the same names.
IN_ENVIRONMENT = {"secret_key": "SECRET_KEY", "database_password": "DATABASE_URL"}
WORDS = {
    "secret_key": "secret_key",
    "database_password": "database_password",
    "authority_passphrase": "authority_passphrase",
    "authority": "the internal authority",
    "database_authority": "the authority of the database",
}


@dataclass(frozen=True)
class Held:
    """What the controller has of a site's secrets."""

    # Where generated ones are kept.
    folder: Path
    # Each generated secret with everything that a host may have of it, the one in use first; none where it is still to be made.
    values: Mapping[str, Sequence[str]] = field(repr=False)
    # What is given to the project instead of what the collection would give it, by name.
    overridden: Collection[str] = ()

    @property
    def missing(self) -> list[str]:
        """The secrets that a run would have to make."""
        return [name for name in NEEDED if name in self.values and not self.values[name]]


def held(folder: Path, settings: Collection[str], authorities: Mapping[str, Path], overridden: Collection[str] = ()) -> Held:
    """Return what the controller has.

    :param folder: of the generated secrets.
    :param settings: the variables that the inventory sets, which generate nothing.
    :param authorities: the folder of each authority.
    :param overridden: the names that the inventory gives the project values of its own for.
    :raises AnsibleError: a secret can't be read.
    """
    store = SecretStore(folder)
    values: dict[str, Sequence[str]] = {}
    for name, variable in GENERATED.items():
        if variable not in settings:
            secret = store.read(name)
            values[name] = [value for value in (secret.current, *secret.fallbacks) if value]
    for name, path in authorities.items():
        values[name] = [certificate for file in (path, path / NEXT) for certificate in _certificates(file / CERTIFICATE)]
    return Held(folder, values, frozenset(overridden))


def problems(site: str, found: Mapping[str, Mapping[str, Any]], unknown: Sequence[str], held_here: Held) -> list[str]:
    """Return why a run must not go on with the secrets that the controller has; nothing when it may.

    :param site: its name.
    :param found: what each host knows, by host.
    :param unknown: hosts that could not be looked at.
    """
    different: dict[tuple[str, ...], list[str]] = {}
    for host, there in found.items():
        if names := tuple(_different(there, held_here)):
            different.setdefault(names, []).append(host)
    lines = [
        f"{', '.join(hosts)}: {'; '.join(_described(name, held_here) for name in names)}" for names, hosts in different.items()
    ]
    if lines:
        return [f"This controller has other secrets than the hosts of {site}. Nothing has been changed.", *lines]
    if held_here.missing and unknown:
        missing = " and ".join(held_here.missing)
        return [
            f"This controller has no {missing} of {site}, and this run can't tell whether {', '.join(unknown)} has the site "
            "already: it is left out, or does not answer. Nothing has been changed."
        ]
    return []


def remedy(site: str, held_here: Held) -> str:
    """Return what to do about it."""
    return (
        f"Bring {held_here.folder} from the machine that made them (docs/teams.md says how a team shares it), "
        f"or start anew deliberately with -e secrets_new=true: whoever is logged in at {site} is logged out, and what was "
        "encrypted or signed with the former secrets can't be read any more."
    )


def wanted(tiers: Collection[str], found: Mapping[str, Any], held_here: Held) -> dict[str, str]:
    """Return the fingerprints that a host is to keep: of the secrets that are in use, as far as its tiers need them."""
    names = {name for tier in tiers for name in OF_TIER.get(tier, ())}
    return {
        name: fingerprint(found["salt"], name, values[0])
        for name, values in sorted(held_here.values.items())
        if name in names and values
    }


def _different(found: Mapping[str, Any], held_here: Held) -> list[str]:
    """Return the secrets of which a host has another one, or which can't be made because it has the site already."""
    is_derived = found["source"] == DERIVED
    must_not_be_made = held_here.missing if is_derived and found["exists"] else []
    known = _comparable(found["known"], held_here) if is_derived else found["known"]
    different = []
    for name, values in held_here.values.items():
        fits = known.get(name, ())
        # A database that sites share has an authority of its own, and certificates don't say which of the two has signed them.
        others = held_here.values.get("database_authority", ()) if is_derived and name == "authority" else ()
        is_other = fits and not any(fingerprint(found["salt"], name, value) in fits for value in (*values, *others))
        if is_other or name in must_not_be_made:
            different.append(name)
    return different


def _comparable(known: Mapping[str, Any], held_here: Held) -> dict[str, Any]:
    """Return what the site's own files tell, without what the inventory has them hold instead."""
    return {name: value for name, value in known.items() if IN_ENVIRONMENT.get(name) not in held_here.overridden}


def _described(name: str, held_here: Held) -> str:
    word = WORDS[name]
    return f"{word} is another one" if held_here.values[name] else f"{word} is not here"


def _certificates(file: Path) -> list[str]:
    return certificates(file.read_text(encoding="ascii", errors="replace")) if file.is_file() else []
