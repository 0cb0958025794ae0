"""Production settings laid over a project's own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.conftest import CHECKOUT

LIBRARY = CHECKOUT / "roles/django/templates/srv/_site_/lib"
ENVIRONMENT = {
    "SECRET_KEY": "of-the-host",
    "ALLOWED_HOSTS": "shop.example.org,www.example.org",
    "CSRF_TRUSTED_ORIGINS": "http://shop.example.org",
    "DATABASE_URL": "postgres://shop:p%40ss@10.0.0.5:5432/shop",
    "STATIC_ROOT": "/srv/shop/releases/1/static",
    "MEDIA_ROOT": "/srv/shop/shared/media",
    "SITE_SCHEME": "http",
    "SITE_INTERFACE": "wsgi",
}
FRESH: dict[str, Any] = {
    "DEBUG": True,
    "SECRET_KEY": "django-insecure-x",
    "ALLOWED_HOSTS": [],
    "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/src/db.sqlite3"}},
    "STATIC_URL": "static/",
}


CONSOLE = {"BACKEND": "django.core.mail.backends.console.EmailBackend"}
MAIL = {
    "EMAIL_HOST": "mail.example.org",
    "EMAIL_PORT": "587",
    "EMAIL_HOST_USER": "shop",
    "EMAIL_HOST_PASSWORD": "of-the-mail",
    "EMAIL_USE_TLS": "True",
    "EMAIL_USE_SSL": "False",
    "DEFAULT_FROM_EMAIL": "shop@example.org",
}


def loaded(name: str) -> Any:
    """Return a program of the hosts, which no package holds."""
    spec = importlib.util.spec_from_file_location(name, LIBRARY / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(name="layer")
def _layer() -> Any:
    return loaded("site_settings").layer


@pytest.fixture(name="layer_of")
def _layer_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what lays settings over a project's under one version of Django."""

    def layer(version: tuple[int, int], project: dict[str, Any]) -> dict[str, Any]:
        module = loaded("site_settings")
        monkeypatch.setattr(module, "_version", lambda: version)
        settings: dict[str, Any] = module.layer({**FRESH, **project}, {**ENVIRONMENT, **MAIL})
        return settings

    return layer


def test_a_fresh_startproject_becomes_fit_for_production(layer: Any) -> None:
    settings = layer(FRESH, ENVIRONMENT)
    assert settings["DEBUG"] is False
    assert settings["SECRET_KEY"] == "of-the-host"
    assert settings["ALLOWED_HOSTS"] == ["shop.example.org", "www.example.org"]
    assert settings["DATABASES"]["default"] == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "USER": "shop",
        "PASSWORD": "p@ss",
        "HOST": "10.0.0.5",
        "PORT": 5432,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
    assert settings["MEDIA_URL"] == "/media/"
    assert "SESSION_COOKIE_SECURE" not in settings
    assert settings["LOGGING"]["root"]["handlers"] == ["console"]


def test_what_a_project_says_about_its_database_stays(layer: Any) -> None:
    own = {"ENGINE": "django.contrib.gis.db.backends.postgis", "CONN_MAX_AGE": 60, "ATOMIC_REQUESTS": True, "HOST": "x"}
    database = layer({**FRESH, "DATABASES": {"default": own, "reports": {"NAME": "r"}}}, ENVIRONMENT)["DATABASES"]
    assert database["reports"] == {"NAME": "r"}
    assert database["default"]["ENGINE"].endswith("postgis")
    assert database["default"]["ATOMIC_REQUESTS"] is True
    assert database["default"]["CONN_MAX_AGE"] == 60
    assert database["default"]["HOST"] == "10.0.0.5"


