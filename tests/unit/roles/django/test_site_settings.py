"""Production settings laid over a project's own."""

from __future__ import annotations

import importlib.util
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


@pytest.fixture(name="layer")
def _layer() -> Any:
    spec = importlib.util.spec_from_file_location("site_settings", LIBRARY / "site_settings.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.layer


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
