# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a project needs beside its web process: databases, caches, brokers, workers, timers, search, mail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release.project import not_migrated
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.code import module_file, own_files
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.looking import Look, host_of, texts_within
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.values import Given, Place, names_of, text_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.variables import HERE

ENGINES = {
    "sqlite": "SQLite",
    "spatialite": "SQLite with SpatiaLite",
    "mysql": "MySQL",
    "mariadb": "MariaDB",
    "oracle": "Oracle",
    "mssql": "SQL Server",
    "sql_server": "SQL Server",
    "mongo": "MongoDB",
    "djongo": "MongoDB",
    "postgis": "PostgreSQL with PostGIS",
    "postg": "PostgreSQL",
    "psql": "PostgreSQL",
    "pgsql": "PostgreSQL",
}
OTHER_SERVERS = {"MySQL", "MariaDB", "Oracle", "SQL Server", "MongoDB"}
# What takes work from a queue: its name, and the packages or applications by which one knows it.
WORKERS = {
    "Celery": ("celery", "django-celery-results"),
    "RQ": ("django-rq", "rq", "django_rq"),
    "Dramatiq": ("dramatiq", "django-dramatiq", "django_dramatiq"),
    "Huey": ("huey", "huey.contrib.djhuey"),
    "Django Q": ("django-q2", "django-q", "django_q"),
    "Procrastinate": ("procrastinate", "procrastinate.contrib.django"),
    "django-tasks": ("django-tasks-db", "django-tasks-rq", "django_tasks.backends.database", "django_tasks_db"),
    "django-background-tasks": ("django-background-tasks", "background_task"),
    "Taskiq": ("taskiq",),
    "arq": ("arq",),
}
COMMANDS = {
    "RQ": "manage.py rqworker",
    "Dramatiq": "manage.py rundramatiq",
    "Huey": "manage.py run_huey",
    "Django Q": "manage.py qcluster",
    "Procrastinate": "manage.py procrastinate worker",
    "django-tasks": "manage.py db_worker",
    "django-background-tasks": "manage.py process_tasks",
}
TIMERS = {
    "Celery beat": ("django-celery-beat", "django_celery_beat", "redbeat", "celery-redbeat"),
    "django-crontab": ("django-crontab", "django_crontab"),
    "django-cron": ("django-cron", "django_cron"),
    "django-apscheduler": ("django-apscheduler", "django_apscheduler"),
    "rq-scheduler": ("rq-scheduler", "django-rq-scheduler"),
}
TIMER_SETTINGS = ("CELERY_BEAT_SCHEDULE", "CELERYBEAT_SCHEDULE", "BEAT_SCHEDULE", "CRONJOBS", "CRON_CLASSES", "RQ_SCHEDULER")
BROKERS = ("CELERY_BROKER_URL", "BROKER_URL", "CELERY", "CHANNEL_LAYERS", "RQ_QUEUES", "HUEY", "DRAMATIQ_BROKER", "Q_CLUSTER")
STORES = (*BROKERS, "CACHES", "CELERY_RESULT_BACKEND", "CONSTANCE_REDIS_CONNECTION", "REDIS_URL", "CACHEOPS_REDIS")
SEARCH = {
    "Elasticsearch": ("elasticsearch", "elasticsearch-dsl", "django-elasticsearch-dsl"),
    "OpenSearch": ("opensearch-py", "django-opensearch-dsl"),
    "Meilisearch": ("meilisearch",),
    "Solr": ("pysolr",),
    "Typesense": ("typesense",),
}
KINDS = {
    "Redis": ("redis", "valkey"),
    "RabbitMQ": ("amqp://", "amqps://", "rabbitmq"),
    "Memcached": ("memcached", "pymemcache", "pylibmc"),
}
PACKAGES = {"Redis": "valkey-server", "RabbitMQ": "rabbitmq-server", "Memcached": "memcached"}
BROWSERS = ("playwright", "selenium", "pyppeteer")
# What django.contrib.postgres and pgvector have to make an extension.
OPERATION = re.compile(r"\b(\w+)Extension\(")
CREATED = re.compile(r"CreateExtension\(\s*(?:name\s*=\s*)?[\"'](\w+)[\"']")
EXTENSIONS = {
    "BloomIndex": "bloom",
    "BtreeGin": "btree_gin",
    "BtreeGist": "btree_gist",
    "CIText": "citext",
    "Crypto": "pgcrypto",
    "HStore": "hstore",
    "Trigram": "pg_trgm",
    "Unaccent": "unaccent",
    "Vector": "vector",
}
IMMEDIATE = ("ImmediateBackend", "DummyBackend")


def judge(look: Look) -> None:
    """Say what the project needs beside its web process."""
    _databases(look)
    _extensions(look)
    _stores(look)
    _workers(look)
    _timers(look)
    _channels(look)
    _mail(look)
    _search_files(look)
    for name, packages in SEARCH.items():
        if package := look.installs(*packages):
            look.report.unserved.append(
                f"{name} ({package}) is not installed: name a server that there is by the variables that the settings read."
            )
    if browser := look.installs(*BROWSERS):
        look.report.unserved.append(f"A browser for {browser} is not installed, and would not start in the site's sandbox.")


