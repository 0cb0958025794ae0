# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A site's database as a file of pg_dump's, and such a file as the site's database.

What is loaded becomes a database beside the live one, which nobody but the site's release is let into. It takes the live one's
name at once, and that one stays under another name.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, present_port
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.session import (
    Spoken,
    Talk,
    answer,
    connect,
    identifier,
    literal,
    speak,
)

MEBI = 1024 * 1024
# Names that no site has: a site's is without a hyphen.
LOADING, BEFORE = "-loading", "-before"
# A packed dump grows to about so many times its size, with its indexes.
GROWTH = 6
# Behind what serves, for processor and disk.
MEEKLY = ("nice", "-n", "19", "ionice", "-c", "2", "-n", "7")
# What every deployed site has of itself, without a visitor.
OF_DJANGO = ("auth_permission", "django_content_type", "django_migrations", "django_site")
LEAVING_SECONDS = 10.0

DUMPED_FROM = re.compile(r"^; +Dumped from database version: (\d+)", re.MULTILINE)
ENTRY = re.compile(r"^\d+; \d+ \d+ (?P<what>[A-Z]+(?: [A-Z]+)*) (?P<schema>\S+) (?P<name>.*)$")
# What was being written when a statement failed: rows.
ROWS = re.compile(r"^(?:pg_restore: )?(?:DETAIL|CONTEXT|Failing row|Command was): .*$", re.MULTILINE)


@dataclass(frozen=True)
class Base:
    """The database of a site, as its server has it."""

    exists: bool
    follows: bool = False
    # Of the server; a dump of a newer one can't be loaded.
    major: int = 0
    owner: str = ""
    encoding: str = ""
    collate: str = ""
    ctype: str = ""
    connection_limit: int = -1
    bytes: int = 0
    # What tells a database from all others, on any host.
    identity: str = ""
    # Whether the site's release is let into the one that is loaded.
    admits: bool = False
    is_filled: bool = False
    # Databases of the names that are used here, and whose they are.
    others: tuple[tuple[str, str], ...] = ()


def look(cluster: Cluster, talk: Talk, database: str) -> Base:
    """Return what the server says of a site's database."""
    beside = ", ".join(literal(database + suffix) for suffix in (LOADING, BEFORE))
    asked = f"""jsonb_build_object(
      'follows', pg_is_in_recovery(),
      'major', current_setting('server_version_num')::int / 10000,
      'admits', exists (select from pg_hba_file_rules where {literal(database + LOADING)} = any (database)),
      'others', (select coalesce(jsonb_agg(jsonb_build_array(datname, pg_get_userbyid(datdba))), '[]')
        from pg_database where datname in ({beside})),
      'base', (select jsonb_build_object(
          'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding), 'collate', datcollate, 'ctype', datctype,
          'connection_limit', datconnlimit, 'bytes', pg_database_size(oid),
          'identity', (select system_identifier from pg_control_system()) || '/' || oid)
        from pg_database where datname = {literal(database)}))"""  # noqa: S608 - values are in quotes
    found = _said(speak(cluster, talk, [answer(asked)])).answers[0]
    general = {name: found[name] for name in ("follows", "major", "admits")}
    others = tuple((name, owner) for name, owner in found["others"])
    if not found["base"]:
        return Base(exists=False, others=others, **general)
    filled = _said(speak(cluster, talk, [connect(database), answer(f"to_jsonb(exists ({FILLED}))")])).answers[0]
    return Base(exists=True, is_filled=bool(filled), others=others, **general, **found["base"])


FILLED = f"""
  select from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and c.relname <> all (array[{", ".join(literal(name) for name in OF_DJANGO)}])
    and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    and query_to_xml(format('select 1 from %I.%I limit 1', n.nspname, c.relname), false, true, '')::text <> ''
"""  # noqa: S608 - values are in quotes


# --- out


def dump(cluster: Cluster, database: str, size: int, path: str) -> None:
    """Write a database, as it is at one moment, into a file that this account alone may read.

    :param size: the database's size in bytes; a dump is smaller, so that it fits where this much is free.
    :raises PostgresqlError: there is no room, or the dump can't be made or read.
    """
    free = shutil.disk_usage(os.path.dirname(path)).free
    if free < size:
        raise PostgresqlError(
            f"{os.path.dirname(path)} has {free // MEBI} MiB free, and the database {database} has {size // MEBI} MiB, "
            "for whose dump there must be room until it is fetched.",
            "Make room there, or set ansible_remote_tmp for this host to a folder with room, and run this again.",
        )
    pg_dump = [f"{cluster.programs}/pg_dump", "--format=custom", "--port", str(present_port(cluster)), "--dbname", database]
    _redirected(cluster, ">", path, pg_dump)
    listing(cluster, path)


