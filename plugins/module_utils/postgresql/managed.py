# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A PostgreSQL server that somebody else runs, as an application host reaches it: by the site's own address, account and TLS."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import PATH, Outcome, Run, run
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import parse

# The oldest that a Django with support can work with.
OLDEST = 140000
DIRECT = "Name the server's own address in site_database_server, not that of its pool."
DEFAULT_PORT = 5432
# Those that the host trusts, of its package ca-certificates.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
CONNECT_SECONDS = 10
NO_CONNECTION = r"remaining connection slots|too many (?:clients|connections)"
ANSWER_SECONDS = 60
PARAMETERS: dict[str, Any] = {
    "host": {"type": "str", "required": True},
    "port": {"type": "int", "required": True},
    "name": {"type": "str", "required": True},
    "user": {"type": "str", "required": True},
    "password": {"type": "str", "required": True, "no_log": True},
    "tls_mode": {"type": "str", "choices": ["verify-full", "verify-ca"], "default": "verify-full"},
    "authority": {"type": "str", "default": ""},
    "extensions": {"type": "list", "elements": "str", "default": []},
}
# A setting of the trial alone, which means nothing to a server: what migrations say this way must reach it.
OPTIONS = "-c hotclub.trial=on"
# Of other accounts' sessions anybody may see the account and the database, and nothing else. The transaction alone is read-only:
# a session's setting would stay on a pool's connection, for visitors' requests.
QUERY = """
start transaction read only;
select json_build_object(
  'has_options', current_setting('hotclub.trial', true) is not distinct from 'on',
  'number', current_setting('server_version_num')::int,
  'version', split_part(current_setting('server_version'), ' ', 1),
  'is_copy', pg_is_in_recovery(),
  'schema', current_schema(),
  'is_empty', not exists (select from pg_class where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p')),
  'may_create', coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
  'extensions', (select coalesce(json_agg(extname), '[]') from pg_extension),
  'bytes', pg_database_size(current_database()),
  'max_connections', current_setting('max_connections')::int,
  'reserved', current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0),
  'account_limit', (select rolconnlimit from pg_roles where rolname = current_user),
  'database_limit', (select datconnlimit from pg_database where datname = current_database()),
  'own', (select count(*) from pg_stat_activity where usename = current_user and datname is not null),
  'own_here', (select count(*) from pg_stat_activity where usename = current_user and datname = current_database()),
  'here', (select count(*) from pg_stat_activity where datname = current_database()),
  'all', (select count(*) from pg_stat_activity where datname is not null)
);
commit;
"""


class Crowded(Trouble):
    """The server lets the account in, and has no connection for it at the moment."""

    @property
    def said(self) -> str:
        """The server's own words."""
        return self.cause.rpartition("FATAL:")[2].strip(" .")


