# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Accounts, databases and extensions of a server: what differs from what is wanted, and the statements that make it so."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import PostgresqlError
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.scram import (
    ITERATIONS,
    SALT_BYTES,
    fits,
    is_verifier,
    verifier_of,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.session import (
    answer,
    connect,
    identifier,
    literal,
)

# Attributes of CREATE ROLE that are on or off, and where the server keeps them.
ATTRIBUTES = {
    "SUPERUSER": "rolsuper",
    "CREATEDB": "rolcreatedb",
    "CREATEROLE": "rolcreaterole",
    "INHERIT": "rolinherit",
    "LOGIN": "rolcanlogin",
    "REPLICATION": "rolreplication",
    "BYPASSRLS": "rolbypassrls",
}
# What CREATE ROLE gives of itself, and that an account which isn't told otherwise may log in.
NEW_ATTRIBUTES = dict.fromkeys(ATTRIBUTES, False) | {"INHERIT": True, "LOGIN": True}
NO_LIMIT = -1

ACCOUNTS, DATABASES, EXTENSIONS = "accounts", "databases", "extensions"
REMEDIES = {
    ACCOUNTS: "Check the names and attributes in postgresql_users, and the end of {log} on the host.",
    DATABASES: (
        "A locale that exists on the host but that the server doesn't know was built after it started: restart PostgreSQL.\n"
        "The encoding and locale of a database that is there can't be changed: take them back in postgresql_databases."
    ),
    EXTENSIONS: (
        "If the server doesn't know the extension, name its Debian package in postgresql_packages "
        "(apt-cache search postgresql-{version} on the host lists them), or correct its name."
    ),
}


@dataclass(frozen=True)
class Account:
    """An account as it is, or as it shall be."""

    name: str
    attributes: Mapping[str, bool]
    connection_limit: int = NO_LIMIT
    # What the server keeps of the password; None for none.
    verifier: str | None = None
    # As which account it acts once it has logged in.
    acts_as: str | None = None
    # Accounts whose rights it has.
    member_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Database:
    """A database as it is, or as it shall be."""

    name: str
    owner: str
    encoding: str
    # For sorting, and for the classes of characters.
    locales: tuple[str, str] | None = None
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """One thing that a server lacks, and the statement that makes it good."""

    what: str
    kind: str
    statement: str
    # Where it has to be made; empty for any database.
    database: str = ""


@dataclass(frozen=True)
class Plan:
    """What a server lacks, and what there is and will be, without secrets."""

    changes: tuple[Change, ...]
    before: str
    after: str


def plan(wanted: Mapping[str, Any], found: Mapping[str, Any], salt: Callable[[int], bytes] = secrets.token_bytes) -> Plan:
    """Compare what is wanted with what a server has said.

    :param wanted: ``users`` and ``databases``, as the role's variables have them.
    :param found: the server's answers; empty where no server runs yet.
    """
    iterations = int(found.get("iterations") or ITERATIONS)
    accounts = [
        (there, _account_wanted(user, there, iterations, salt))
        for user in wanted["users"]
        for there in [_account_found(found.get("accounts", {}), user["name"])]
    ]
    databases = [
        (there, _database_wanted(database, there, found.get("encodings", {})))
        for database in wanted["databases"]
        for there in [_database_found(found.get("databases", {}), database["name"])]
    ]
    changes = [*_changes_of_accounts(accounts), *_changes_of_databases(databases)]
    return Plan(
        tuple(changes),
        before=_shown([(there, there) for there, _shall in accounts], [there for there, _shall in databases]),
        after=_shown(accounts, [shall for _there, shall in databases]),
    )


# --- what is asked


def questions(users: Sequence[Mapping[str, Any]], databases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Return the part of a script that asks for everything which is compared, all of it in one session."""
    names = _array(user["name"] for user in users)
    bases = _array(database["name"] for database in databases)
    encodings = _array({database.get("encoding") or "UTF8" for database in databases})
    flags = ", ".join(f"'{attribute}', {column}" for attribute, column in ATTRIBUTES.items())
    yield answer(
        f"""jsonb_build_object(
          'in_recovery', pg_is_in_recovery(),
          'iterations', current_setting('scram_iterations', true),
          'encodings', (select jsonb_object_agg(name, pg_encoding_to_char(pg_char_to_encoding(name)))
            from unnest({encodings}) as name),
          'accounts', (select jsonb_object_agg(rolname, jsonb_build_object(
              'attributes', jsonb_build_object({flags}),
              'connection_limit', rolconnlimit,
              'verifier', rolpassword,
              'settings', (select to_jsonb(setconfig) from pg_db_role_setting where setrole = a.oid and setdatabase = 0),
              'member_of', (select jsonb_agg(distinct pg_get_userbyid(roleid)) from pg_auth_members where member = a.oid)))
            from pg_authid a where rolname = any ({names})),
          'databases', (select jsonb_object_agg(datname, jsonb_build_object(
              'owner', pg_get_userbyid(datdba),
              'encoding', pg_encoding_to_char(encoding),
              'locales', jsonb_build_array(datcollate, datctype)))
            from pg_database where datname = any ({bases})))"""  # noqa: S608 - values are in quotes
    )
    for database in databases:
        if database.get("extensions"):
            yield from _question_of_extensions(database["name"])


def _question_of_extensions(database: str) -> Iterator[str]:
    yield f"select exists (select from pg_database where datname = {literal(database)} and datallowconn) as there \\gset"  # noqa: S608
    yield "\\if :there"
    yield connect(database)
    names = "(select coalesce(jsonb_agg(extname order by extname), '[]') from pg_extension)"
    yield answer(f"jsonb_build_object('database', current_database(), 'extensions', {names})")
    yield "\\endif"


def answers_together(answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what a server has answered as one, with each database's extensions."""
    general = dict(answers[0])
    databases = {name: dict(said) for name, said in (general.get("databases") or {}).items()}
    for said in answers[1:]:
        databases[said["database"]]["extensions"] = said["extensions"]
    return general | {
        "accounts": general.get("accounts") or {},
        "databases": databases,
        "encodings": general.get("encodings") or {},
    }


def _array(texts: Iterable[str]) -> str:
    return f"array[{', '.join(literal(text) for text in sorted(texts))}]::text[]"


# --- accounts


def _account_found(accounts: Mapping[str, Any], name: str) -> Account | None:
    if name not in accounts:
        return None
    said = accounts[name]
    roles = [setting.removeprefix("role=") for setting in said["settings"] or [] if setting.startswith("role=")]
    return Account(
        name,
        said["attributes"],
        said["connection_limit"],
        said["verifier"],
        roles[0] if roles else None,
        tuple(said["member_of"] or []),
    )


def _account_wanted(user: Mapping[str, Any], there: Account | None, iterations: int, salt: Callable[[int], bytes]) -> Account:
    """Return an account as it shall be; what isn't said stays as it is."""
    base = there or Account(user["name"], NEW_ATTRIBUTES)
    limit, deputy_of = user.get("connection_limit"), user.get("acts_for")
    return replace(
        base,
        attributes={**base.attributes, **attributes_of(user["name"], user.get("attributes") or "")},
        connection_limit=base.connection_limit if limit is None else int(limit),
        verifier=_verifier_wanted(user.get("password"), base.verifier, iterations, salt),
        acts_as=deputy_of or base.acts_as,
        member_of=tuple(sorted({*base.member_of, *([deputy_of] if deputy_of else [])})),
    )


def _verifier_wanted(password: str | None, there: str | None, iterations: int, salt: Callable[[int], bytes]) -> str | None:
    """Return what the server shall keep: what it keeps already where that is the password's, for each new one is another."""
    if password is None:
        return there
    if not password:
        return None
    if is_verifier(password):
        return password
    return there if there and fits(password, there) else verifier_of(password, salt(SALT_BYTES), iterations)


def attributes_of(account: str, text: str) -> dict[str, bool]:
    """Return attributes as in CREATE ROLE, joined by commas, and whether each is wanted."""
    found: dict[str, bool] = {}
    for word in (part.strip().upper() for part in text.split(",")):
        if not word:
            continue
        name = word if word in ATTRIBUTES else word.removeprefix("NO")
        if name not in ATTRIBUTES:
            raise PostgresqlError(
                f"The account {account} has the attribute {word} in postgresql_users, which PostgreSQL doesn't know. "
                f"It knows {', '.join(ATTRIBUTES)}, each with NO before it for the opposite."
            )
        if found.setdefault(name, word == name) != (word == name):
            raise PostgresqlError(
                f"The account {account} has {name} and NO{name} in postgresql_users. Take out the one that is not meant."
            )
    return found


def _changes_of_accounts(accounts: Sequence[tuple[Account | None, Account]]) -> Iterator[Change]:
    """Yield what accounts need; those that are named later are there before another one acts for them."""
    for there, shall in accounts:
        clauses = _clauses(there, shall)
        name = identifier(shall.name)
        if there is None:
            yield Change(f"create account {shall.name}", ACCOUNTS, f"create role {name} {clauses};")
        elif clauses:
            yield Change(f"change account {shall.name}", ACCOUNTS, f"alter role {name} {clauses};")
    for there, shall in accounts:
        for other in sorted({*shall.member_of} - {*(there.member_of if there else ())}):
            grant = f"grant {identifier(other)} to {identifier(shall.name)};"
            yield Change(f"let account {shall.name} act for {other}", ACCOUNTS, grant)
        if shall.acts_as and shall.acts_as != (there.acts_as if there else None):
            setting = f"alter role {identifier(shall.name)} set role = {literal(shall.acts_as)};"
            yield Change(f"have account {shall.name} act as {shall.acts_as}", ACCOUNTS, setting)


def _clauses(there: Account | None, shall: Account) -> str:
    former = there.attributes if there else {}
    words = [name if on else f"NO{name}" for name, on in shall.attributes.items() if former.get(name) != on]
    if shall.connection_limit != (there.connection_limit if there else NO_LIMIT):
        words.append(f"CONNECTION LIMIT {shall.connection_limit}")
    if shall.verifier != (there.verifier if there else None):
        words.append(f"PASSWORD {'NULL' if shall.verifier is None else literal(shall.verifier)}")
    return " ".join(words)


# --- databases


def _database_found(databases: Mapping[str, Any], name: str) -> Database | None:
    if name not in databases:
        return None
    said = databases[name]
    collate, ctype = said["locales"]
    return Database(name, said["owner"], said["encoding"], (collate, ctype), tuple(said.get("extensions", [])))


def _database_wanted(database: Mapping[str, Any], there: Database | None, encodings: Mapping[str, str]) -> Database:
    """Return a database as it shall be; refuse what can't be changed once it is there."""
    name, locale = database["name"], database.get("locale")
    said = database.get("encoding") or "UTF8"
    encoding = encodings.get(said, said)
    if not encoding:
        raise PostgresqlError(
            f"The database {name} has the encoding {said} in postgresql_databases, which PostgreSQL doesn't know. "
            "Leave it out for UTF8, or write one of its character sets, for example LATIN1."
        )
    shall = Database(
        name, database["owner"], encoding, (locale, locale) if locale else None, tuple(database.get("extensions") or [])
    )
    if there is None:
        return shall
    if encoding != there.encoding:
        raise _unchangeable(name, "encoding", there.encoding, encoding)
    for former in there.locales or ():
        if locale and _plain(former) != _plain(locale):
            raise _unchangeable(name, "locale", former, locale)
    return replace(shall, locales=there.locales, extensions=tuple(sorted({*there.extensions, *shall.extensions})))


def _unchangeable(name: str, what: str, there: str, shall: str) -> PostgresqlError:
    return PostgresqlError(
        f"The database {name} has the {what} {there}, and postgresql_databases says {shall}. "
        "The encoding and locale of a database that is there can't be changed: take them back in postgresql_databases, "
        "or bring its data over to a new one with pg_dump."
    )


def _plain(locale: str) -> str:
    """Return a locale's name in the one of its spellings that tells it from others."""
    return locale.lower().replace("-", "")


def _changes_of_databases(databases: Sequence[tuple[Database | None, Database]]) -> Iterator[Change]:
    for there, shall in databases:
        name, owner = identifier(shall.name), identifier(shall.owner)
        if there is None:
            locales = zip(("LC_COLLATE", "LC_CTYPE"), shall.locales or (), strict=False)
            words = [f"ENCODING {literal(shall.encoding)}", *(f"{word} {literal(locale)}" for word, locale in locales)]
            make = f"create database {name} owner {owner} {' '.join(words)} template template0;"
            yield Change(f"create database {shall.name}", DATABASES, make)
        elif there.owner != shall.owner:
            give = f"alter database {name} owner to {owner};"
            yield Change(f"give database {shall.name} to {shall.owner}", DATABASES, give)
    for there, shall in databases:
        for extension in shall.extensions:
            if extension not in (there.extensions if there else ()):
                add = f"create extension if not exists {identifier(extension)};"
                yield Change(f"create extension {extension} in {shall.name}", EXTENSIONS, add, shall.name)


# --- what is shown


def _shown(accounts: Sequence[tuple[Account | None, Account | None]], databases: Sequence[Database | None]) -> str:
    """Return accounts and databases as a text for people, with nothing in it that nobody may see."""
    lines: list[str] = []
    for there, account in accounts:
        if account:
            lines += [f"account {account.name}", *(f"  {line}" for line in _lines_of_account(there, account))]
    for database in databases:
        if database:
            lines += [f"database {database.name}", *(f"  {line}" for line in _lines_of_database(database))]
    return "".join(f"{line}\n" for line in lines)


def _lines_of_account(there: Account | None, account: Account) -> Iterator[str]:
    yield f"attributes: {', '.join(name for name, on in account.attributes.items() if on)}"
    is_new = there is not None and there.verifier != account.verifier
    yield f"password: {'none' if account.verifier is None else 'a new one' if is_new else 'set'}"
    if account.connection_limit != NO_LIMIT:
        yield f"connections: {account.connection_limit}"
    if account.member_of:
        yield f"has the rights of: {', '.join(account.member_of)}"
    if account.acts_as:
        yield f"acts as: {account.acts_as}"


def _lines_of_database(database: Database) -> Iterator[str]:
    yield f"owner: {database.owner}"
    yield f"encoding: {database.encoding}"
    if database.locales:
        yield f"locales: {', '.join(database.locales)}"
    if database.extensions:
        yield f"extensions: {', '.join(database.extensions)}"