@pytest.mark.parametrize(("said", "own"), [({"ATOMIC_REQUESTS": True}, True), ({}, None)])
def test_what_code_relies_on_stays_whichever_database_a_project_develops_with(layer: Any, said: dict[str, Any], own: Any) -> None:
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": "/src/db.sqlite3", "OPTIONS": {"timeout": 20}, **said}
    database = layer({**FRESH, "DATABASES": {"default": sqlite}}, ENVIRONMENT)["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert database.get("ATOMIC_REQUESTS") is own
    assert "OPTIONS" not in database


def test_former_keys_are_accepted_besides_those_of_the_project(layer: Any) -> None:
    assert "SECRET_KEY_FALLBACKS" not in layer(FRESH, ENVIRONMENT)
    settings = layer({**FRESH, "SECRET_KEY_FALLBACKS": ["own"]}, {**ENVIRONMENT, "SECRET_KEY_FALLBACKS": "one,two"})
    assert settings["SECRET_KEY_FALLBACKS"] == ["one", "two", "own"]


def test_a_pool_is_left_alone(layer: Any) -> None:
    own = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"pool": True}}
    assert "CONN_MAX_AGE" not in layer({**FRESH, "DATABASES": {"default": own}}, ENVIRONMENT)["DATABASES"]["default"]


def test_connections_are_not_kept_per_thread_under_asgi(layer: Any) -> None:
    settings = layer(FRESH, {**ENVIRONMENT, "SITE_INTERFACE": "asgi"})
    assert settings["DATABASES"]["default"].get("CONN_MAX_AGE", 0) == 0


def test_media_in_an_object_store_stays_there(layer: Any) -> None:
    stored = {**FRESH, "STORAGES": {"default": {"BACKEND": "storages.backends.s3.S3Storage"}}}
    assert "MEDIA_ROOT" not in layer(stored, ENVIRONMENT)


def test_cookies_are_secure_where_visitors_use_https(layer: Any) -> None:
    settings = layer(FRESH, {**ENVIRONMENT, "SITE_SCHEME": "https"})
    assert settings["SESSION_COOKIE_SECURE"] is True
    assert settings["CSRF_COOKIE_SECURE"] is True


def test_an_open_door_in_the_project_is_closed(layer: Any) -> None:
    assert "*" not in layer({**FRESH, "ALLOWED_HOSTS": ["*", "old.example.org"]}, ENVIRONMENT)["ALLOWED_HOSTS"]


BUCKET = {
    "SITE_DOMAIN": "shop.example.org",
    "AWS_S3_ENDPOINT_URL": "https://objects.example.net",
    "AWS_STORAGE_BUCKET_NAME": "shop-media",
    "AWS_S3_REGION_NAME": "eu-1",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "hidden",
}


