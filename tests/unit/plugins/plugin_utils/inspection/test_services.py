"""What a project needs beside its web process, and what of its files."""

from __future__ import annotations

import json

import pytest

from tests.unit.plugins.plugin_utils.inspection.conftest import MANAGE, Inspect

SETTINGS = "shop/settings.py"
BASE = "from pathlib import Path\n\nBASE_DIR = Path(__file__).resolve().parent.parent\n"
MODEL = "from django.db import models\n\n\nclass Order(models.Model):\n    pass\n"


@pytest.mark.parametrize(
    ("settings", "packages"),
    [
        (
            "CACHES = {'default': {'BACKEND': 'django.core.cache.backends.redis.RedisCache', 'LOCATION': 'redis://127.0.0.1'}}",
            ["valkey-server"],
        ),
        ("CACHES = {'default': {'BACKEND': 'django.core.cache.backends.memcached.PyMemcacheCache'}}", ["memcached"]),
        ("CELERY_BROKER_URL = 'amqp://guest@localhost//'", ["rabbitmq-server"]),
        ("RQ_QUEUES = {'default': {'HOST': 'localhost'}}", ["valkey-server"]),
        ("CACHES = {'default': {'BACKEND': 'django.core.cache.backends.locmem.LocMemCache'}}", None),
        ("import os\nif os.environ.get('R'):\n    CACHES = {'default': {'LOCATION': 'redis://127.0.0.1'}}", None),
    ],
)
def test_stores_are_packages_of_the_host(inspected: Inspect, settings: str, packages: list[str] | None) -> None:
    assert inspected({SETTINGS: settings}).lines.get("site_packages") == packages


def test_a_neighbour_of_containers_is_no_host(inspected: Inspect) -> None:
    fixed = inspected({SETTINGS: "CELERY_BROKER_URL = 'redis://redis:6379/0'\n"})
    default = inspected({SETTINGS: "import os\nCELERY_BROKER_URL = os.environ.get('BROKER', 'redis://redis:6379/0')\n"})

    assert "names the host redis, which only containers have beside them" in fixed.stops[0].cause
    assert default.stops == []
    assert default.lines["site_env"] == {"BROKER": "redis://127.0.0.1:6379/0"}


def test_several_hosts_are_told_that_each_has_its_own_store(inspected: Inspect) -> None:
    assert "a Redis of its own" in inspected({SETTINGS: "RQ_QUEUES = {}\n"}, hosts=2).text()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements.txt": "Django\ncelery\n", "shop/celery.py": ""}, "`celery -A shop worker`"),
        ({"requirements.txt": "Django\ndjango-rq\n"}, "`manage.py rqworker`"),
        ({"requirements.txt": "Django\ndramatiq[redis]\n"}, "`manage.py rundramatiq`"),
        ({SETTINGS: "INSTALLED_APPS = ['huey.contrib.djhuey']\n"}, "`manage.py run_huey`"),
        ({SETTINGS: "TASKS = {'default': {'BACKEND': 'shop.tasks.Queue'}}\n"}, "tasks of shop.tasks.Queue"),
        ({SETTINGS: "CELERY_BEAT_SCHEDULE = {'a': {'task': 'b'}}\n"}, "CELERY_BEAT_SCHEDULE (shop/settings.py:1)"),
        ({"requirements.txt": "Django\ndjango-crontab\n"}, "django-crontab"),
        ({"requirements.txt": "Django\nelasticsearch\n"}, "Elasticsearch (elasticsearch) is not installed"),
        ({SETTINGS: "DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql'}}\n"}, "MySQL is not installed"),
    ],
)
def test_what_is_not_done_is_said(inspected: Inspect, files: dict[str, str], said: str) -> None:
    assert [text for text in inspected(files).unserved if said in text] != []


def test_an_inventory_that_names_workers_is_told_nothing(inspected: Inspect) -> None:
    files = {"requirements.txt": "Django\ncelery\n", "shop/celery.py": ""}

    assert inspected(files, site_workers=[{"name": "mail", "kind": "celery"}]).unserved == []


