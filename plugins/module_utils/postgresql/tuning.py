# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of PostgreSQL from a host's memory and cores."""

from __future__ import annotations

MEBI_PER_GIBI = 1024


def tuned(memory_mb: int, cores: int, max_connections: int) -> dict[str, str]:
    """Return settings for a web application on solid-state disks.

    :param memory_mb: memory in MiB that the server may plan with.
    :param cores: processors of the host.
    :param max_connections: connections that may be open at a time.
    :returns: settings by name, as text for ``postgresql.conf``.

    Sources: shared_buffers a quarter of the memory, and random_page_cost near 1 where seeking is cheap (PostgreSQL
    documentation, "Resource Consumption" and "Query Planning"). effective_cache_size, maintenance_work_mem, work_mem,
    WAL sizes and parallel workers: PGTune's formulas for the profile "Web application" (https://pgtune.leopard.in.ua),
    work_mem never below PostgreSQL's own default, since few connections sort at the same time. The time limits and the
    autovacuum factors are ours: a forgotten transaction must not hold locks for hours, and a busy table must not wait
    for a fifth of its rows to be dead.
    """
    memory, processors = memory_mb, max(1, cores)
    shared_buffers = max(16, memory // 4)
    gather = min(4, -(-processors // 2))
    work_mem_kb = (memory - shared_buffers) * 1024 // (max_connections * 3) // max(1, gather)
    return {
        "shared_buffers": f"{shared_buffers}MB",
        "effective_cache_size": f"{memory * 3 // 4}MB",
        "maintenance_work_mem": f"{max(16, min(memory // 16, 2 * MEBI_PER_GIBI))}MB",
        "work_mem": f"{max(4096, work_mem_kb)}kB",
        "min_wal_size": "256MB" if memory < 4 * MEBI_PER_GIBI else "1GB",
        "max_wal_size": "1GB" if memory < 4 * MEBI_PER_GIBI else "4GB",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "effective_io_concurrency": "200",
        "max_worker_processes": str(max(8, processors)),
        "max_parallel_workers": str(processors),
        "max_parallel_workers_per_gather": str(gather),
        "max_parallel_maintenance_workers": str(gather),
        "jit": "off",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_analyze_scale_factor": "0.02",
        "idle_in_transaction_session_timeout": "10min",
        "log_min_duration_statement": "1s",
        "log_lock_waits": "on",
    }