# --- in


def listing(cluster: Cluster, path: str) -> str:
    """Return what a dump has, one thing a line.

    :raises PostgresqlError: it can't be read.
    """
    return _redirected(cluster, "<", path, [f"{cluster.programs}/pg_restore", "--list"])


def refuse_unreadable(cluster: Cluster, base: Base, path: str) -> str:
    """Return what a dump has, unless this server can't take it.

    :raises Refusal: says why.
    """
    try:
        listed = listing(cluster, path)
    except PostgresqlError as error:
        raise Refusal(
            "The dump can't be read by pg_restore, so nothing was changed.",
            "It must be whole, and of pg_dump's custom format: pg_dump --format=custom.",
            error.cause,
        ) from error
    found = DUMPED_FROM.search(listed)
    if found and int(found[1]) > base.major:
        raise Refusal(
            f"The dump is of PostgreSQL {found[1]}, and the server on {os.uname().nodename} is PostgreSQL {base.major}, "
            "which can't take what a newer one has. Nothing was changed.",
            f'Set postgresql_version: "{found[1]}" for a site that begins, or take a dump of a server that is not newer.',
        )
    return listed


def load(cluster: Cluster, talk: Talk, database: str, base: Base, path: str, size: int) -> None:
    """Make a dump into a database beside the live one; nothing is left of one that can't be loaded as a whole.

    :param size: how large it was, in bytes; 0 where nobody knows.
    :raises PostgresqlError: it can't be loaded.
    """
    listed = refuse_unreadable(cluster, base, path)
    _refuse_without_room(cluster, max(size, GROWTH * os.path.getsize(path)))
    drop(cluster, talk, database, base, LOADING)
    name, owner = database + LOADING, base.owner
    words = f"encoding {literal(base.encoding)} lc_collate {literal(base.collate)} lc_ctype {literal(base.ctype)}"
    try:
        _said(speak(cluster, talk, [f"create database {identifier(name)} owner {identifier(owner)} {words} template template0;"]))
        for extension in extensions(listed):
            _make_extension(cluster, talk, name, extension)
        _restore(cluster, name, owner, listed, path)
    except BaseException:
        drop(cluster, talk, database, look(cluster, talk, database), LOADING)
        raise


def extensions(listed: str) -> list[str]:
    """Return the extensions that a dump has."""
    entries = (ENTRY.match(line) for line in listed.splitlines())
    return [entry["name"].strip() for entry in entries if entry and entry["what"] == "EXTENSION"]


def wanted(listed: str) -> Iterator[str]:
    """Yield what is loaded of a dump: all that the site's own account may make."""
    for line in listed.splitlines():
        entry = ENTRY.match(line)
        if entry and (entry["what"] in ("EXTENSION", "EVENT TRIGGER") or entry["name"].startswith("EXTENSION ")):
            continue
        # Each database has it already.
        if entry and entry["schema"] == "-" and re.match(r"(SCHEMA )?public\b", entry["name"]):
            continue
        yield line


def scrub(cluster: Cluster, talk: Talk, database: str, base: Base, sql: str) -> None:
    """Run statements in the loaded database as the site's own account, all of them or none, and count its rows anew.

    :raises PostgresqlError: one of them failed.
    """
    name = database + LOADING
    script = [f"set role {identifier(base.owner)};", "begin;", sql, ";", "commit;"] if sql.strip() else []
    spoken = speak(cluster, talk, [connect(name), *script, "reset role;", "analyze;"])
    if not spoken.succeeded:
        complaint = without_rows(spoken.complaint)
        raise PostgresqlError("site_scrub_sql could not be carried out.", "Correct it, and run this again.", complaint)


