# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands in the way of moving a database, and what is left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Every host knows these, whatever locales were built on it.
EVERYWHERE = {"C", "POSIX", "C.UTF-8", "C.utf8", "ucs_basic"}
ROOM = 1.2
MIB = 1024 * 1024

Server = Mapping[str, Any]


def postgresql_move(old: Server, new: Server, database: str) -> dict[str, Any]:
    """Return what is left to do of a move, and what forbids it.

    :param old: what postgresql_view found on the old host, with ``host``, ``suite`` and ``architecture``.
    :param new: the same of the new host.
    :param database: name of the site's database.
    :returns: ``step``: copy, switch or nothing; ``problems``: each with its remedy.
    """
    problems = list(_problems_of_hosts(old, new))
    if problems:
        return {"step": "nothing", "problems": problems}
    if _has_taken_over(old, new, database):
        return {"step": "nothing", "problems": []}
    if old["exists"] and not old["running"] and new["is_copy"] and new["system"] == old["system"]:
        # Broken off after the old one was stopped: everything is with the copy.
        return {"step": "switch", "problems": []}
    return {"step": "copy", "problems": [*_problems_of_old(old, database), *_problems_of_new(old, new, database)]}


def _problems_of_hosts(old: Server, new: Server) -> Iterator[str]:
    if old["host"] == new["host"]:
        yield f"{old['host']} is the host in the group db, so there is nowhere to move to. Put the new host into db instead."
    elif old["suite"] != new["suite"] or old["architecture"] != new["architecture"]:
        yield (
            f"{old['host']} runs {old['suite']} on {old['architecture']}, "
            f"and {new['host']} {new['suite']} on {new['architecture']}: "
            "the files of one are of no use to the other, since text is sorted differently. "
            f"Take a host with {old['suite']}, or bring the data over with pg_dump at a quiet time."
        )
    elif old["version"] != new["version"]:
        yield (
            f"{old['host']} has PostgreSQL {old['version']} and {new['host']} would have {new['version']}. "
            f'Set postgresql_version: "{old["version"]}" for {new["host"]}, move, and upgrade there '
            "with playbooks/upgrade_postgresql.yml."
        )


def _has_taken_over(old: Server, new: Server, database: str) -> bool:
    leads = bool(new["running"] and not new["is_copy"] and database in new["databases"])
    return leads and not old["running"] and (not old["exists"] or old["system"] == new["system"])


def _problems_of_old(old: Server, database: str) -> Iterator[str]:
    if not old["running"]:
        yield (
            f"PostgreSQL {old['version']} does not run on {old['host']}. "
            f"Start it (systemctl start postgresql@{old['version']}-main), "
            "or name the host that has the database in move_database_from."
        )
        return
    if old["in_recovery"]:
        yield f"PostgreSQL on {old['host']} is a copy itself. Name the host that it follows in move_database_from."
    others = [name for name in old["databases"] if name != database]
    if database not in old["databases"]:
        yield f"{old['host']} has no database {database}. Name the host that has it in move_database_from."
    elif others:
        yield (
            f"{old['host']} has other databases too ({', '.join(others)}), and the whole server moves. "
            "Drop them, or move them elsewhere first with pg_dump."
        )
    if old["tablespaces"]:
        yield f"{old['host']} keeps tables in tablespaces ({', '.join(old['tablespaces'])}). Move them to pg_default first."


def _problems_of_new(old: Server, new: Server, database: str) -> Iterator[str]:
    own = [name for name, tables in new["databases"].items() if tables or name != database]
    if new["exists"] and not new["is_copy"] and (own or not new["running"]):
        holds = f"databases of its own ({', '.join(own)})" if own else "a server that does not run"
        yield (
            f"{new['host']} has {holds}, which would be overwritten. "
            f"If they aren't needed: pg_dropcluster --stop {new['version']} main on {new['host']}; else choose another host."
        )
    locales = {_plain(name) for name in new["known_locales"]} | {_plain(name) for name in EVERYWHERE}
    unknown = [name for name in old.get("locales", []) if _plain(name) not in locales]
    if unknown:
        yield f"{new['host']} does not know the locales {', '.join(unknown)}. Build them there (dpkg-reconfigure locales)."
    needed = int(old.get("bytes", 0) * ROOM)
    if new["free_bytes"] < needed:
        yield (
            f"{new['host']} has {new['free_bytes'] // MIB} MiB free for {new['data']}, and the database needs {needed // MIB}. "
            "Make room, or take a larger disk."
        )


def _plain(locale: str) -> str:
    """Return a locale's name as `locale -a` and PostgreSQL both may write it."""
    return locale.lower().replace("-", "")


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"postgresql_move": postgresql_move}