def test_immediate_tasks_need_no_worker(inspected: Inspect) -> None:
    tasks = "TASKS = {'default': {'BACKEND': 'django.tasks.backends.immediate.ImmediateBackend'}}\n"

    assert inspected({SETTINGS: tasks}).unserved == []


def test_geography_needs_its_libraries(inspected: Inspect) -> None:
    found = inspected(
        {
            SETTINGS: "INSTALLED_APPS = ['django.contrib.gis']\n"
            "DATABASES = {'default': {'ENGINE': 'django.contrib.gis.db.backends.postgis'}}\n"
        }
    )

    assert found.lines == {"site_packages": ["gdal-bin"], "site_database_extensions": ["postgis"]}


def test_files_that_a_site_writes_are_shared(inspected: Inspect) -> None:
    found = inspected(
        {
            SETTINGS: BASE
            + "LOGGING = {'handlers': {'file': {'filename': BASE_DIR / 'logs' / 'shop.log'}}}\n"
            + "FILES = 'django.core.cache.backends.filebased.FileBasedCache'\n"
            + "CACHES = {'default': {'BACKEND': FILES, 'LOCATION': BASE_DIR / 'cache'}}\n"
            "" + "DATABASES = {'archive': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'data/archive.db'}}\n"
        }
    )

    assert sorted(found.lines["site_shared_paths"]) == ["cache", "data", "logs"]
    assert found.stops == []


def test_a_log_outside_is_refused(inspected: Inspect) -> None:
    found = inspected({SETTINGS: "LOGGING = {'handlers': {'file': {'filename': '/var/log/shop.log'}}}\n"})

    assert "write to /var/log/shop.log, where the site may not write" in found.stops[0].cause


def test_styles_are_compressed_ahead(inspected: Inspect) -> None:
    offline = inspected({SETTINGS: "INSTALLED_APPS = ['compressor']\nCOMPRESS_OFFLINE = True\n"})
    late = inspected({SETTINGS: "INSTALLED_APPS = ['compressor']\n"})

    assert offline.lines["site_commands_after_static"] == ["compress"]
    assert offline.stops == []
    assert "django-compressor would write below STATIC_ROOT" in late.stops[0].cause


def test_translations_are_compiled_where_they_are_not(inspected: Inspect) -> None:
    files = {"shop/locale/de/LC_MESSAGES/django.po": ""}

    assert inspected(files).lines["site_build_commands"] == ["django-admin compilemessages --ignore=node_modules"]
    assert inspected({**files, "shop/locale/de/LC_MESSAGES/django.mo": ""}).lines == {}


@pytest.mark.parametrize(
    ("described", "beside", "commands"),
    [
        ({}, {"package-lock.json": ""}, ["npm ci", "npm run build"]),
        ({"engines": {"node": ">=18"}}, {}, ["npm install", "npm run build"]),
        (
            {"engines": {"node": "^24.1"}},
            {"package-lock.json": ""},
            ["npx --yes --package=node@24 -- npm ci", "npx --yes --package=node@24 -- npm run build"],
        ),
        (
            {"packageManager": "pnpm@9.12.0+sha512.abc"},
            {"pnpm-lock.yaml": "", ".nvmrc": "v22\n"},
            [
                "npx --yes --package=node@22 --package=pnpm@9.12.0 -- pnpm install --frozen-lockfile",
                "npx --yes --package=node@22 --package=pnpm@9.12.0 -- pnpm run build",
            ],
        ),
        (
            {},
            {"yarn.lock": ""},
            ["npx --yes --package=yarn@1 -- yarn install --frozen-lockfile", "npx --yes --package=yarn@1 -- yarn run build"],
        ),
    ],
)
def test_a_front_end_is_built_by_its_own_tool(
    inspected: Inspect, described: dict[str, object], beside: dict[str, str], commands: list[str]
) -> None:
    found = inspected({"package.json": json.dumps({"scripts": {"build": "x"}, **described}), **beside})

    assert found.lines["site_build_packages"] == ["nodejs", "npm"]
    assert found.lines["site_build_commands"] == commands