def exchange(
    cluster: Cluster,
    talk: Talk,
    database: str,
    base: Base,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Give the loaded database the live one's name, and keep that one under another.

    :raises PostgresqlError: somebody does not leave it. All is as it was.
    """
    live, loading, before = (database + suffix for suffix in ("", LOADING, BEFORE))
    drop(cluster, talk, database, base, BEFORE)
    limit = f"alter database {identifier(live)} connection limit"
    renames = [
        f"alter database {identifier(live)} rename to {identifier(before)};",
        f"alter database {identifier(loading)} rename to {identifier(live)};",
        f"alter database {identifier(live)} connection limit {base.connection_limit};",
        f"alter database {identifier(before)} connection limit {base.connection_limit};",
    ]
    leave = f"select pg_terminate_backend(pid) from pg_stat_activity where datname in ({literal(live)}, {literal(loading)});"  # noqa: S608
    # Who is ended does not come back meanwhile.
    _said(speak(cluster, talk, [f"{limit} 0;"]))
    end = clock() + LEAVING_SECONDS
    while True:
        spoken = speak(cluster, talk, ["\\o /dev/null", leave, "\\o", "begin;", *renames, "commit;"])
        if spoken.succeeded:
            return
        if clock() > end:
            break
        pause(0.2)
    speak(cluster, talk, [f"{limit} {base.connection_limit};"])
    raise PostgresqlError(
        f"The databases {live} and {loading} can't be exchanged: {spoken.complaint}\nThe live one is as it was.",
        f"See who uses {live} (pg_stat_activity), end that, and run this again.",
    )


def drop(cluster: Cluster, talk: Talk, database: str, base: Base, suffix: str) -> bool:
    """Drop a database beside the live one, if it is there and the site's.

    :raises PostgresqlError: it is somebody else's.
    """
    name = database + suffix
    owner = dict(base.others).get(name)
    if owner is None:
        return False
    if owner != base.owner:
        raise PostgresqlError(
            f"The server has a database {name}, which belongs to {owner} and not to {base.owner}, and whose name is needed here.",
            "Rename it, and run this again.",
        )
    _said(speak(cluster, talk, [f"drop database if exists {identifier(name)} with (force);"]))
    return True


def without_rows(text: str) -> str:
    """Return what a program complains of, without the rows that it shows."""
    return "\n".join(line for line in ROWS.sub("", text).splitlines() if line.strip())


def _refuse_without_room(cluster: Cluster, needed: int) -> None:
    free = shutil.disk_usage(cluster.data).free
    if free < needed:
        raise PostgresqlError(
            f"The dump needs about {needed // MEBI} MiB beside the live database, and {cluster.data} on {os.uname().nodename} "
            f"has {free // MEBI} MiB free. Nothing was changed.",
            "Make room there, and run this again.",
        )


def _make_extension(cluster: Cluster, talk: Talk, name: str, extension: str) -> None:
    spoken = speak(cluster, talk, [connect(name), f"create extension if not exists {identifier(extension)};"])
    if not spoken.succeeded:
        raise PostgresqlError(
            f"The dump has the extension {extension}, which the server can't make: {without_rows(spoken.complaint)}",
            f"Add {extension} to site_database_extensions, run playbooks/site.yml, and then this again.",
        )


def _restore(cluster: Cluster, name: str, owner: str, listed: str, path: str) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="hotclub-load-") as contents:
        contents.write("\n".join(wanted(listed)) + "\n")
        contents.flush()
        shutil.chown(contents.name, "postgres", "postgres")
        said = ["--port", str(present_port(cluster)), "--dbname", name, f"--role={owner}", f"--use-list={contents.name}"]
        # Who may read what, and what goes to other servers, is that of the site that takes it.
        others = ("owner", "privileges", "publications", "subscriptions", "security-labels", "tablespaces")
        without = [f"--no-{word}" for word in others]
        _redirected(cluster, "<", path, [f"{cluster.programs}/pg_restore", "--exit-on-error", *without, *said])


def _redirected(cluster: Cluster, direction: str, path: str, command: list[str]) -> str:
    """Run a program as the server's own account with a file for its input or output that this account may not open itself."""
    shell = ["sh", "-c", f'umask 077; file="$1"; shift; exec "$@" {direction} "$file"', "sh", path]
    code, output = cluster.run([*shell, *MEEKLY, "runuser", "-u", "postgres", "--", *command])
    if code:
        said = without_rows(output).splitlines()[-8:]
        raise PostgresqlError(f"{os.path.basename(command[0])} failed: " + ("\n".join(said) or f"exit code {code}"))
    return output


def _said(spoken: Spoken) -> Spoken:
    if not spoken.succeeded:
        raise PostgresqlError(f"PostgreSQL refuses: {spoken.complaint}")
    return spoken
