# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What slows a database down or will: asked of the server in one session that can't change anything, each finding with advice."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.cluster import Cluster, PostgresqlError, read
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.server import clusters
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.session import Talk, answer, connect, literal, speak
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import (
    LIBRARIES,
    STATEMENTS,
    settings_in,
    settings_path,
)

QUERIES, LOCKS, TRANSACTIONS, BLOAT, UNUSED, MISSING, SETTINGS = SUBJECTS = (
    "slow queries",
    "locks",
    "transactions",
    "bloat",
    "unused indexes",
    "missing indexes",
    "settings",
)
MEBI = 1024 * 1024
SHOWN_QUERIES = 5
SHOWN_OBJECTS = 10
SHOWN_LENGTH = 120
# From here on something is worth a line.
SLOW_MS = 100
SMALL_SHARE = 0.01
OLD_SECONDS = 60
LARGE_ROWS = 10_000
LARGE_MB = 16
WASTED_SHARE = 0.4
DEAD_SHARE = 0.2
UNUSED_MB = 1
# Of the two thousand million transactions after which a server stops.
OLD_AGE = 500_000_000
CAREFULLY = "set default_transaction_read_only = on; set statement_timeout = '60s'; set lock_timeout = '2s';"
# Values in a text of SQL are the site's data, and nobody's business here.
VALUES = re.compile(
    r"""\$((?:[a-z_]\w*)?)\$.*?(?:\$\1\$|\Z)|(?<!\w)e'(?:[^'\\]|\\.|'')*'?|'(?:[^']|'')*'?|(?<![\w$"])-?\d+(?:\.\d+)?\b""",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """Something that costs time, and what to do about it."""

    subject: str
    what: str
    advice: str


def diagnose(version: str, database: str, run: Talk, root: str = "/") -> dict[str, Any]:
    """Look at the server of this host, and at one of its databases.

    :param version: which server, where the host runs several; empty for the newest.
    :raises PostgresqlError: there is none, or it can't be asked.
    """
    cluster = _running(version, run, root)
    spoken = speak(cluster, run, _script(database, sorted(_given(cluster))))
    if not spoken.succeeded:
        raise PostgresqlError(f"PostgreSQL {cluster.version} can't be asked: {spoken.complaint}")
    server: dict[str, Any] = next((said for said in spoken.answers if "connections" in said), {})
    there = next((said for said in spoken.answers if "tables" in said), None)
    counted = next((said["statements"] for said in spoken.answers if "statements" in said), None)
    if there is None:
        raise PostgresqlError(f"PostgreSQL {cluster.version} has no database {database}. Run playbooks/site.yml, which makes it.")
    found = [
        *_of_queries(counted),
        *_of_locks(server),
        *_of_transactions(server),
        *_of_bloat(there),
        *_of_unused(there, str(server["since"])),
        *_of_missing(there),
        *_of_settings(server, _given(cluster), settings_path(cluster)),
    ]
    return {
        "version": cluster.version,
        "database": database,
        "since": server["since"],
        "connections": server["connections"],
        "max_connections": server["max_connections"],
        "megabytes": round(there["bytes"] / MEBI, 1),
        "is_copy": server["is_copy"],
        "findings": [finding.__dict__ for finding in found],
    }


def _running(version: str, run: Talk, root: str) -> Cluster:
    """Return the server that runs, whoever started it."""
    found = [Cluster(number, name, 5432, run, root) for number, name in clusters(root)]
    wanted = [cluster for cluster in found if version in ("", cluster.version)]
    running = [cluster for cluster in wanted if os.path.exists(f"{cluster.data}/postmaster.pid")]
    if not running:
        raise PostgresqlError(
            f"No PostgreSQL {version} runs on {os.uname().nodename}.".replace("  ", " ")
            + " See playbooks/status.yml, and run playbooks/site.yml."
        )
    return max(running, key=lambda cluster: int(cluster.version) if cluster.version.isdigit() else 0)


def _given(cluster: Cluster) -> dict[str, str]:
    """Return the settings that sites have given the server."""
    return settings_in(read(settings_path(cluster)))


# --- what is asked


def _script(database: str, settings: Sequence[str]) -> Iterator[str]:
    names = f"array[{', '.join(map(literal, settings))}]::text[]"
    yield CAREFULLY
    yield answer(SERVER.format(names=names, database=literal(database)))
    yield COUNTS
    yield "\\if :counts"
    yield answer(COUNTED.format(database=literal(database), shown=SHOWN_QUERIES))
    yield "\\endif"
    yield f"select exists (select from pg_database where datname = {literal(database)} and datallowconn) as there \\gset"  # noqa: S608
    yield "\\if :there"
    yield connect(database)
    yield CAREFULLY
    yield answer(DATABASE)
    yield "\\endif"


SERVER = """
jsonb_build_object(
  'is_copy', pg_is_in_recovery(),
  'since', to_char(coalesce((select stats_reset from pg_stat_database where datname = {database}),
    (pg_stat_file('PG_VERSION')).modification), 'YYYY-MM-DD HH24:MI'),
  'connections', (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()),
  'max_connections', current_setting('max_connections')::int,
  'waiting', (select coalesce(jsonb_agg(jsonb_build_object(
      'pid', a.pid, 'seconds', floor(extract(epoch from clock_timestamp() - coalesce(l.waitstart, a.query_start))),
      'query', a.query, 'by', b.pid, 'by_state', b.state, 'by_query', b.query, 'by_account', b.usename,
      'by_seconds', floor(extract(epoch from clock_timestamp() - b.xact_start)))), '[]')
    from pg_stat_activity a
    cross join lateral unnest(pg_blocking_pids(a.pid)) as blocking (pid)
    join pg_stat_activity b on b.pid = blocking.pid
    left join lateral (select min(waitstart) as waitstart from pg_locks where pid = a.pid and not granted) l on true),
  'transactions', (select coalesce(jsonb_agg(jsonb_build_object(
      'pid', pid, 'state', state, 'account', usename, 'database', datname, 'query', query,
      'seconds', floor(extract(epoch from clock_timestamp() - xact_start))) order by xact_start), '[]')
    from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'),
  'prepared', (select coalesce(jsonb_agg(jsonb_build_object(
      'name', gid, 'seconds', floor(extract(epoch from now() - prepared)))), '[]') from pg_prepared_xacts),
  'slots', (select coalesce(jsonb_agg(jsonb_build_object('name', slot_name,
      'bytes', case when pg_is_in_recovery() then 0 else pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) end)), '[]')
    from pg_replication_slots where not active and restart_lsn is not null),
  'age', (select max(age(datfrozenxid)) from pg_database),
  'settings', (select coalesce(jsonb_object_agg(name, jsonb_build_object(
      'value', current_setting(name), 'file', sourcefile, 'waits', pending_restart)), '{{}}')
    from pg_settings where name = any ({names})),
  'overridden', (select coalesce(jsonb_agg(jsonb_build_object('whose', coalesce('account ' || rolname, 'database ' || datname),
      'setting', setting)), '[]')
    from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase,
      unnest(setconfig) as setting
    where setting !~ '^role=' and (datname is null or datname = {database})))
"""
# The view is of an extension, and answers only once the server has loaded its library.
COUNTS = f"""
select current_setting('{LIBRARIES}') ~ '{STATEMENTS}' and exists (select from pg_attribute
  where attrelid = to_regclass('{STATEMENTS}') and attname = 'mean_exec_time') as counts \\gset
"""  # noqa: S608 - names of our own
COUNTED = """
jsonb_build_object('statements', (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from (
  select query, calls, mean_exec_time as mean_ms, rows, total_exec_time as total_ms,
    total_exec_time / nullif(sum(total_exec_time) over (), 0) as share,
    shared_blks_read + shared_blks_hit as blocks
  from pg_stat_statements where dbid = (select oid from pg_database where datname = {database})
  order by total_exec_time desc limit {shown}) s))
"""
# Sizes are those of PostgreSQL's statistics: to ask for one waits for whoever has locked the table. An index serves a foreign key
# when it has the key's columns first.
DATABASE = """
jsonb_build_object(
  'bytes', pg_database_size(current_database()),
  'tables', (select coalesce(jsonb_agg(to_jsonb(t)), '[]') from (
    select relid::regclass::text as name, n_live_tup as rows, n_dead_tup as dead,
      seq_scan, seq_tup_read, coalesce(idx_scan, 0) as idx_scan,
      c.relpages * current_setting('block_size')::bigint as bytes, c.reltuples as tuples,
      (select sum((1 - null_frac) * avg_width) from pg_stats where schemaname = s.schemaname and tablename = s.relname) as width,
      coalesce((select option_value::int from pg_options_to_table(reloptions) where option_name = 'fillfactor'), 100) as fill
    from pg_stat_user_tables s join pg_class c on c.oid = relid) t),
  'indexes', (select coalesce(jsonb_agg(to_jsonb(i)), '[]') from (
    select indexrelid::regclass::text as name, indrelid::regclass::text as table,
      c.relpages * current_setting('block_size')::bigint as bytes, coalesce(idx_scan, 0) as scans, indisvalid as valid,
      indisunique or indisprimary or indisexclusion or exists (select from pg_constraint where conindid = indexrelid) as needed
    from pg_index join pg_class c on c.oid = indexrelid left join pg_stat_user_indexes s using (indexrelid)
    where s.relid is not null or not indisvalid) i),
  'keys', (select coalesce(jsonb_agg(to_jsonb(k)), '[]') from (
    select conname as name, conrelid::regclass::text as table, confrelid::regclass::text as refers_to, c.reltuples as tuples,
      (select string_agg(attname, ', ') from pg_attribute where attrelid = conrelid and attnum = any (conkey)) as columns
    from pg_constraint join pg_class c on c.oid = conrelid
    where contype = 'f' and not exists (select from pg_index where indrelid = conrelid and indisvalid and indpred is null
      and (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey)) k))
"""


# --- what is made of it


def masked(text: str) -> str:
    """Return SQL in one line, without the values in it."""
    line = " ".join(VALUES.sub("?", text).split())
    return line if len(line) <= SHOWN_LENGTH else f"{line[: SHOWN_LENGTH - 3]}..."


def _of_queries(counted: Sequence[Mapping[str, Any]] | None) -> Iterator[Finding]:
    if counted is None:
        yield Finding(
            QUERIES,
            "nobody counts them",
            f"Run playbooks/site.yml, which has the server load {STATEMENTS}. On a server with clients that waits for a restart: "
            "at a quiet time, with -e '{\"postgresql_restart_allowed\": true}'. Where postgresql_settings has "
            f"shared_preload_libraries, name {STATEMENTS} there as well.",
        )
        return
    for said in counted:
        share, calls, mean = float(said["share"] or 0), int(said["calls"]), float(said["mean_ms"])
        if share < SMALL_SHARE:
            return
        what = f"{share:.0%} of the time: {_often(calls)}, {mean:.1f} ms each: {masked(said['query'])}"
        yield Finding(QUERIES, what, _advice_on_query(calls, mean, int(said["rows"]), int(said["blocks"])))


def _often(calls: int) -> str:
    return "once" if calls == 1 else f"{calls} times"


def _advice_on_query(calls: int, mean_ms: float, rows: int, blocks: int) -> str:
    if mean_ms >= SLOW_MS and blocks > 100 * max(1, rows):
        return "It reads far more than it returns: have EXPLAIN (ANALYZE, BUFFERS) say where, and index what it filters by."
    if mean_ms >= SLOW_MS and rows > 1000 * calls:
        return "It returns many rows each time: ask for fewer (pages, only(), values()), or count in the database."
    if mean_ms >= SLOW_MS:
        return "It is slow by itself: have EXPLAIN (ANALYZE, BUFFERS) say where, or keep its result in a cache."
    return "It is quick; where its share is large, ask it less often: select_related, prefetch_related, a cache."


def _of_locks(server: Mapping[str, Any]) -> Iterator[Finding]:
    for said in server["waiting"]:
        who = f"{said['by']} ({said['by_account']}, {said['by_state']})"
        yield Finding(
            LOCKS,
            f"{said['pid']} waits {said['seconds']} s for {who}: {masked(said['query'])}",
            f"{said['by']} is at: {masked(said['by_query'])}. If nobody needs it: select pg_terminate_backend({said['by']});",
        )


def _of_transactions(server: Mapping[str, Any]) -> Iterator[Finding]:
    for said in server["transactions"]:
        if said["seconds"] >= OLD_SECONDS:
            is_idle = str(said["state"]).startswith("idle in transaction")
            yield Finding(
                TRANSACTIONS,
                f"{said['pid']} ({said['account']} in {said['database']}) is {_long(said['seconds'])} old, {said['state']}: "
                f"{masked(said['query'])}",
                "It keeps its locks, and dead rows everywhere. "
                + (
                    "A program that waits for something else should not do so inside atomic()."
                    if is_idle
                    else "Do its work in smaller parts."
                ),
            )
    for said in server["prepared"]:
        yield Finding(
            TRANSACTIONS,
            f"the prepared transaction {said['name']} is {_long(said['seconds'])} old",
            "Whoever prepared it has to end it: commit prepared or rollback prepared, with its name.",
        )
    for said in server["slots"]:
        yield Finding(
            TRANSACTIONS,
            f"the replication slot {said['name']} has no reader, and keeps {int(said['bytes']) // MEBI} MiB of WAL",
            f"Bring its reader back, or the disk fills up: select pg_drop_replication_slot('{said['name']}');",
        )
    if server["age"] >= OLD_AGE:
        yield Finding(
            TRANSACTIONS,
            f"the oldest row has not been frozen for {server['age'] // 1_000_000} million transactions",
            "At 2000 million the server stops: end old transactions, and run VACUUM (FREEZE) at a quiet time.",
        )


def _long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min" if seconds < 36000 else f"{seconds / 3600:.0f} h"


def _of_bloat(there: Mapping[str, Any]) -> Iterator[Finding]:
    for said in _largest(there["tables"]):
        mb, wasted = said["bytes"] / MEBI, wasted_share(said)
        if mb >= LARGE_MB and wasted >= WASTED_SHARE:
            yield Finding(
                BLOAT,
                f"{said['name']}: about {wasted:.0%} of {mb:.0f} MiB is empty",
                "New rows will fill it. To have the room back: pg_repack, or VACUUM FULL, for which everybody waits.",
            )
        if said["dead"] >= LARGE_ROWS and said["dead"] > DEAD_SHARE * (said["rows"] + said["dead"]):
            yield Finding(
                BLOAT,
                f"{said['name']}: {said['dead']} of {said['rows'] + said['dead']} rows are dead",
                f"Something keeps autovacuum from them, such as an old transaction. Then: VACUUM (ANALYZE) {said['name']};",
            )


def wasted_share(table: Mapping[str, Any]) -> float:
    """Return how much of a table is probably empty: what its rows would take is compared with its size; 0 where nobody knows."""
    if table["tuples"] <= 0 or not table["width"] or not table["bytes"]:
        return 0.0
    # 23 bytes of header and 4 of pointer, rounded up to eights as PostgreSQL does; pages have a header, too.
    row = 4 + 24 + -(-int(table["width"]) // 8) * 8
    needed = table["tuples"] * row * 1.02 * 100 / table["fill"]
    return max(0.0, 1 - float(needed) / float(table["bytes"]))


def _largest(objects: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(objects, key=lambda said: -said["bytes"])


def _of_unused(there: Mapping[str, Any], since: str) -> Iterator[Finding]:
    for said in there["indexes"]:
        if not said["valid"]:
            yield Finding(
                UNUSED,
                f"{said['name']} of {said['table']} is invalid: it was not built to its end",
                f"REINDEX INDEX CONCURRENTLY {said['name']}; or drop it, and migrate again.",
            )
    unused = [
        said
        for said in _largest(there["indexes"])
        if said["valid"] and not said["needed"] and not said["scans"] and said["bytes"] >= UNUSED_MB * MEBI
    ]
    for said in unused[:SHOWN_OBJECTS]:
        yield Finding(
            UNUSED,
            f"{said['name']} of {said['table']}, {said['bytes'] / MEBI:.0f} MiB: not used since {since}",
            "Each write keeps it up. If a month has seen all that the site does, replicas too: RemoveIndexConcurrently.",
        )


def _of_missing(there: Mapping[str, Any]) -> Iterator[Finding]:
    for said in there["keys"][:SHOWN_OBJECTS]:
        if said["tuples"] >= LARGE_ROWS:
            yield Finding(
                MISSING,
                f"{said['table']} ({said['columns']}) refers to {said['refers_to']} without an index",
                f"Each row deleted there reads all of {said['table']}: AddIndexConcurrently, or db_index=True.",
            )
    for said in _largest(there["tables"])[:SHOWN_OBJECTS]:
        scans, rows = int(said["seq_scan"]), int(said["seq_tup_read"])
        if said["rows"] >= LARGE_ROWS and scans > said["idx_scan"] and scans and rows / scans >= LARGE_ROWS / 2:
            by_index = _often(said["idx_scan"])
            yield Finding(
                MISSING,
                f"{said['name']}: read as a whole {_often(scans)}, {rows // scans} rows each time, by an index {by_index}",
                "See which of the slow queries are about it, and index what they filter by.",
            )


def _of_settings(server: Mapping[str, Any], given: Mapping[str, str], path: str) -> Iterator[Finding]:
    for name, said in sorted(server["settings"].items()):
        if said["waits"]:
            yield Finding(
                SETTINGS,
                f"{name} is {said['value'] or 'empty'}, and will be {given[name] or 'empty'}",
                "It waits for a restart: at a quiet time, playbooks/site.yml with -e '{\"postgresql_restart_allowed\": true}'.",
            )
        elif said["file"] and said["file"] != path:
            yield Finding(
                SETTINGS,
                f"{name} is {said['value'] or 'empty'} by {said['file']}, where the inventory means {given[name] or 'empty'}",
                "Take it out there, or say it in postgresql_settings.",
            )
    for said in server["overridden"]:
        yield Finding(
            SETTINGS,
            f"the {said['whose']} has {masked_setting(said['setting'])} of its own",
            "It overrules postgresql_settings: ALTER ROLE or ALTER DATABASE with RESET takes it back.",
        )


def masked_setting(text: str) -> str:
    """Return a setting as it may be shown: of those that nobody knows, the name."""
    name, _equals, value = text.partition("=")
    return name if "." in name else f"{name} = {value}"