@pytest.fixture
def client_for_buckets(layer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(layer.__globals__, "_installed", lambda *_: True)


@pytest.mark.usefixtures("client_for_buckets")
def test_uploads_go_to_the_bucket_and_keep_their_addresses(layer: Any) -> None:
    storages = layer({**FRESH, "MEDIA_URL": "uploads/"}, {**ENVIRONMENT, **BUCKET})["STORAGES"]
    assert storages["default"]["BACKEND"] == "storages.backends.s3.S3Storage"
    options = storages["default"]["OPTIONS"]
    assert (options["endpoint_url"], options["bucket_name"]) == ("https://objects.example.net", "shop-media")
    assert (options["url_protocol"], options["custom_domain"]) == ("http:", "shop.example.org/uploads")
    assert storages["staticfiles"]["BACKEND"].endswith("StaticFilesStorage")


@pytest.mark.usefixtures("client_for_buckets")
def test_a_projects_own_static_storage_stays_beside_the_bucket(layer: Any) -> None:
    own = {"staticfiles": {"BACKEND": "own.Static"}, "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    assert layer({**FRESH, "STORAGES": own}, {**ENVIRONMENT, **BUCKET})["STORAGES"]["staticfiles"] == {"BACKEND": "own.Static"}


@pytest.mark.usefixtures("client_for_buckets")
def test_a_projects_own_object_store_is_left_alone(layer: Any) -> None:
    own = {"default": {"BACKEND": "own.Bucket"}}
    assert "STORAGES" not in layer({**FRESH, "STORAGES": own}, {**ENVIRONMENT, **BUCKET})


def test_a_release_without_a_client_for_buckets_goes_on_as_it_was(layer: Any) -> None:
    assert "STORAGES" not in layer(FRESH, {**ENVIRONMENT, **BUCKET})


SMTP: dict[str, Any] = {
    "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "OPTIONS": {
        "host": "mail.example.org",
        "port": 587,
        "username": "shop",
        "password": "of-the-mail",
        "use_tls": True,
        "use_ssl": False,
        "timeout": 10,
    },
}
REPORTS = {**SMTP, "OPTIONS": {**SMTP["OPTIONS"], "fail_silently": True}}


@pytest.mark.parametrize("project", [{}, {"MAILERS": {}}, {"MAILERS": {"default": CONSOLE}}, {"EMAIL_SUBJECT_PREFIX": "[shop] "}])
def test_mail_goes_to_the_sites_server_by_mailers_where_django_has_them(layer_of: Any, project: dict[str, Any]) -> None:
    settings = layer_of((6, 1), project)
    assert settings["MAILERS"] == {"default": SMTP, "site-error-reports": REPORTS}
    assert not [name for name in settings if name.startswith("EMAIL_")], "Django stops where it finds both"
    assert settings["DEFAULT_FROM_EMAIL"] == settings["SERVER_EMAIL"] == "shop@example.org"


def test_other_mailers_of_the_project_stay(layer_of: Any) -> None:
    settings = layer_of((6, 1), {"MAILERS": {"default": CONSOLE, "news": {"BACKEND": "news.Backend"}}})
    assert settings["MAILERS"] == {"default": SMTP, "news": {"BACKEND": "news.Backend"}, "site-error-reports": REPORTS}


def test_a_mail_server_that_is_down_takes_no_page_from_visitors(layer_of: Any) -> None:
    """Django 6.1 would answer with a server's bare error instead of the project's page, when a report can't be mailed."""
    settings = layer_of((6, 1), {})
    assert settings["LOGGING"]["loggers"]["django"]["handlers"] == ["reports"], "not Django's own, which uses the default mailer"
    reports = settings["LOGGING"]["handlers"]["reports"]
    assert reports["class"] == "django.utils.log.AdminEmailHandler"
    assert settings["MAILERS"][reports["using"]]["OPTIONS"]["fail_silently"] is True
    assert "fail_silently" not in settings["MAILERS"]["default"]["OPTIONS"], "the project's own mail tells when it fails"


def test_logging_of_the_project_stays_with_the_mail_of_the_site(layer_of: Any) -> None:
    settings = layer_of((6, 1), {"LOGGING": {"version": 1}})
    assert settings["MAILERS"] == {"default": SMTP}
    assert "LOGGING" not in settings


@pytest.mark.parametrize("project", [{}, {"EMAIL_BACKEND": CONSOLE["BACKEND"]}, {"MAILERS": {"default": CONSOLE}}])
def test_an_older_django_gets_the_older_settings(layer_of: Any, project: dict[str, Any]) -> None:
    settings = layer_of((5, 2), project)
    assert "MAILERS" not in settings
    assert {name: value for name, value in settings.items() if name.startswith("EMAIL_")} == {
        "EMAIL_BACKEND": SMTP["BACKEND"],
        "EMAIL_HOST": "mail.example.org",
        "EMAIL_PORT": 587,
        "EMAIL_HOST_USER": "shop",
        "EMAIL_HOST_PASSWORD": "of-the-mail",
        "EMAIL_USE_TLS": True,
        "EMAIL_USE_SSL": False,
        "EMAIL_TIMEOUT": 10,
    }


def test_a_project_that_keeps_the_older_settings_under_a_newer_django_gets_no_mailers(layer_of: Any) -> None:
    settings = layer_of((6, 1), {"EMAIL_BACKEND": CONSOLE["BACKEND"]})
    assert "MAILERS" not in settings
    assert settings["EMAIL_HOST"] == "mail.example.org"


@pytest.mark.parametrize(
    ("version", "project"),
    [
        ((6, 1), {"MAILERS": {"default": {"BACKEND": "post.Backend"}}}),
        ((6, 1), {"MAILERS": {"default": {"OPTIONS": {"host": "own.example.org"}}}}),
        ((6, 1), {"EMAIL_HOST": "own.example.org"}),
        ((5, 2), {"EMAIL_HOST": "own.example.org"}),
        ((5, 2), {"EMAIL_BACKEND": "post.Backend"}),
    ],
)
def test_mail_that_the_project_sends_its_own_way_stays_so(
    layer_of: Any, version: tuple[int, int], project: dict[str, Any]
) -> None:
    settings = layer_of(version, {**project, "DEFAULT_FROM_EMAIL": "own@example.org"})
    assert not [name for name in settings if name == "MAILERS" or name.startswith("EMAIL_") or name == "DEFAULT_FROM_EMAIL"]


def test_without_a_server_nothing_is_said_of_mail(layer: Any) -> None:
    settings = layer({**FRESH, "MAILERS": {"default": CONSOLE}}, ENVIRONMENT)
    assert not [name for name in settings if "MAIL" in name]


@pytest.mark.parametrize(
    ("check", "mailers", "untouched"),
    [
        ("mail.E001", {"default": CONSOLE}, True),
        ("mail.E002", {"default": CONSOLE}, False),
        ("mail.E001", {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}, False),
        ("mail.E001", {"default": CONSOLE, "news": CONSOLE}, False),
        ("mail.E001", None, False),
    ],
)
def test_only_the_mail_of_a_fresh_project_is_no_error(check: str, mailers: Any, untouched: bool) -> None:
    assert loaded("release_checks").is_untouched_mail(check, mailers) is untouched


def test_folders_stay_what_the_project_goes_on_from(layer: Any) -> None:
    theirs = layer({**FRESH, "STATIC_ROOT": Path("/src/static"), "MEDIA_ROOT": Path("/src/media")}, ENVIRONMENT)
    assert theirs["STATIC_ROOT"] / "manifest.json" == Path("/srv/shop/releases/1/static/manifest.json")
    assert theirs["MEDIA_ROOT"] == Path("/srv/shop/shared/media")

    texts = layer({**FRESH, "STATIC_ROOT": "/src/static"}, ENVIRONMENT)
    assert (texts["STATIC_ROOT"], texts["MEDIA_ROOT"]) == (ENVIRONMENT["STATIC_ROOT"], ENVIRONMENT["MEDIA_ROOT"])


POOL = {"SITE_DATABASE_POOL": "/run/shop-pool/transaction-shop", "SITE_DATABASE_POOL_MODE": "transaction"}
SERVING = {"GUNICORN_INSTANCE": "r1"}
PROVED = {"GUNICORN_SETTINGS_FILE": "/run/x"}


def test_commands_go_straight_to_the_server_whatever_serves(layer: Any) -> None:
    database = layer(FRESH, ENVIRONMENT | POOL)["DATABASES"]["default"]

    assert (database["HOST"], database["USER"], "DISABLE_SERVER_SIDE_CURSORS" in database) == ("10.0.0.5", "shop", False)


@pytest.mark.parametrize("serving", [SERVING, PROVED])
def test_what_serves_uses_the_pool_as_it_can_be_used(layer: Any, serving: dict[str, str]) -> None:
    own = {
        "ENGINE": "django.db.backends.postgresql",
        "OPTIONS": {"sslmode": "require", "prepare_threshold": 0, "connect_timeout": 3},
    }
    database = layer({**FRESH, "DATABASES": {"default": own}}, ENVIRONMENT | POOL | serving)["DATABASES"]["default"]

    assert (database["HOST"], database["PORT"], database["NAME"]) == ("/run/shop-pool/transaction-shop", 6432, "shop")
    assert database["USER"] == pwd.getpwuid(os.geteuid()).pw_name and database["PASSWORD"] == ""
    assert database["DISABLE_SERVER_SIDE_CURSORS"] is True and database["CONN_HEALTH_CHECKS"] is True
    assert database["CONN_MAX_AGE"] == 600 and database["OPTIONS"] == {"connect_timeout": 3}


def test_a_session_is_held_for_no_longer_than_a_request(layer: Any) -> None:
    own = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 60, "OPTIONS": {"pool": True}}
    environment = ENVIRONMENT | POOL | SERVING | {"SITE_DATABASE_POOL_MODE": "session"}
    database = layer({**FRESH, "DATABASES": {"default": own}}, environment)["DATABASES"]["default"]

    assert database["CONN_MAX_AGE"] == 0 and "DISABLE_SERVER_SIDE_CURSORS" not in database and database["OPTIONS"] == {}