@dataclass(frozen=True)
class Target:
    """Where the database is, and who asks."""

    host: str
    port: int
    name: str
    user: str
    password: str = field(repr=False)
    tls_mode: str = "verify-full"
    # The certificate of who signs the server's, as text; empty for those that the host trusts anyway.
    authority: str = ""
    extensions: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Target:
        """Return the target that a step's arguments name."""
        return cls(**{**parameters, "extensions": tuple(parameters["extensions"])})

    @property
    def address(self) -> str:
        """Host and port, as an inventory has them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def can_ask(target: Target) -> bool:
    """Tell whether the host has the program that asks, and knows whom to believe."""
    return shutil.which("psql", path=PATH) is not None and (bool(target.authority) or os.path.exists(AUTHORITIES))


def look(target: Target, execute: Run = run) -> dict[str, Any]:
    """Log in as the project will, and return what the server is and has room for.

    :returns: its ``version``, ``megabytes``, ``connections`` to the database now, whether it ``is_empty``, and its ``room``:
        how many connections the account may have.
    :raises Trouble: the database can't be used, with why and the remedy.
    """
    outcome = _asked(target, execute)
    if outcome.code:
        raise explained(target, outcome.tail())
    told = json.loads(outcome.stdout)
    wrong = list(_wrong(target, told))
    if wrong:
        raise Trouble(
            f"The database {target.name} at {target.address} can't be used: " + "; ".join(each[0] for each in wrong) + ".",
            " ".join(each[1] for each in wrong),
        )
    return {
        "version": told["version"],
        "megabytes": round(told["bytes"] / 1024**2, 1),
        "connections": told["here"],
        "is_empty": told["is_empty"],
        **room(told),
    }


def look_for(root: str, target: Target, execute: Run = run) -> dict[str, Any]:
    """Look at the database for a site, which may serve already.

    :param root: the site's folder.
    :returns: what :func:`look` does; whether the site serves from this database (``is_in_use``), or from another one
        (``is_elsewhere``). Where it serves from this one and no connection is free at the moment, there is no ``room``, and
        all else is unknown: a run with fewer workers may be the remedy.
    """
    environment = Path(root) / "etc" / "environment"
    serves = os.path.lexists(f"{root}/current") and environment.is_file()
    is_in_use = serves and leads_to(target, parse(environment.read_text(encoding="utf-8")).get("DATABASE_URL", ""))
    try:
        seen = look(target, execute)
    except Crowded as crowded:
        if not is_in_use:
            raise
        seen = {"room": 0, "room_why": crowded.said, "is_empty": False}
    return {**seen, "is_in_use": is_in_use, "is_elsewhere": serves and not is_in_use}


def leads_to(target: Target, address: str) -> bool:
    """Tell whether the address of a database, as a project has it, is that of the target."""
    try:
        url = urlsplit(address)
        place = (url.hostname or "", url.port or DEFAULT_PORT, unquote(url.path).strip("/"))
    except ValueError:
        return False
    return place == (target.host.lower(), target.port, target.name)


def _asked(target: Target, execute: Run) -> Outcome:
    """Run psql, which reads from its environment what nobody else is to see."""
    with tempfile.NamedTemporaryFile("w", prefix="hotclub-authority-", suffix=".pem", encoding="utf-8") as authority:
        authority.write(target.authority)
        authority.flush()
        return execute(
            ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"],
            environment={
                "PGHOST": target.host,
                "PGPORT": str(target.port),
                "PGDATABASE": target.name,
                "PGUSER": target.user,
                "PGPASSWORD": target.password,
                "PGSSLMODE": target.tls_mode,
                "PGSSLROOTCERT": authority.name if target.authority else AUTHORITIES,
                "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
                "PGAPPNAME": "hotclub",
                "PGOPTIONS": OPTIONS,
            },
            stdin=QUERY,
            hidden=[target.password],
            timeout=ANSWER_SECONDS,
            too_slow=f"{target.address} takes connections and does not answer: see what its provider says of it.",
        )


def _wrong(target: Target, told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a server that lets the account in, and what to do about it."""
    if not told["has_options"]:
        yield "the server is behind a pool, which drops the lock_timeout of migrations (PGOPTIONS) in silence", DIRECT
    if told["is_copy"]:
        yield "the server is a copy, which takes no writes", "Name the primary's address in site_database_server."
    if told["number"] < OLDEST:
        yield (
            f"it is PostgreSQL {told['version']}, and Django needs {OLDEST // 10000} or later",
            "Have the provider upgrade it, or name another server.",
        )
    if not told["may_create"] and not told["is_copy"]:
        schema = told["schema"] or "public"
        yield (
            f"{target.user} may not create tables in the schema {schema}",
            f"As the server's administrator, in {target.name}: GRANT CREATE, USAGE ON SCHEMA {schema} TO {target.user};",
        )
    if missing := [name for name in target.extensions if name not in told["extensions"]]:
        commands = " ".join(f'CREATE EXTENSION "{name}";' for name in missing)
        yield (
            f"it lacks the extension{'s'[: len(missing) > 1]} {', '.join(missing)} of site_database_extensions",
            f"As the server's administrator, in {target.name}: {commands}",
        )


