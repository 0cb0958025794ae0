"""A project is found in its repository, with its settings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release.project import (
    behind_pool,
    folder,
    ignores_pools,
    is_elsewhere,
    more_databases,
    refuse_database_in_release,
    reverse_command,
    settings_module,
)

from tests.unit.conftest import CHECKOUT

MANAGE = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


def test_the_project_is_found_below_the_top(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "manage.py").write_text(MANAGE)
    assert folder(tmp_path, "") == tmp_path / "src"
    assert settings_module(tmp_path / "src", "") == "shop.settings"


def test_settings_for_development_are_no_choice_where_there_are_others(tmp_path: Path) -> None:
    settings = tmp_path / "shop" / "settings"
    settings.mkdir(parents=True)
    (tmp_path / "manage.py").write_text(MANAGE.replace("shop.settings", "shop.settings.dev"))
    assert settings_module(tmp_path, "") == "shop.settings.dev"
    (settings / "production.py").write_text("")
    with pytest.raises(Trouble, match=r"(?s)shop\.settings\.dev.*site_settings_module: shop\.settings\.production"):
        settings_module(tmp_path, "")
    assert settings_module(tmp_path, "shop.settings.dev") == "shop.settings.dev"


def test_two_projects_are_a_question_for_the_operator(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manage.py").write_text(MANAGE)
    with pytest.raises(Trouble, match="several projects: one, two"):
        folder(tmp_path, "")


def test_a_database_in_the_release_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    with pytest.raises(Trouble, match=r"(?s)default in db\.sqlite3.*DATABASE_URL"):
        refuse_database_in_release(tmp_path, {"default": str(tmp_path / "src" / "db.sqlite3")})


def test_a_database_in_a_folder_that_outlives_the_release_is_taken(tmp_path: Path) -> None:
    release, shared = tmp_path / "release", tmp_path / "shared"
    for folder_there in (release, shared):
        folder_there.mkdir()
    (release / "data").symlink_to(shared)
    refuse_database_in_release(release, {"reports": str(release / "data" / "reports.sqlite3")})


def test_a_migration_is_taken_back_in_its_own_database() -> None:
    assert reverse_command("shop.0002_prices") == "migrate shop <the migration before>"
    assert reverse_command("shop.0002_prices in reports") == "migrate shop <the migration before> --database=reports"


def test_databases_that_no_connection_was_counted_for_are_told() -> None:
    default = {"ENGINE": "django.db.backends.postgresql", "HOST": "db.internal", "PORT": ""}
    databases = {
        "default": default,
        "reports": {**default, "PORT": "5432"},
        "elsewhere": {**default, "HOST": "other.internal"},
        "local": {"ENGINE": "django.db.backends.sqlite3"},
    }
    (told,) = more_databases(databases, 1)
    assert "2 databases on one server (default, reports)" in told and "site_database_count: 2" in told
    assert list(more_databases(databases, 2)) == []
    assert list(more_databases({}, 1)) == []


def test_uploads_are_looked_for_where_the_web_server_has_them_unless_the_project_is_asked() -> None:
    assert is_elsewhere("/data/", "/media/")
    assert not is_elsewhere("/media/", "/media/")
    assert not is_elsewhere("https://cdn.example.org/media/", "/media/")
    assert not is_elsewhere("/data/", "")


def test_a_pool_stands_for_the_database_behind_it_and_for_no_other() -> None:
    url = "postgres://shop:x@10.0.0.5:5432/shop"
    given = {"SITE_SETTINGS_MODULE": "shop.settings", "DATABASE_URL": url, "SITE_DATABASE_POOL": "/run/shop-pool/p"}
    pooled = {"ENGINE": "postgresql", "HOST": "/run/shop-pool/p", "PORT": "6432", "NAME": "shop", "USER": "shop-os"}
    straight = {**pooled, "HOST": "10.0.0.5", "PORT": "5432", "USER": "shop"}

    assert behind_pool({"default": pooled}, given) == {"default": straight}
    # Its name is compared, as ever.
    assert behind_pool({"default": {**pooled, "NAME": "other"}}, given)["default"]["NAME"] == "other"
    for served in ({"default": straight}, {"default": {**pooled, "HOST": "/run/shop-pool/q"}}, {}):
        assert behind_pool(served, given) == served
    assert behind_pool({"default": pooled}, {}) == {"default": pooled}


def test_a_release_that_was_built_before_pools_were_known_ignores_them(tmp_path: Path) -> None:
    assert not ignores_pools(tmp_path), "a host without a release has no connections"
    layer = tmp_path / "releases/1/lib/site_settings.py"
    layer.parent.mkdir(parents=True)
    (tmp_path / "current").symlink_to("releases/1")

    assert ignores_pools(tmp_path)
    layer.write_text("DATABASE_URL")
    assert ignores_pools(tmp_path)
    shutil.copy(CHECKOUT / "roles/django/templates/srv/_site_/lib/site_settings.py", layer)
    assert not ignores_pools(tmp_path)
