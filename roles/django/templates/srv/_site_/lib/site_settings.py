"""Django settings for production, laid over the project's own.

The project's settings module (SITE_SETTINGS_MODULE) is imported unchanged. What follows overrides only what production
needs and the project doesn't say already, from the same environment that the project could have read itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pwd
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

LOCAL_STORAGE = "django.core.files.storage.FileSystemStorage"
STATIC_STORAGE = "django.contrib.staticfiles.storage.StaticFilesStorage"
S3_STORAGE = "storages.backends.s3.S3Storage"
POSTGRESQL = "django.db.backends.postgresql"
CONSOLE_MAIL = "django.core.mail.backends.console.EmailBackend"
REDIS_CACHE = "django.core.cache.backends.redis.RedisCache"
SMTP_MAIL = "django.core.mail.backends.smtp.EmailBackend"
# A mail server that hangs must not hold a worker for as long as a request may take.
MAIL_SECONDS = 10
# With MAILERS, a report of an error that can't be mailed is an error itself, which keeps the project's error page from visitors.
REPORTS = "site-error-reports"
# Set for what is proved before it serves visitors.
PROVED = "GUNICORN_SETTINGS_FILE"
# Set for what serves visitors, and for what is proved before it does; by no command.
SERVING = {"GUNICORN_INSTANCE", PROVED}
# Set for a worker of which one alone runs in the fleet: a file that says until when it is this host's turn.
TURN = "SINGLE_UNTIL_FILE"
# What belongs to a session ends with it behind a pool, or would be left to whoever has the connection next.
DROPPED_OPTIONS = ("options", "service", "assume_role")
# What a project says of its requests, whichever database it develops with.
OF_ANY_ENGINE = ("ATOMIC_REQUESTS", "AUTOCOMMIT")
# Part of the name of its socket.
POOL_PORT = 6432
# Django takes either these, or from 6.1 on MAILERS, and stops where it finds both.
OLD_MAIL_SETTINGS = {
    *("EMAIL_BACKEND", "EMAIL_FILE_PATH", "EMAIL_HOST", "EMAIL_HOST_PASSWORD", "EMAIL_HOST_USER", "EMAIL_PORT"),
    *("EMAIL_SSL_CERTFILE", "EMAIL_SSL_KEYFILE", "EMAIL_TIMEOUT", "EMAIL_USE_SSL", "EMAIL_USE_TLS"),
}


def layer(project: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that production changes.

    :param project: the project's own settings, upper-case names only.
    :param environment: the process's environment.
    """
    secure = environment.get("SITE_SCHEME") == "https"
    hosts = [host for host in environment.get("ALLOWED_HOSTS", "").split(",") if host]
    origins = [origin for origin in environment.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]
    changes: dict[str, Any] = {
        "DEBUG": False,
        "SECRET_KEY": environment["SECRET_KEY"],
        "ALLOWED_HOSTS": _union(hosts, [host for host in project.get("ALLOWED_HOSTS", []) if host != "*"]),
        "CSRF_TRUSTED_ORIGINS": _union(project.get("CSRF_TRUSTED_ORIGINS", []), origins),
        "DATABASES": {**project.get("DATABASES", {}), "default": _database(project, environment)},
        "STATIC_ROOT": _as_theirs(project, "STATIC_ROOT", environment),
    }
    if fallbacks := environment.get("SECRET_KEY_FALLBACKS"):
        changes["SECRET_KEY_FALLBACKS"] = _union(fallbacks.split(","), project.get("SECRET_KEY_FALLBACKS", []))
    if not project.get("STATIC_URL"):
        changes["STATIC_URL"] = "/static/"
    if _stores_media_locally(project):
        changes["MEDIA_ROOT"] = _as_theirs(project, "MEDIA_ROOT", environment)
        if project.get("MEDIA_URL", "") in ("", "/"):
            changes["MEDIA_URL"] = "/media/"
        # A release that was built before the bucket was chosen has no client for it, and goes on as it was.
        if environment.get("AWS_STORAGE_BUCKET_NAME") and _installed("storages", "boto3"):
            media_url = str(changes.get("MEDIA_URL", project.get("MEDIA_URL")))
            changes.update(_media_in_bucket(project, environment, media_url))
    if not project.get("SECURE_PROXY_SSL_HEADER"):
        # The web server in front always sets this header itself, so no visitor can forge it.
        changes["SECURE_PROXY_SSL_HEADER"] = ("HTTP_X_FORWARDED_PROTO", "https")
    if secure:
        changes.update(SESSION_COOKIE_SECURE=True, CSRF_COOKIE_SECURE=True)
    changes.update(_cache(project, environment))
    if environment.get("EMAIL_HOST"):
        changes.update(_mail(project, environment))
    if not project.get("LOGGING"):
        changes.update(_logging(changes.get("MAILERS")))
    return changes