@pytest.mark.parametrize("option", ["options", "service", "assume_role"])
def test_what_a_pool_would_drop_in_silence_is_refused_when_it_is_proved(layer: Any, option: str) -> None:
    own = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {option: "-c search_path=a"}}

    with pytest.raises(ValueError, match=f"has '{option}'.*site_database_pool: none"):
        layer({**FRESH, "DATABASES": {"default": own}}, ENVIRONMENT | POOL | PROVED)


def test_what_serves_when_a_pool_is_refused_can_start_again(layer: Any) -> None:
    own = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"options": "-c search_path=a", "sslmode": "require"}}
    project = {**FRESH, "DATABASES": {"default": own}}

    assert layer(project, ENVIRONMENT | POOL | SERVING)["DATABASES"] == layer(project, ENVIRONMENT)["DATABASES"]


@pytest.mark.parametrize(("seconds", "ends"), [(60.0, []), (-0.1, [1]), (None, [1])])
def test_a_worker_whose_turn_is_over_says_nothing_more_to_the_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seconds: float | None, ends: list[int]
) -> None:
    handlers: list[Callable[..., None]] = []
    ended: list[int] = []
    signals = SimpleNamespace(connection_created=SimpleNamespace(connect=handlers.append))
    monkeypatch.setitem(sys.modules, "django.db.backends.signals", signals)
    monkeypatch.setattr(os, "_exit", ended.append)
    until = tmp_path / "until"
    monkeypatch.setenv("SINGLE_UNTIL_FILE", str(until))
    loaded("site_settings")
    if seconds is not None:
        moment = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
        until.write_text(f"{moment} {moment}\n")

    [connected] = handlers
    connected(sender=None, connection=None)

    assert ended == ends


CACHE = {"CACHE_URL": "redis://shop:secret@127.0.0.1:11001/0"}
OWN = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}


@pytest.mark.parametrize(
    ("project", "environment", "installed", "wanted"),
    [
        ({}, CACHE, True, {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE["CACHE_URL"]}),
        ({"CACHES": OWN}, CACHE, True, None),
        ({}, CACHE, False, None),
        ({}, {}, True, None),
    ],
)
def test_a_project_that_says_nothing_of_caches_caches_in_the_sites(
    layer: Any, monkeypatch: pytest.MonkeyPatch, project: Any, environment: Any, installed: bool, wanted: Any
) -> None:
    monkeypatch.setitem(layer.__globals__, "_installed", lambda *_: installed)
    monkeypatch.setitem(layer.__globals__, "_version", lambda: (5, 2))
    changes = layer({**FRESH, **project}, {**ENVIRONMENT, **environment})

    assert changes.get("CACHES", {}).get("default") == wanted
