"""Which of a project's databases get its migrations."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.unit.roles.django.test_site_settings import loaded

POSTGRESQL = "django.db.backends.postgresql"


class Cursor:
    """A session in which nothing can be changed, or everything."""

    def __init__(self, is_standby: bool) -> None:
        self.answer = ("on" if is_standby else "off",)

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str) -> None:
        assert statement == "SHOW transaction_read_only"

    def fetchone(self) -> tuple[str]:
        return self.answer


class Connections:
    """Django's connections: asked for one, they load its backend, which need not be installed."""

    def __init__(self, settings: dict[str, dict[str, Any]], standbys: set[str]) -> None:
        self.settings = {alias: {"ENGINE": POSTGRESQL, "TEST": {"MIRROR": None}, **more} for alias, more in settings.items()}
        self.standbys = standbys

    def __getitem__(self, alias: str) -> SimpleNamespace:
        if self.settings[alias].get("DOWN"):
            raise OSError("no route to host")
        return SimpleNamespace(vendor="postgresql", cursor=lambda: Cursor(alias in self.standbys))


class ReportsRouter:
    """Has the tables of one application in a database of their own."""

    def allow_migrate(self, db: str, app_label: str, **_hints: object) -> bool | None:
        return app_label == db if "reports" in (db, app_label) else None


class EverythingRouter:
    """Has all tables everywhere, as a page of Django's documentation shows it for standbys."""

    def allow_migrate(self, _db: str, _app_label: str, **_hints: object) -> bool:
        return True


class NothingThereRouter:
    """Keeps away from a database of another program."""

    def allow_migrate(self, db: str, _app_label: str, **_hints: object) -> bool | None:
        return False if db == "legacy" else None


class ReadingRouter:
    """Has no word about tables."""


@pytest.fixture(name="checks")
def _checks(monkeypatch: pytest.MonkeyPatch) -> Any:
    def checks(databases: dict[str, dict[str, Any]], *routers: object, standbys: set[str] | None = None) -> Any:
        models = [
            SimpleNamespace(_meta=SimpleNamespace(app_label=label, model_name="x", managed=True)) for label in ("shop", "reports")
        ]
        apps, database = ModuleType("django.apps"), ModuleType("django.db")
        apps.apps = SimpleNamespace(get_models=lambda: models)  # type: ignore[attr-defined]
        database.router = SimpleNamespace(routers=routers)  # type: ignore[attr-defined]
        database.connections = Connections(databases, standbys or set())  # type: ignore[attr-defined]
        for name, module in {"django": ModuleType("django"), "django.apps": apps, "django.db": database}.items():
            monkeypatch.setitem(sys.modules, name, module)
        return loaded("release_checks")

    return checks


def test_a_database_in_which_a_router_has_tables_made_is_migrated(checks: Any) -> None:
    there = checks({"default": {}, "reports": {}}, ReadingRouter(), ReportsRouter())
    assert there.migrated_databases() == ["default", "reports"]
    assert there.unrouted_databases() == []


def test_a_database_of_which_nobody_says_anything_is_left_alone_and_told(checks: Any) -> None:
    there = checks({"default": {}, "legacy": {"DOWN": True}}, ReportsRouter())
    assert there.migrated_databases() == ["default"]
    assert there.unrouted_databases() == ["legacy"]


def test_a_database_in_which_nothing_is_made_is_no_matter(checks: Any) -> None:
    there = checks({"default": {}, "legacy": {}}, NothingThereRouter())
    assert (there.migrated_databases(), there.unrouted_databases()) == (["default"], [])


def test_copies_of_a_database_get_their_tables_from_it(checks: Any) -> None:
    databases = {"default": {}, "standby": {}, "mirror": {"TEST": {"MIRROR": "default"}, "DOWN": True}}
    there = checks(databases, EverythingRouter(), standbys={"standby"})
    assert (there.migrated_databases(), there.unrouted_databases()) == (["default"], [])


def test_no_database_at_all_is_not_asked(checks: Any) -> None:
    there = checks({"default": {"ENGINE": "django.db.backends.dummy"}})
    assert there.migrated_databases() == []


def test_the_database_that_cannot_be_asked_is_named(checks: Any) -> None:
    there = checks({"default": {}, "reports": {"DOWN": True}}, ReportsRouter())
    with pytest.raises(RuntimeError, match="the database reports: OSError: no route to host"):
        there.migrated_databases()


@pytest.mark.parametrize(("alias", "name"), [("default", "shop.0002_prices"), ("reports", "shop.0002_prices in reports")])
def test_a_migration_is_called_by_the_database_too(checks: Any, alias: str, name: str) -> None:
    assert checks({}).named(alias, "shop", "0002_prices") == name


@pytest.mark.parametrize(
    ("database", "file"),
    [
        ({"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/shop/x.sqlite3"}, "/srv/shop/x.sqlite3"),
        ({"ENGINE": POSTGRESQL, "NAME": "shop"}, ""),
        ({}, ""),
    ],
)
def test_a_database_that_is_a_file_is_told(checks: Any, database: dict[str, str], file: str) -> None:
    assert checks({}).file_of(database) == file