def _search_files(look: Look) -> None:
    """Ask for the folder of a search index that is made of files."""
    for alias, index in look.settings.dict_of("HAYSTACK_CONNECTIONS").items():
        path = index.get("PATH") if isinstance(index, dict) else None
        if isinstance(path, Place):
            look.share(str(path.path), f"the search index {alias} is files there")


def engine_of(database: Any) -> str:
    """Return what kind a database is; empty where one can't see it."""
    told = database.get("ENGINE", "") if isinstance(database, dict) else database
    text = text_of(told).lower()
    scheme = text.partition(":")[0]
    return next((name for word, name in ENGINES.items() if word in (text if isinstance(database, dict) else scheme)), "")


def _databases(look: Look) -> None:
    databases = look.settings.values.get("DATABASES")
    if not isinstance(databases, dict):
        if look.settings.files:
            look.report.fact("database", "DATABASES is worked out in code; the site's PostgreSQL takes the place of default")
        return
    for alias, database in list(databases.items())[:20]:
        _database(look, str(alias), database)
    routers = look.settings.list_of("DATABASE_ROUTERS")
    for alias, database in list(databases.items())[:20]:
        test = database.get("TEST") if isinstance(database, dict) else None
        if alias != "default" and not routers and not (isinstance(test, dict) and test.get("MIRROR")):
            look.report.notes.append(not_migrated(str(alias)))


def _database(look: Look, alias: str, database: Any) -> None:
    engine = engine_of(database)
    replaced = alias == "default" and look.wanted.layered
    names = sorted(names_of([database.get("ENGINE") if isinstance(database, dict) else database]))
    what = engine or (f"as {', '.join(names)} says" if names else "not known here")
    look.report.fact("database", f"{alias}: {what}" + (", served by the site's PostgreSQL" if replaced else ""))
    if engine in OTHER_SERVERS:
        if alias == "default":
            text = f"{engine} is not installed; {look.line('DATABASES')} has it as default."
            more = " The site gets PostgreSQL in its place, which the project must be able to use." if replaced else ""
            look.report.unserved.append(text + more)
        else:
            look.report.unserved.append(
                f"{engine} is not installed: the database {alias} must be on a server that there is already, "
                "and the settings must read its address."
            )
    if "PostGIS" in engine or look.uses("django.contrib.gis"):
        look.report.add("site_packages", ["gdal-bin"], "django.contrib.gis")
        look.report.add("site_database_extensions", ["postgis"], "django.contrib.gis")
        if "PostGIS" not in engine and replaced:
            look.report.notes.append(
                'GeoDjango wants "ENGINE": "django.contrib.gis.db.backends.postgis" in DATABASES["default"]; the rest may stay.'
            )
    name = database.get("NAME") if isinstance(database, dict) else None
    said_elsewhere = isinstance(database, dict) and isinstance(database.get("ENGINE"), Given)
    if engine.startswith("SQLite") and not replaced and not said_elsewhere and isinstance(name, Place):
        look.share(str(name.path.parent), f"the database {alias} is a file there")


def _extensions(look: Look) -> None:
    """Ask for the extensions that migrations make: the site's account may make none."""
    for path in own_files(look.top):
        if path.parent.name != "migrations" or (text := readable(path)) is None:
            continue
        found = {EXTENSIONS[name] for name in OPERATION.findall(text) if name in EXTENSIONS} | set(CREATED.findall(text))
        look.report.add("site_database_extensions", sorted(found), look.shown(path))


