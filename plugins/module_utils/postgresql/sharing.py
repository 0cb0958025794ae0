# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What sites share of a server: its settings and its certificate, put together from what each of them needs.

Each site has a file in the folder ``hotclub.d`` of the configuration. A run for one site writes that file alone, and the settings
follow from all of them, so that it never takes away what another one needs.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, is_created, read
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.tuning import tuned

LOCAL = "localhost"
# A server that listens at all addresses can't listen at one of them besides.
EVERYWHERE = {"*", "0.0.0.0"}  # noqa: S104
RULES = re.compile(r"50-(?P<site>.+)\.conf")
SETTING = re.compile(r"(?P<name>[\w.]+) = '(?P<value>.*)'")
COMPUTED_FOR = re.compile(r"computed for (?P<memory>[0-9]+) MiB of memory and (?P<processors>[0-9]+) cores")
HEADER = """\
# Settings of PostgreSQL {version}, computed for {memory} MiB of memory and {processors} cores.
# Put together by Ansible from what each site needs, in hotclub.d: {sites}. Change its inventory, and run the playbook again.

"""
FOR_ALL = {"password_encryption": "scram-sha-256", "lc_messages": "C"}
# Counts which queries cost how much, for playbooks/diagnose.yml. Not what could hold a password, such as ALTER ROLE.
STATEMENTS = "pg_stat_statements"
FOR_STATEMENTS = {f"{STATEMENTS}.track_utility": "off"}
LIBRARIES = "shared_preload_libraries"
# Of a new server, as PGTune has it for web applications: other sites may join, and a change of the number needs a restart.
FIRST_CONNECTIONS = 200
# Of what is derived, so that one worker more or less is no reason for a restart.
STEP = 50
# Three that PostgreSQL keeps for superusers; and people, backups and what watches it.
OTHER_CONNECTIONS = 13
# What a copy may miss between the end of copying and its first connection; and what a new primary can still archive of what
# the former one wrote last.
FOR_COPIES = {"wal_keep_size": "1GB"}
# Nothing is archived until the repository is ready for it, and nothing any more when the backups have left the host: archive_mode
# can't be switched without a restart, and a server that keeps what it can't archive fills its disk.
ARCHIVED = "/var/lib/hotclub-backups/archived"
FOR_BACKUPS = {
    "archive_mode": "on",
    "archive_command": f"test ! -e {ARCHIVED} || exec pgbackrest --stanza=main archive-push %p",
    # What is lost with the host at most, in seconds: a segment that is not full yet is on no other disk.
    "archive_timeout": "300",
}
REMEDY = (
    "The former ones stay. Correct postgresql_settings, postgresql_max_connections, postgresql_port or "
    "postgresql_listen_addresses of {site}."
)


@dataclass(frozen=True)
class Part:
    """What one site needs of the server."""

    listen_addresses: tuple[str, ...] = (LOCAL,)
    port: int = 5432
    # As the operator wants it; 0 for as many as are needed.
    max_connections: int = 0
    # What its hosts may have open during a deploy, by host; 0 where that wasn't known when it was written.
    connections: Mapping[str, int] = field(default_factory=dict)
    # What the server may plan with; 0 where it isn't known.
    memory_mb: int = 0
    processors: int = 1
    # Names and addresses under which its other hosts reach the server by TLS; empty for none.
    certificate_names: tuple[str, ...] = ()
    # Whether other servers copy this one.
    is_copied: bool = False
    # Whether its log of changes is archived, for backups.
    is_archived: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Part:
        """Return a part as a task or a file has it; what a later version may add is none of this one's business."""
        known = {name: said[name] for name in cls.__dataclass_fields__ if name in said}
        for name in ("listen_addresses", "certificate_names"):
            known[name] = tuple(known.get(name, ()))
        known["settings"] = {name: str(value) for name, value in known.get("settings", {}).items()}
        known["connections"] = {host: int(count) for host, count in known.get("connections", {}).items()}
        return cls(**known)

    def text(self) -> str:
        """Return the part as its file has it."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


@dataclass(frozen=True)
class Settings:
    """The settings of a server, and on which of them the sites don't agree."""

    values: Mapping[str, str]
    contested: Mapping[str, Mapping[str, str]]

    def told(self) -> tuple[str, ...]:
        """Return what the sites don't agree on, in words."""
        return tuple(
            f"{name} is {self.values[name]}, but {' and '.join(f'{site} wants {wish}' for site, wish in sorted(wanted.items()))}"
            for name, wanted in sorted(self.contested.items())
        )