def _union(first: Any, second: Any) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def _as_theirs(project: Mapping[str, Any], name: str, environment: Mapping[str, str]) -> str | Path:
    """Return a folder as the project writes it: its code may go on from a path (``settings.STATIC_ROOT / "manifest.json"``)."""
    return Path(environment[name]) if isinstance(project.get(name), Path) else environment[name]


def _stores_media_locally(project: Mapping[str, Any]) -> bool:
    backend = project.get("STORAGES", {}).get("default", {}).get("BACKEND", LOCAL_STORAGE)
    return bool(project.get("DEFAULT_FILE_STORAGE", backend) == LOCAL_STORAGE)


def _media_in_bucket(project: Mapping[str, Any], environment: Mapping[str, str], media_url: str) -> dict[str, Any]:
    """Return the settings that put uploads into an S3-compatible store, while visitors find them where they always did."""
    scheme = environment.get("SITE_SCHEME", "http")
    options: dict[str, Any] = {
        "bucket_name": environment["AWS_STORAGE_BUCKET_NAME"],
        "endpoint_url": environment.get("AWS_S3_ENDPOINT_URL") or None,
        "region_name": environment.get("AWS_S3_REGION_NAME"),
        "access_key": environment.get("AWS_ACCESS_KEY_ID"),
        "secret_key": environment.get("AWS_SECRET_ACCESS_KEY"),
        "signature_version": "s3v4",
        # One host name for all buckets, which the web server passes visitors on to.
        "addressing_style": "path",
        # As with local files, no upload replaces another one's.
        "file_overwrite": False,
        "querystring_auth": False,
        "url_protocol": f"{scheme}:",
        "custom_domain": f"{environment['SITE_DOMAIN']}/{urlsplit(media_url).path.strip('/')}",
    }
    storages = {"staticfiles": {"BACKEND": STATIC_STORAGE}, **project.get("STORAGES", {})}
    return {"STORAGES": {**storages, "default": {"BACKEND": S3_STORAGE, "OPTIONS": options}}}