def readable(path: Path) -> str | None:
    """Return the text of a file; None where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _stores(look: Look) -> None:
    """Say which Redis, Memcached or broker is needed."""
    wanted: dict[str, str] = {"Redis": "RQ_QUEUES"} if "RQ_QUEUES" in look.settings.values else {}
    for name in STORES:
        for text in texts_within(look.settings.values.get(name)):
            if kind := store_of(text):
                wanted.setdefault(kind, name)
                _neighbour(look, name, text)
    if "Redis" not in wanted and (package := look.installs("django-redis", "channels-redis", "django-rq", "redis")):
        look.report.fact("cache", f"{package} is installed, and no setting that one can read says where Redis is")
    for kind, name in wanted.items():
        _store(look, kind, name)
    _caches(look)


def store_of(text: str) -> str:
    """Return which store a text of the settings is about; empty for none."""
    low = text.lower()
    return next((kind for kind, words in KINDS.items() if any(word in low for word in words)), "")


def _store(look: Look, kind: str, name: str) -> None:
    package = PACKAGES[kind]
    other = "; redis-server on Debian 12" if kind == "Redis" else ""
    if name in look.settings.maybe:
        look.report.fact("cache", f"{kind}, if the environment asks for it: {look.line(name)}")
        look.report.offer("site_packages", f"[{package}]", f"{kind}, if {name} shall use it{other}")
        return
    look.report.fact("cache", f"{kind}, for {look.line(name)}")
    look.report.add("site_packages", [package], f"{kind} for {name}, on the application host itself{other}")
    if look.wanted.hosts > 1:
        look.report.notes.append(
            f"Each application host would have a {kind} of its own. Where they must share it, let variables name one server."
        )


def _neighbour(look: Look, name: str, text: str) -> None:
    """Refuse the address of a container that no host knows, unless a variable may say another."""
    is_neighbour = host_of(text) and "." not in host_of(text) and host_of(text) not in HERE
    if is_neighbour and not isinstance(text, Given) and "{" not in text:
        look.report.stop(
            f"{look.line(name)} names the host {host_of(text)}, which only containers have beside them.",
            "Let it read a variable, such as REDIS_URL, with that address as its default.",
        )


def _caches(look: Look) -> None:
    for alias, cache in look.settings.dict_of("CACHES").items():
        if not isinstance(cache, dict):
            continue
        backend, location = text_of(cache.get("BACKEND")), cache.get("LOCATION")
        if backend.endswith("FileBasedCache") and isinstance(location, Place):
            look.share(str(location), f"the cache {alias} writes there")
        if backend.endswith("DatabaseCache"):
            look.report.fact("cache", f"a table of the database, for the cache {alias}")
            look.report.add("site_commands_after_migrate", ["createcachetable"], f"the cache {alias} is a table")
        if backend.endswith("LocMemCache"):
            look.report.fact("cache", f"{alias}: each worker process has its own")


def _workers(look: Look) -> None:
    named = bool(look.report.inventory.get("site_workers"))
    for name, signs in WORKERS.items():
        sign = look.installs(*signs) or look.uses(*signs)
        if not sign:
            continue
        command = COMMANDS.get(name) or (f"celery -A {celery_app(look)} worker" if name == "Celery" else "its worker")
        look.report.fact("workers", f"{name} ({sign})")
        if not named:
            look.report.unserved.append(
                f"Workers of {name} run when site_workers names them, with `{command}` or by their kind: "
                "the site starts without them, and what it queues waits."
            )
    for alias, backend in look.settings.dict_of("TASKS").items():
        kind = text_of(backend.get("BACKEND")) if isinstance(backend, dict) else ""
        if kind and not kind.endswith(IMMEDIATE) and not kind.startswith(("django_tasks", "django_rq")):
            look.report.fact("workers", f"django.tasks: {alias} by {kind}")
            if not named:
                look.report.unserved.append(
                    f"Workers for the tasks of {kind} run when site_workers names them: what the site queues waits."
                )


def celery_app(look: Look) -> str:
    """Return the module of Celery's application, as far as one finds it."""
    package = look.module.partition(".")[0]
    there = [name for name in ("celery", "celery_app") if module_file(f"{package}.{name}", (look.project, look.top))]
    if not there:
        return "..."
    return package if there[0] == "celery" else f"{package}.{there[0]}"


def _timers(look: Look) -> None:
    found = [name for name, signs in TIMERS.items() if look.installs(*signs) or look.uses(*signs)]
    found += [look.line(name) for name in TIMER_SETTINGS if look.settings.values.get(name)]
    if found:
        look.report.fact("timers", ", ".join(found))
        look.report.unserved.append(
            f"Scheduled jobs ({', '.join(found)}) are not run: name what does them in site_timers, or what schedules them in "
            "site_workers, with single: true or for Celery with kind: celery_beat."
        )
    procfile = look.top / "Procfile"
    if procfile.is_file():
        _procfile(look, procfile.read_text(encoding="utf-8", errors="replace"))


def _procfile(look: Look, text: str) -> None:
    for line in text.splitlines()[:50]:
        kind, _colon, command = (part.strip() for part in line.partition(":"))
        if kind == "release" and command:
            look.report.fact("commands", f"Procfile says {kind}: {command} (migrations are applied anyway)")
        elif kind and command and kind != "web" and not kind.startswith("#"):
            look.report.fact("workers", f"Procfile says {kind}: {command}")


def _channels(look: Look) -> None:
    layers = look.settings.values.get("CHANNEL_LAYERS")
    if look.uses("channels") or layers:
        why = f"channels ({look.line('CHANNEL_LAYERS' if layers else 'INSTALLED_APPS')})"
        look.report.fact("interface", f"ASGI, for {why}")
        look.report.set("site_interface", "asgi", "channels: web sockets need ASGI")


def _mail(look: Look) -> None:
    backend = look.settings.text("EMAIL_BACKEND")
    if backend and not backend.startswith("django.core.mail.backends.console"):
        look.report.fact("mail", f"{backend}, as the settings say")
    elif "EMAIL_HOST" in look.settings.values:
        look.report.fact("mail", f"a server of the settings' own: {look.line('EMAIL_HOST')}")
    elif not look.settings.outside:
        look.report.fact("mail", "the settings name no server; site_mail_host and its like are one")