@dataclass(frozen=True)
class Outcome:
    """What was, or would be, written for the sites of a server."""

    # Path, the text before and the text after, none for no file.
    changes: tuple[tuple[str, str, str], ...]
    settings: Mapping[str, str]
    contested: tuple[str, ...]


# --- what follows from the parts


def settings_of(parts: Mapping[str, Part], present: Mapping[str, str], certificate: str, site: str = "") -> Settings:
    """Return the settings that all sites together need.

    Where they don't agree on a value, the present one stays for as long as one of them wants it.

    :param parts: what each site needs.
    :param present: the settings that are in effect.
    :param certificate: the folder of the server's certificate.
    :param site: the one whose run this is; empty when it leaves.
    """
    every = list(parts.values())
    known = [part.memory_mb for part in every if part.memory_mb]
    connections = _connections_of(parts, site, present.get("max_connections", ""))
    contested: dict[str, Mapping[str, str]] = {}

    def agreed(name: str, wanted: Mapping[str, str]) -> str:
        if len(set(wanted.values())) > 1:
            contested[name] = wanted
        return present[name] if present.get(name) in wanted.values() else wanted[min(wanted)]

    values = tuned(min(known), max(part.processors for part in every), connections) if known else {}
    values |= (
        FOR_ALL
        | FOR_STATEMENTS
        | {
            LIBRARIES: _with_statements(present.get(LIBRARIES, "")),
            "listen_addresses": ", ".join(_together(part.listen_addresses for part in every)),
            "port": agreed("port", {site: str(part.port) for site, part in parts.items()}),
            "max_connections": str(connections),
        }
    )
    if any(part.certificate_names for part in every):
        values |= _by_tls(certificate)
    if any(part.is_copied for part in every):
        values |= FOR_COPIES
    if any(part.is_archived for part in every) or present.get("archive_command") == FOR_BACKUPS["archive_command"]:
        values |= FOR_BACKUPS
    for name in sorted({name for part in every for name in part.settings}):
        values[name] = agreed(name, {site: part.settings[name] for site, part in parts.items() if name in part.settings})
    return Settings(values, contested)


def _with_statements(loaded: str) -> str:
    """Return the libraries that the server loads at its start, those of others as they were."""
    return ", ".join(dict.fromkeys([*_listed(loaded), STATEMENTS]))


def _listed(loaded: str) -> list[str]:
    return [name.strip() for name in loaded.split(",") if name.strip()]