def _cache(project: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what caches in the site's cache, unless the project says where it caches, or has no client for that."""
    address = environment.get("CACHE_URL")
    if not address or "CACHES" in project or not _installed("redis") or _version() < (4, 0):
        return {}
    return {"CACHES": {"default": {"BACKEND": REDIS_CACHE, "LOCATION": address}}}


def _mail(project: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what sends mail by the site's server, unless the project has one of its own."""
    sender = environment.get("DEFAULT_FROM_EMAIL")
    changes: dict[str, Any] = {}
    if sender:
        changes = {name: sender for name in ("DEFAULT_FROM_EMAIL", "SERVER_EMAIL") if name not in project}
    server = {
        "host": environment["EMAIL_HOST"],
        "port": int(environment.get("EMAIL_PORT", "25")),
        "username": environment.get("EMAIL_HOST_USER", ""),
        "password": environment.get("EMAIL_HOST_PASSWORD", ""),
        "use_tls": environment.get("EMAIL_USE_TLS") == "True",
        "use_ssl": environment.get("EMAIL_USE_SSL") == "True",
        "timeout": MAIL_SECONDS,
    }
    if _version() >= (6, 1) and not OLD_MAIL_SETTINGS.intersection(project):
        mailers = project.get("MAILERS", {})
        if mailers.get("default", {"BACKEND": CONSOLE_MAIL}).get("BACKEND") == CONSOLE_MAIL:
            changes["MAILERS"] = {**mailers, "default": {"BACKEND": SMTP_MAIL, "OPTIONS": server}}
    elif project.get("EMAIL_BACKEND", CONSOLE_MAIL) == CONSOLE_MAIL and "EMAIL_HOST" not in project:
        names = {"username": "EMAIL_HOST_USER", "password": "EMAIL_HOST_PASSWORD"}
        changes["EMAIL_BACKEND"] = SMTP_MAIL
        changes.update({names.get(option, f"EMAIL_{option.upper()}"): value for option, value in server.items()})
    return changes


def _logging(mailers: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what lets errors be seen: without DEBUG, Django's default shows them nowhere but in mails to ADMINS.

    :param mailers: those of the site's mail server, where it goes by them.
    """
    logging: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
    }
    if not mailers:
        return {"LOGGING": logging}
    mailer = mailers["default"]
    logging["handlers"]["reports"] = {"class": "django.utils.log.AdminEmailHandler", "level": "ERROR", "using": REPORTS}
    logging["loggers"] = {"django": {"handlers": ["reports"], "level": "INFO"}}
    silent = {**mailer, "OPTIONS": {**mailer["OPTIONS"], "fail_silently": True}}
    return {"LOGGING": logging, "MAILERS": {**mailers, REPORTS: silent}}


def _database(project: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the default database: the project's own when it is PostgreSQL already, at the address of the environment.

    Of another engine's, what says when transactions begin and end stays: code relies on it wherever it runs.
    """
    url = urlsplit(environment["DATABASE_URL"])
    own = project.get("DATABASES", {}).get("default", {})
    engine = str(own.get("ENGINE", ""))
    kept = {name: own[name] for name in OF_ANY_ENGINE if name in own}
    database: dict[str, Any] = dict(own) if "postg" in engine else {"ENGINE": POSTGRESQL, **kept}
    database.update(
        NAME=unquote(url.path[1:]),
        USER=unquote(url.username or ""),
        PASSWORD=unquote(url.password or ""),
        HOST=unquote(url.hostname or ""),
        PORT=url.port or "",
    )
    pooled = bool(database.get("OPTIONS", {}).get("pool"))
    if environment.get("SITE_INTERFACE") == "asgi":
        # A persistent connection belongs to a thread, and under ASGI threads come and go: only a pool keeps them.
        if not pooled and _installed("psycopg", "psycopg_pool") and _version() >= (5, 1):
            database["OPTIONS"] = {**database.get("OPTIONS", {}), "pool": True}
            database["CONN_MAX_AGE"] = 0
            # Without it, each pooled connection costs one request an error after the database has restarted.
            database["CONN_HEALTH_CHECKS"] = True
    elif not pooled and database.get("CONN_MAX_AGE", 0) == 0:
        # Django's default opens a connection for each request, which costs a factor of ten and more.
        database["CONN_MAX_AGE"] = int(environment.get("SITE_CONN_MAX_AGE", "600"))
        database["CONN_HEALTH_CHECKS"] = True
    if environment.get("SITE_DATABASE_POOL") and SERVING.intersection(environment):
        dropped = next((option for option in DROPPED_OPTIONS if database.get("OPTIONS", {}).get(option)), "")
        if not dropped:
            database.update(_pooled(database, environment["SITE_DATABASE_POOL"], environment["SITE_DATABASE_POOL_MODE"]))
        elif PROVED in environment:
            raise ValueError(
                f"DATABASES['default']['OPTIONS'] has {dropped!r}, which PgBouncer does not pass on. Take it out, and have "
                "the server keep it for the database (ALTER DATABASE ... SET ...); or set site_database_pool: none."
            )
        # What serves when this is refused may have to start again meanwhile, and goes to the server as it did.
    return database


def _pooled(database: Mapping[str, Any], path: str, mode: str) -> dict[str, Any]:
    """Return what leads to the host's pool of connections instead of the server, and what Django must not do there.

    :param path: the folder of the pool's socket. The pool knows the site by its account, and logs in to the server itself.
    :param mode: session or transaction.
    """
    options = dict(database.get("OPTIONS", {}))
    # The socket needs no TLS, and statements that were prepared on one connection are unknown on the next.
    for option in ("sslmode", "sslrootcert", "sslcert", "sslkey", "prepare_threshold"):
        options.pop(option, None)
    changes: dict[str, Any] = {
        "HOST": path,
        "PORT": POOL_PORT,
        "USER": pwd.getpwuid(os.geteuid()).pw_name,
        "PASSWORD": "",
        "CONN_HEALTH_CHECKS": True,
    }
    if mode == "transaction":
        changes["DISABLE_SERVER_SIDE_CURSORS"] = True
    else:
        # A connection that is kept would keep one of the server's from all others.
        options.pop("pool", None)
        changes["CONN_MAX_AGE"] = 0
    return {**changes, "OPTIONS": options}


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) for module in modules)


def _version() -> tuple[int, ...]:
    import django

    return tuple(django.VERSION[:2])


def end_with_the_turn(**_: Any) -> None:
    """End a process that connects when its turn to run is over: it was paused, and who has the turn now has cut it off."""
    try:
        first, second = Path(os.environ[TURN]).read_text(encoding="utf-8").split()
        if first == second and time.clock_gettime(time.CLOCK_BOOTTIME) < float(first):
            return
    except (OSError, ValueError):
        pass
    os.write(2, b"It is no longer this host's turn to run this worker, which ends before it says anything to the database.\n")
    os._exit(1)


if TURN in os.environ:
    importlib.import_module("django.db.backends.signals").connection_created.connect(end_with_the_turn)
if "SITE_SETTINGS_MODULE" in os.environ:
    # Here for workers, timers and commands as well, which no configuration of gunicorn's reaches.
    _lines = importlib.import_module("site_logging")
    _lines.install()
    _lines.follow_work()
    _module = importlib.import_module(os.environ["SITE_SETTINGS_MODULE"])
    _project = {name: getattr(_module, name) for name in dir(_module) if name.isupper()}
    globals().update(_project)
    globals().update(layer(_project, os.environ))