def room(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return how many connections the account may have, and why no more."""
    others = told["all"] - told["own"]
    limits = [
        (
            told["max_connections"] - told["reserved"] - others,
            f"max_connections is {told['max_connections']}, {told['reserved']} are reserved, {others} are others'",
        )
    ]
    # -1 is no limit.
    if told["account_limit"] >= 0:
        limits.append((told["account_limit"], f"the account is limited to {told['account_limit']}"))
    if told["database_limit"] >= 0:
        others_here = told["here"] - told["own_here"]
        limits.append(
            (
                told["database_limit"] - others_here,
                f"the database is limited to {told['database_limit']}, {others_here} are others'",
            )
        )
    count, why = min(limits)
    return {"room": max(0, count), "room_why": why}


def explained(target: Target, said: str) -> Trouble:
    """Return what psql's complaint means for the operator."""
    here = os.uname().nodename
    address = target.address
    last = said.splitlines()[-1] if said else "psql said nothing"
    for pattern, cause, remedy in (
        (
            r"unsupported startup parameter|support command-line options",
            f"{address} is a pool, which refuses the lock_timeout of migrations (PGOPTIONS): {last}",
            DIRECT,
        ),
        (
            r"could not translate host name",
            f"{here} knows no address of {target.host}",
            "Correct site_database_server, or what the host's name servers say.",
        ),
        (
            r"server does not support SSL",
            f"{address} speaks no TLS, and nobody may read what goes there",
            "Switch TLS on at the server (ssl = on).",
        ),
        (
            r"root certificate file .* does not exist",
            f"{here} has no {AUTHORITIES}, so it can't tell whether {address} is who it says",
            f"Run playbooks/site.yml, which installs ca-certificates; by hand on {here}: apt-get install ca-certificates.",
        ),
        (
            r"certificate verify failed",
            f"{address} shows a certificate that is not signed by {_signer(target)}, or has expired",
            "Set site_database_ca_path to a file with the authority's certificate, as the provider hands it out.",
        ),
        (
            r"does not match host name",
            f"{address} shows a certificate of another name: {last}",
            "Write the name that the certificate has into site_database_server; "
            "where it has none that leads there: "
            "site_database_tls_mode: verify-ca, with the authority's certificate in site_database_ca_path.",
        ),
        (
            r"authentication failed|role \".*\" does not exist|no password supplied|not permitted to log in",
            f"{address} does not let {target.user} in with the password of site_database_password",
            "Correct site_database_user and site_database_password.",
        ),
        (
            r"no pg_hba\.conf entry",
            f"{address} does not let {target.user} into {target.name} from {here}",
            "Have the server let in the addresses of the application hosts, with TLS and a password.",
        ),
        (
            r"database \".*\" does not exist",
            f"{address} has no database {target.name}, and none is made there",
            f"Make it there: CREATE DATABASE {target.name} OWNER {target.user}; or correct site_database_name.",
        ),
        (
            r"permission denied for database",
            f"{target.user} may not connect to the database {target.name} at {address}",
            f"As the server's administrator: GRANT CONNECT ON DATABASE {target.name} TO {target.user};",
        ),
        (
            NO_CONNECTION,
            f"{address} has no free connection: {last}",
            "End what keeps the connections, or have the provider raise the limit.",
        ),
        (
            r"Connection refused|timeout expired|timed out|No route to host|[Nn]etwork is unreachable",
            f"{here} can't reach {address}: {last}",
            "Correct site_database_server, or let the application hosts in at the provider's firewall.",
        ),
    ):
        if re.search(pattern, said):
            return (Crowded if pattern == NO_CONNECTION else Trouble)(f"{cause}.", remedy)
    return Trouble(f"{here} can't use the database {target.name} at {address}: {last}", "See what the server's own log says.")


def _signer(target: Target) -> str:
    return "the authority in site_database_ca_path" if target.authority else "an authority that the host trusts"