def operation(kind: str, **parts: Any) -> Any:
    """An operation of a migration, known by the name of its class."""
    return type(kind, (), parts)()


def field(null: bool = False, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(null=null, **{"many_to_many": False, "db_default": "not provided", **more})


def tie(to: str, **more: Any) -> dict[str, Any]:
    """What a field has that refers to a model."""
    return {"remote_field": SimpleNamespace(model=to, **more)}


@pytest.mark.parametrize(
    ("found", "adds"),
    [
        (operation("CreateModel", name="Order", fields=[("id", field())]), True),
        (operation("CreateModel", name="Order", fields=[("line", field(**tie("Line")))]), True),
        (operation("CreateModel", name="Order", fields=[("parent", field(**tie("self")))]), True),
        (operation("CreateModel", name="Order", fields=[("customer", field(**tie("auth.User")))]), False),
        (operation("CreateModel", name="Order", fields=[("customer", field(db_constraint=False, **tie("auth.User")))]), True),
        (operation("CreateModel", name="Order", fields=[("lines", field(many_to_many=True, **tie("Line")))]), True),
        (operation("CreateModel", name="Order", fields=[("users", field(many_to_many=True, **tie("auth.User")))]), False),
        (operation("AddIndexConcurrently"), True),
        (operation("AddField", model_name="entry", field=field(null=True)), True),
        (operation("AddField", model_name="entry", field=field(null=True, **tie("Line"))), True),
        (operation("AddField", model_name="entry", field=field(null=True, **tie("auth.User"))), False),
        (operation("AddField", model_name="entry", field=field(null=True, **tie("self"))), False),
        (operation("AddField", model_name="entry", field=field(many_to_many=True, **tie("Line"))), False),
        (operation("AddField", model_name="entry", field=field(many_to_many=True, **tie("Line", through="shop.Way"))), True),
        (operation("AddField", model_name="entry", field=field(db_default=0)), True),
        (operation("AddField", model_name="entry", field=field()), False),
        (operation("RemoveField"), False),
        (operation("AlterField", field=field(null=True)), False),
        (operation("RunPython"), False),
        (operation("RunSQL"), False),
        (operation("SeparateDatabaseAndState", database_operations=[operation("AddIndex")]), True),
        (operation("SeparateDatabaseAndState", database_operations=[operation("RunSQL")]), False),
    ],
)
def test_an_operation_only_adds_what_older_code_can_do_without(
    checks: Any, monkeypatch: pytest.MonkeyPatch, found: Any, adds: bool
) -> None:
    there = checks({"default": {}})
    models = ModuleType("django.db.models")
    models.NOT_PROVIDED = "not provided"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django.db.models", models)
    assert there.only_adds(found, "shop", {"shop.order", "shop.line"}) is adds


def test_a_migration_whose_sql_cannot_be_collected_says_why(checks: Any) -> None:
    def collect(plan: list[Any]) -> list[str]:
        if plan[0][0] == "broken":
            raise ValueError("Found wrong number (0) of constraints")
        return ["BEGIN;", "-- THIS OPERATION CANNOT BE WRITTEN AS SQL" if plan[0][0] == "python" else "SELECT 1;"]

    there = checks({"default": {}})
    executor = SimpleNamespace(loader=SimpleNamespace(collect_sql=collect))
    assert there.written(executor, "plain") == {"sql": ["BEGIN;", "SELECT 1;"], "unread": ""}
    assert there.written(executor, "python")["unread"] == "its Python is no SQL"
    assert there.written(executor, "broken") == {"sql": [], "unread": "ValueError: Found wrong number (0) of constraints"}


@pytest.mark.parametrize("there", [{}, {("shop", "0001_initial"): object()}])
def test_a_database_without_any_migration_is_fresh(checks: Any, monkeypatch: pytest.MonkeyPatch, there: dict[Any, Any]) -> None:
    recorder = ModuleType("django.db.migrations.recorder")
    recorder.MigrationRecorder = lambda _: SimpleNamespace(applied_migrations=lambda: there)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django.db.migrations", ModuleType("django.db.migrations"))
    monkeypatch.setitem(sys.modules, "django.db.migrations.recorder", recorder)
    assert checks({"default": {}}).is_fresh() == (not there)
    assert not checks({}).is_fresh()


def test_a_release_knows_what_its_migrations_replace_also_where_those_files_are_gone(checks: Any) -> None:
    files = {
        ("shop", "0001_initial"): SimpleNamespace(replaces=[]),
        ("shop", "0003_renamed"): SimpleNamespace(replaces=[("shop", "0002_former"), ("prices", "0001_initial")]),
    }
    known = checks({"default": {}}).known_migrations(files)
    assert known == {*files, ("shop", "0002_former"), ("prices", "0001_initial")}