def test_a_front_end_in_a_folder_is_built_there(inspected: Inspect) -> None:
    found = inspected({"web/package.json": '{"scripts": {"build": "x"}}', "web/package-lock.json": ""})

    assert found.lines["site_build_commands"] == ["npm --prefix web ci", "npm --prefix web run build"]


def test_an_inventory_that_builds_the_front_end_is_told_nothing(inspected: Inspect) -> None:
    files = {"web/package.json": '{"scripts": {"build": "x"}}'}

    assert inspected(files, site_build_commands=["npm --prefix web ci"]).lines == {}


@pytest.mark.parametrize(
    ("requirement", "run", "build"),
    [
        ("psycopg2==2.9.10", [], ["build-essential", "python3-dev", "libpq-dev"]),
        ("psycopg2-binary==2.9.10", [], []),
        ("psycopg2-binary==2.9.9", [], ["build-essential", "python3-dev", "libpq-dev"]),
        ("psycopg", ["libpq5"], []),
        ("psycopg[binary]", [], []),
        ("Pillow==9.1.0", [], ["build-essential", "python3-dev", "libfreetype-dev", "libjpeg-dev", "zlib1g-dev"]),
        ("WeasyPrint", ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"], []),
        ("mysqlclient ; sys_platform == 'win32'", [], []),
        ("python_ldap~=3.4", [], ["build-essential", "python3-dev", "libldap-dev", "libsasl2-dev"]),
    ],
)
def test_libraries_are_packages_of_debian(inspected: Inspect, requirement: str, run: list[str], build: list[str]) -> None:
    lines = inspected({"requirements.txt": f"Django\n{requirement}\n"}).lines

    assert (lines.get("site_packages", []), lines.get("site_build_packages", [])) == (run, build)


def test_a_lock_says_what_is_published(inspected: Inspect) -> None:
    wheels = "[{ url = 'https://index/lxml-6.0.0-cp312-cp312-manylinux_2_28_x86_64.whl' }]"
    lock = (
        "version = 1\n[[package]]\nname = 'shop'\nversion = '1'\nsource = { virtual = '.' }\n"
        "dependencies = [{ name = 'django' }, { name = 'lxml' }]\n"
        "[package.dev-dependencies]\ndev = [{ name = 'mysqlclient' }]\n"
        "[[package]]\nname = 'django'\nversion = '5.2.19'\nwheels = [{ url = 'https://index/django-5.2.19-py3-none-any.whl' }]\n"
        f"[[package]]\nname = 'lxml'\nversion = '6.0.0'\nwheels = {wheels}\n"
        "[[package]]\nname = 'mysqlclient'\nversion = '2.2'\n"
    )
    files = {"pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n", "uv.lock": lock, "requirements.txt": None}

    compiled = ["build-essential", "python3-dev", "libxml2-dev", "libxslt1-dev"]
    assert inspected(files).lines["site_build_packages"] == compiled
    assert inspected(files, python_version="3.12").lines == {}


def test_models_without_migrations_are_refused(inspected: Inspect) -> None:
    files = {SETTINGS: "INSTALLED_APPS = ['orders.apps.OrdersConfig']\n", "orders/models.py": MODEL, "orders/apps.py": ""}

    assert "orders has models and no migrations" in inspected(files).stops[0].cause
    assert inspected(files, site_unmade_migrations_allowed=True).stops == []


@pytest.mark.parametrize("more", ["", "    class Meta:\n        abstract = True\n"])
def test_models_without_tables_need_no_migrations(inspected: Inspect, more: str) -> None:
    model = MODEL.replace("    pass\n", more) if more else "from django.db import models\n"

    assert inspected({SETTINGS: "INSTALLED_APPS = ['orders']\n", "orders/models.py": model}).stops == []


@pytest.mark.parametrize("folder", ["", "shop/"])
def test_a_folder_with_code_is_never_shared(inspected: Inspect, folder: str) -> None:
    log = f"LOGGING = {{'handlers': {{'file': {{'filename': BASE_DIR / '{folder}shop.log'}}}}}}\n"
    found = inspected({SETTINGS: BASE + log})

    assert "site_shared_paths" not in found.lines
    assert "The site can't write in" in found.stops[0].cause


def test_extensions_that_migrations_make_are_asked_for(inspected: Inspect) -> None:
    operations = "[TrigramExtension(), VectorExtension(), CreateExtension('ltree')]"
    found = inspected({"shop/migrations/0001_initial.py": f"class Migration:\n    operations = {operations}\n"})

    assert found.lines["site_database_extensions"] == ["ltree", "pg_trgm", "vector"]


def test_a_project_without_wsgi_is_served_by_asgi(inspected: Inspect) -> None:
    settings = "ASGI_APPLICATION = 'shop.asgi.application'\n"

    assert inspected({"shop/wsgi.py": None, "shop/asgi.py": "", SETTINGS: settings}).lines == {"site_interface": "asgi"}


def test_an_application_elsewhere_is_named(inspected: Inspect) -> None:
    found = inspected({"shop/wsgi.py": None, "deploy/wsgi.py": "application = None\n", "shop/__init__.py": ""})

    assert found.lines == {"site_application": "deploy.wsgi:application"}


def test_a_search_index_of_files_outlives_releases(inspected: Inspect) -> None:
    base = "from pathlib import Path\nBASE_DIR = Path(__file__).resolve().parent\n"
    found = inspected({SETTINGS: base + "HAYSTACK_CONNECTIONS = {'default': {'PATH': BASE_DIR / 'whoosh_index'}}\n"})

    assert found.lines == {"site_shared_paths": ["shop/whoosh_index"]}


def test_a_project_that_serves_its_uploads_itself_is_told_of_private_ones(inspected: Inspect) -> None:
    urls = "urlpatterns = [path('', home), path('media/<path:name>', guarded)]\n"
    files = {SETTINGS: "MEDIA_URL = '/media/'\n", "shop/urls.py": urls}

    assert "shop/urls.py:1" in inspected(files).notes[0] and "site_media_private_paths: [.]" in inspected(files).notes[0]
    assert not inspected(files, site_media_private_paths=["."]).notes
    assert not inspected({**files, "shop/urls.py": "p = [re_path(r'^media/(?P<path>.*)$', serve, {})]\n"}).notes


def test_uploads_that_the_project_serves_may_have_any_address(inspected: Inspect) -> None:
    files = {SETTINGS: "MEDIA_URL = '/data/'\n"}

    assert inspected(files).lines == {"site_media_url": "/data/"}
    assert inspected(files, site_media_private_paths=["."]).lines == {}


def test_settings_of_a_package_may_name_its_application(inspected: Inspect) -> None:
    files = {"manage.py": MANAGE.replace("shop.settings", "place"), "shop/wsgi.py": None, "shop/settings.py": None}

    of_a_package = inspected({**files, "place.py": "from studio.settings import *\n"})

    assert not of_a_package.stops and "mail" not in of_a_package.facts
    assert "place.wsgi" in inspected({**files, "place.py": "DEBUG = False\n"}).stops[0].cause


def test_a_file_of_variables_in_the_source_counts(inspected: Inspect) -> None:
    found = inspected({SETTINGS: "import os\nA = os.environ['A']\nB = os.environ['B']\n", ".env": "export A=1\n# B=2\n"})

    assert list(found.lines["site_env"]) == ["B"]
    assert ".env is in the source" in found.text()


def test_files_on_a_name_of_the_site_are_refused(inspected: Inspect) -> None:
    settings = "STATIC_URL = 'https://static.shop.example/'\n"

    found = inspected({SETTINGS: settings}, site_domain="shop.example", site_aliases=["static.shop.example"])
    assert "on a name of the site itself" in found.stops[0].cause
    assert inspected({SETTINGS: settings}, site_domain="shop.example").stops == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--extra-index-url https://index.example/simple", "UV_INDEX_STRATEGY: unsafe-best-match"),
        ("theme @ git+ssh://git@git.example.org/theme.git@v1", "packages from repositories by SSH"),
    ],
)
def test_packages_from_elsewhere_are_told(inspected: Inspect, line: str, said: str) -> None:
    assert said in " ".join(inspected({"requirements.txt": f"Django==5.2.19\n{line}\n"}).text().split())