def _connections_of(parts: Mapping[str, Part], site: str, present: str) -> int:
    """Return how many connections the server takes: as many as an operator says, else as all sites need.

    What is derived only grows: fewer would save little, and need a restart as well.
    """
    said = max(part.max_connections for part in parts.values())
    if site in parts and parts[site].max_connections:
        return said
    enough = max(said, -(-needed(parts) // STEP) * STEP)
    return max(enough, int(present) if present.isdigit() else FIRST_CONNECTIONS)


def needed(parts: Mapping[str, Part]) -> int:
    """Return how many connections all sites together may have open, if they deploy at the same time."""
    return sum(sum(part.connections.values()) for part in parts.values()) + OTHER_CONNECTIONS


def refuse_few_connections(parts: Mapping[str, Part], settings: Mapping[str, str], site: str) -> None:
    """Refuse a server that would turn its own sites away during a deploy.

    :raises Refusal: says how many connections who needs.
    """
    allowed = settings["max_connections"]
    if not allowed.isdigit() or int(allowed) >= needed(parts) or not any(part.connections for part in parts.values()):
        return
    sites = ", ".join(
        f"{name} {sum(part.connections.values())} ({', '.join(f'{host} {count}' for host, count in part.connections.items())})"
        for name, part in sorted(parts.items())
        if part.connections
    )
    raise Refusal(
        f"PostgreSQL on {os.uname().nodename} would take {allowed} connections, but during a deploy, when old and new instances "
        f"run side by side, {needed(parts)} may be open: {sites}, and {OTHER_CONNECTIONS} for people and backups.",
        f"Set postgresql_max_connections of {site} to {needed(parts)} or more, or leave it out, there and in "
        "postgresql_settings; or set gunicorn_workers or gunicorn_threads lower, or the site_database_pool_size of a pool.",
    )


def _together(lists: Iterable[Iterable[str]]) -> list[str]:
    """Return what is in any of the lists, the server's own host first and the rest in one order whoever comes first."""
    every = {word for words in lists for word in words}
    if every & EVERYWHERE:
        return ["*"]
    return [*(word for word in (LOCAL,) if word in every), *sorted(every - {LOCAL})]


def _by_tls(certificate: str) -> dict[str, str]:
    return {
        "ssl": "on",
        "ssl_cert_file": f"{certificate}/fullchain.pem",
        "ssl_key_file": f"{certificate}/privkey.pem",
        "ssl_ca_file": f"{certificate}/authority.pem",
        "ssl_min_protocol_version": "TLSv1.3",
    }


def settings_text(version: str, parts: Mapping[str, Part], settings: Mapping[str, str]) -> str:
    """Return the file of the settings."""
    memory = min((part.memory_mb for part in parts.values() if part.memory_mb), default=0)
    processors = max(part.processors for part in parts.values())
    header = HEADER.format(version=version, memory=memory, processors=processors, sites=", ".join(sorted(parts)))
    return header + "".join(f"{name} = {_quoted(value)}\n" for name, value in sorted(settings.items()))


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def settings_in(text: str) -> dict[str, str]:
    """Return the settings that such a file has."""
    found = (SETTING.fullmatch(line) for line in text.splitlines())
    return {setting["name"]: re.sub(r"\\(.)|''", lambda sign: sign[1] or "'", setting["value"]) for setting in found if setting}


# --- the parts of a host


def settings_path(cluster: Cluster) -> str:
    """Return the file of the settings."""
    return f"{cluster.configuration}/conf.d/hotclub.conf"


def part_path(cluster: Cluster, site: str) -> str:
    """Return the file of what a site needs."""
    return f"{cluster.configuration}/hotclub.d/{site}.json"


def rules_path(cluster: Cluster, site: str) -> str:
    """Return the file of whom a site lets in."""
    return f"{cluster.configuration}/pg_hba.d/50-{site}.conf"


def certificate_path(cluster: Cluster) -> str:
    """Return the folder of the certificate that the server shows."""
    return f"{cluster.configuration}/certificate"


def parts_of(cluster: Cluster, names_shown: Callable[[], Iterable[str]]) -> dict[str, Part]:
    """Return what the sites of a host need of the server.

    A site without a file was here before there were such files. It needs what is in effect, as far as it can use it, until
    its own next run says what it needs.

    :param names_shown: tells the names in the certificate that the server shows.
    """
    folder = os.path.dirname(part_path(cluster, ""))
    found = {name.removesuffix(".json"): Part.of(_json(f"{folder}/{name}")) for name in _names(folder) if name.endswith(".json")}
    text = read(settings_path(cluster))
    rules = [RULES.fullmatch(name) for name in _names(os.path.dirname(rules_path(cluster, "")))]
    missing = sorted({rule["site"] for rule in rules if rule} - set(found))
    if not text or not missing:
        return found
    return found | {site: _adopted(cluster, text, read(rules_path(cluster, site)), names_shown) for site in missing}


def said_by(cluster: Cluster, site: str) -> dict[str, Any]:
    """Return what a site has said that it needs; nothing where it hasn't, or did by a version that knew of no connections."""
    path = part_path(cluster, site)
    said = _json(path) if os.path.exists(path) else {}
    return said if "connections" in said else {}


def _adopted(cluster: Cluster, text: str, rules: str, names_shown: Callable[[], Iterable[str]]) -> Part:
    """Return what a site needs of whom only the rules are known, and the settings that are in effect."""
    present = settings_in(text)
    computed = COMPUTED_FOR.search(text)
    lines = [line.split() for line in rules.splitlines() if line.strip() and not line.startswith("#")]
    is_reached = any(words[0] != "local" and words[3] not in ("127.0.0.1/32", "::1/128") for words in lines)
    has_tls = any(words[0] == "hostssl" for words in lines)
    part = Part(
        listen_addresses=tuple(re.split(r"\s*,\s*", present.get("listen_addresses", LOCAL))) if is_reached else (LOCAL,),
        port=int(present.get("port", cluster.port)),
        max_connections=int(present.get("max_connections", 100)),
        memory_mb=int(computed["memory"]) if computed else 0,
        processors=int(computed["processors"]) if computed else 1,
        certificate_names=tuple(names_shown()) if has_tls else (),
        is_copied=any(words[1] == "replication" for words in lines),
    )
    of_itself = settings_of({"": part}, {}, certificate_path(cluster)).values
    # What was set by hand; what it is reached by is known already.
    own = {
        name: value
        for name, value in present.items()
        if of_itself.get(name) != value and name != "listen_addresses" and not name.startswith("ssl")
    }
    return replace(part, settings=own)


def _names(folder: str) -> list[str]:
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def _json(path: str) -> dict[str, Any]:
    try:
        said = json.loads(read(path))
    except ValueError as error:
        raise PostgresqlError(
            f"{path} can't be read ({error}). Remove it, and run site.yml for the site that it is named after."
        ) from error
    return dict(said)


def names_in_certificate(cluster: Cluster) -> list[str]:
    """Return the names and addresses in the certificate that the server shows."""
    chain = f"{certificate_path(cluster)}/fullchain.pem"
    if not os.path.exists(chain):
        return []
    code, output = cluster.run(["openssl", "x509", "-in", chain, "-noout", "-ext", "subjectAltName"])
    return re.findall(r"(?:DNS|IP Address):([^,\s]+)", output) if code == 0 else []


def seen_by_others(cluster: Cluster, site: str) -> dict[str, Any]:
    """Return which other sites reach the server by TLS, under which names, and which authority they trust."""
    parts = parts_of(cluster, lambda: names_in_certificate(cluster))
    others = {name: part for name, part in parts.items() if name != site and part.certificate_names}
    return {
        "sites": sorted(others),
        "names": _together(part.certificate_names for part in others.values()),
        "authority": read(f"{certificate_path(cluster)}/authority.pem") if others else "",
    }


# --- what a run changes


def share(cluster: Cluster, site: str, part: Part, check: bool) -> Outcome:
    """Have the server's settings include what a site needs.

    :raises PostgresqlError: the server refuses them, and the former ones stay; or it has another port than the site needs.
    """
    parts = parts_of(cluster, lambda: names_in_certificate(cluster))
    # What a run for some of the hosts doesn't know of the others was known to an earlier one.
    former = parts.get(site, part)
    known = former.connections if site in parts else {}
    part = replace(part, connections={host: count or known.get(host, 0) for host, count in part.connections.items()})
    parts |= {site: part}
    present = without_libraries(present_settings(cluster), former, parts)
    settings = settings_of(parts, present, certificate_path(cluster), site)
    refuse_few_connections(parts, settings.values, site)
    outcome = _written(cluster, parts, settings, {}, check, REMEDY.format(site=site))
    port = int(outcome.settings["port"])
    if port != part.port:
        others = ", ".join(sorted(name for name, other in parts.items() if other.port == port))
        raise PostgresqlError(
            f"{site} wants PostgreSQL {cluster.version} on port {part.port}, and {others} on port {port}. A server has one: "
            f"set the same postgresql_port in all inventories, and run site.yml for {others}, then for {site}."
        )
    return outcome


def leave(cluster: Cluster, site: str, check: bool) -> Outcome:
    """Have the server forget what a site needed, and nothing else; its databases and accounts stay."""
    parts = parts_of(cluster, lambda: names_in_certificate(cluster))
    former = parts.pop(site, None)
    gone = dict.fromkeys((part_path(cluster, site), rules_path(cluster, site)))
    present = present_settings(cluster)
    if former:
        present = without_libraries(present, former, parts)
    settings = settings_of(parts, present, certificate_path(cluster)) if parts else Settings(present, {})
    return _written(cluster, parts, settings, gone, check, "The former ones stay. Correct what is in hotclub.d.")


def present_settings(cluster: Cluster) -> dict[str, str]:
    """Return the settings that the sites have given the server, with the libraries that somebody else has had it load."""
    present = settings_in(read(settings_path(cluster)))
    return present if LIBRARIES in present or not is_created(cluster) else {**present, LIBRARIES: libraries_of(cluster)}


def without_libraries(present: Mapping[str, str], former: Part, parts: Mapping[str, Part]) -> dict[str, str]:
    """Return the present settings without the libraries that a site has named before, and that no site names any more."""
    named = {library for part in parts.values() for library in _listed(part.settings.get(LIBRARIES, ""))}
    gone = set(_listed(former.settings.get(LIBRARIES, ""))) - named
    kept = [library for library in _listed(present.get(LIBRARIES, "")) if library not in gone]
    return {**present, **({LIBRARIES: ", ".join(kept)} if LIBRARIES in present else {})}


def libraries_of(cluster: Cluster) -> str:
    """Return what the server's files have it load at its start; nothing where it objects to them, which is told elsewhere."""
    main = f"{cluster.configuration}/postgresql.conf"
    program = [f"{cluster.programs}/postgres", "-C", LIBRARIES, f"--config-file={main}"]
    code, output = cluster.run(["runuser", "-u", "postgres", "--", *program])
    return output.partition("\n")[0].strip() if code == 0 else ""


def _written(
    cluster: Cluster, parts: Mapping[str, Part], settings: Settings, gone: Mapping[str, None], check: bool, remedy: str
) -> Outcome:
    """Write the parts and what follows from them; without any the settings stay as they are."""
    path = settings_path(cluster)
    wanted: dict[str, str | None] = {part_path(cluster, site): part.text() for site, part in parts.items()} | dict(gone)
    if parts:
        wanted[path] = settings_text(cluster.version, parts, settings.values)
    former = {name: read(name) if os.path.exists(name) else None for name in wanted}
    changes = {name: text for name, text in wanted.items() if text != former[name]}
    if changes and not check:
        _put(changes)
        objection = complaint(cluster)
        if objection:
            _put({name: former[name] for name in changes})
            raise PostgresqlError(f"PostgreSQL {cluster.version} refuses its settings: {objection}\n{remedy}")
    return Outcome(
        tuple((name, former[name] or "", text or "") for name, text in changes.items()), settings.values, settings.told()
    )


def _put(texts: Mapping[str, str | None]) -> None:
    for path, text in texts.items():
        if text is None:
            Path(path).unlink(missing_ok=True)
        else:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            files.put(path, text)


def complaint(cluster: Cluster) -> str:
    """Return what the server says against its files, without taking them over; nothing where no cluster is yet."""
    main = f"{cluster.configuration}/postgresql.conf"
    if not os.path.exists(main):
        return ""
    program = [f"{cluster.programs}/postgres", "-C", "max_connections", f"--config-file={main}"]
    code, output = cluster.run(["runuser", "-u", "postgres", "--", *program])
    return "" if code == 0 else output.strip() or f"exit code {code}"
