# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A server that others use before its first site: whom it lets in, and where it listens, stays as it was."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding, aside
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import (
    ACCESS_HEADER,
    Cluster,
    PostgresqlError,
    is_created,
    is_running,
    read,
    write,
)
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import (
    Part,
    part_path,
    rules_path,
    settings_path,
)

# As which their rules and needs stand beside those of sites; the rules after them, since the first line that fits counts.
NAME = "before-hotclub"
# postgres and the two templates.
DATABASES_OF_EACH_SERVER = 3
LOCALLY = r"(127\.0\.0\.1/32|::1/128)"
# What pg_createcluster writes, in any version.
PACKAGED_RULES = re.compile(
    r"local (all|replication) (postgres|all) peer|host (all|replication) all " + LOCALLY + r" (scram-sha-256|md5)"
)
NAMES = """
select coalesce(string_agg(datname, ', ' order by datname), '') from pg_database where datname <> 'postgres' and not datistemplate
"""


def are_there(cluster: Cluster) -> bool:
    """Say whether others use a server that no site has used yet."""
    if not is_created(cluster) or os.path.exists(settings_path(cluster)):
        return False
    rules = read(cluster.access_rules)
    if rules.startswith(ACCESS_HEADER.partition("\n")[0]):
        return False
    return len(_databases(cluster)) > DATABASES_OF_EACH_SERVER or any(
        not PACKAGED_RULES.fullmatch(rule) for rule in _rules(rules)
    )


def _databases(cluster: Cluster) -> list[str]:
    """Return the numbers of a server's databases, whether or not it runs."""
    folder = f"{cluster.data}/base"
    return [name for name in os.listdir(folder) if name.isdigit()] if os.path.isdir(folder) else []


def _rules(text: str) -> Iterator[str]:
    """Yield rules without comments, and with one space between words."""
    lines = (" ".join(line.partition("#")[0].split()) for line in text.splitlines())
    return filter(None, lines)


def keep(cluster: Cluster) -> None:
    """Have their rules and needs stand beside those of sites, and the former file beside the new one."""
    rules = rules_path(cluster, NAME).replace("/50-", "/90-")
    os.makedirs(os.path.dirname(rules), mode=0o755, exist_ok=True)
    write(rules, f"# As pg_hba.conf was before the first site.\n{read(cluster.access_rules)}")
    shutil.copy2(cluster.access_rules, aside(cluster.access_rules))
    os.makedirs(os.path.dirname(part_path(cluster, NAME)), mode=0o755, exist_ok=True)
    write(part_path(cluster, NAME), _needs(cluster).text())


def _needs(cluster: Cluster) -> Part:
    return Part(
        listen_addresses=tuple(re.split(r"\s*,\s*", _setting(cluster, "listen_addresses").strip())),
        port=_port(cluster),
        max_connections=int(_setting(cluster, "max_connections")),
    )


def _port(cluster: Cluster) -> int:
    return int(_setting(cluster, "port"))


def _setting(cluster: Cluster, name: str) -> str:
    program = [f"{cluster.programs}/postgres", "-C", name, f"--config-file={cluster.configuration}/postgresql.conf"]
    return cluster.as_postgres(*program).splitlines()[-1]


def findings(cluster: Cluster, users: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Yield what a first run would change for them, and what is in its way.

    :param users: the accounts that a site would make.
    """
    server = f"PostgreSQL {cluster.version}"
    if (port := _port(cluster)) != cluster.port:
        yield Finding(
            f"{server} is used by others, and listens on port {port}; the site wants port {cluster.port}.",
            f"Set postgresql_port: {port}.",
            refused=True,
        )
        return
    names = ""
    if is_running(cluster):
        try:
            names = cluster.ask(NAMES)
            wanted = ", ".join(f"'{user['name']}'" for user in users)
            taken = cluster.ask(f"select rolname from pg_roles where rolname in ({wanted}) order by 1").split()  # noqa: S608
        except PostgresqlError as error:
            yield Finding(
                f"{server} is used by others, and does not let this host's account postgres in without a password. {error}",
                f'Put the line "local all postgres peer" first into {cluster.access_rules}, and reload the server.',
                refused=True,
            )
            return
        for name in taken:
            yield Finding(
                f"{server} has an account {name} already. It would get the site's password, and own the site's database.",
                "Where it is another application's, give the site another name (site_name), or site_database_user.",
            )
    which = f" (databases {names})" if names else ""
    yield Finding(
        f"{server} is used by others{which}. Its settings would be those of conf.d/hotclub.conf; where it listens, "
        f"its port and its connections stay. Its access rules stay in force after the site's, as pg_hba.d/90-{NAME}.conf, "
        f"and the file as {aside('pg_hba.conf')}.",
        "Settings that the others need: postgresql_settings. Settings that ask for a restart wait until no client is connected.",
    )
