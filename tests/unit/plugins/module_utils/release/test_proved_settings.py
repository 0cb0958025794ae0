"""What serves has the settings that were checked, and a project that would have others is refused by the line to blame."""

from __future__ import annotations

import json
import os
import re
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.release import instances as instances_module
from ansible_collections.hotclub.django.plugins.module_utils.release import journal
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import render
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.instances import SETTINGS_FILE, Instances
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site
from ansible_collections.hotclub.django.plugins.module_utils.release.project import (
    databases_of,
    ignored_migrations,
    refuse_other_settings,
)

from tests.unit.conftest import CHECKOUT, render_template

RELEASE = "20261124T081500-5d6e7f8"
ASSIGNS = "import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\n"
DATABASE = {"ENGINE": "django.db.backends.postgresql", "HOST": "db.internal", "PORT": "5432", "NAME": "shop", "USER": "shop"}
PROPOSES = 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "releases" / RELEASE / "src"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "wsgi.py").write_text(PROPOSES)
    (folder / "manage.py").write_text(PROPOSES)
    return folder


def refusal(source: Path, served: str = "shop.settings", debug: bool = False) -> str:
    with pytest.raises(Trouble) as refused:
        refuse_other_settings(source, "shop.wsgi:application", "site_settings", served, debug)
    return str(refused.value)


def test_the_settings_that_were_checked_may_serve(source: Path) -> None:
    refuse_other_settings(source, "shop.wsgi:application", "site_settings", "site_settings", debug=False)


def test_the_line_that_overrules_is_named_with_what_to_write(source: Path) -> None:
    (source / "shop" / "wsgi.py").write_text(ASSIGNS)
    # Another file of the same kind is not what serves.
    (source / "a_script.py").write_text(ASSIGNS)
    text = refusal(source)
    assert "shop/wsgi.py:2 says `os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'`" in text
    assert 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")' in text
    assert "a_script.py" not in text


def test_a_line_elsewhere_is_found(source: Path) -> None:
    (source / "shop" / "__init__.py").write_text(ASSIGNS)
    assert "shop/__init__.py:2 says" in refusal(source)


def test_settings_made_without_a_module_are_refused(source: Path) -> None:
    assert "Something that shop/wsgi.py imports" in refusal(source, served="")


def test_debug_is_refused(source: Path) -> None:
    text = refusal(source, served="site_settings", debug=True)
    assert "DEBUG is on in site_settings" in text


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ("*.pyc\n**/migrations/*.py\n", ".gitignore:2 (**/migrations/*.py)"),
        ("# migrations/\n!migrations/\n", ""),
        ("", ""),
    ],
)
def test_the_line_that_leaves_migrations_out_is_found(source: Path, lines: str, found: str) -> None:
    (source / ".gitignore").write_text(lines)
    assert ignored_migrations(source, source) == found


def test_what_a_worker_tells_is_what_the_check_sees_and_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {
        "default": {**DATABASE, "PORT": 5432, "PASSWORD": "hunter2"},
        "local": {"ENGINE": "backends.sqlite3", "NAME": tmp_path / "second" / "db.sqlite3", "OPTIONS": {"x": "hunter2"}},
        "whole": {"ENGINE": "postgresql", "NAME": "postgres://me:hunter2@elsewhere.example/x"},
        "empty": {},
    }
    (tmp_path / "first").mkdir()
    (tmp_path / "second").symlink_to("first")
    django, conf = ModuleType("django"), ModuleType("django.conf")
    conf.settings = SimpleNamespace(SETTINGS_MODULE="x", DEBUG=False, DATABASES=settings)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "django", django)
    monkeypatch.setitem(sys.modules, "django.conf", conf)
    worker: dict[str, Any] = {}
    configuration = "srv/_site_/etc/gunicorn.conf.py.j2"
    exec(render_template("gunicorn", configuration, gunicorn_site_name="shop", gunicorn_workers=2), worker)  # noqa: S102 (ours)
    worker["tell_settings"](tmp_path / "settings.json")
    told = json.loads((tmp_path / "settings.json").read_text())["databases"]
    checks = runpy.run_path(str(CHECKOUT / "roles/django/templates/srv/_site_/lib/release_checks.py"))
    assert told == {alias: checks["parts_of"](database) for alias, database in settings.items()}
    found = databases_of(told)
    assert list(found) == ["default", "local", "whole"]
    assert found["default"] == DATABASE
    assert found["local"]["NAME"] == str(tmp_path / "first" / "db.sqlite3")
    assert "hunter2" not in json.dumps(found)


class TestTheProbe:
    """What a worker told while its release was proved."""

    @pytest.fixture
    def instances(self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Instances:
        monkeypatch.setattr(instances_module, "UNITS", tmp_path / "units")
        monkeypatch.setattr(instances_module, "RUNTIME", tmp_path / "run")
        monkeypatch.setattr(Instances, "_must_start", lambda self, unit, instance: None)
        monkeypatch.setattr(Instances, "_await_answer", lambda self, unit, path, instance: None)
        monkeypatch.setattr(Instances, "_end_probe", lambda self, instance: None)
        monkeypatch.setattr(Instances, "tidy", lambda self, ready="": None)
        monkeypatch.setattr(Instances, "_failure", lambda self, unit, instance, what, detail="": Trouble(what))
        for folder in ("units", "etc", f"run/shop-{RELEASE}-probe", f"run/shop-{RELEASE}.2-probe"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "etc" / "gunicorn.conf.py").write_text(SETTINGS_FILE)
        (tmp_path / "units" / "shop-probe@.service").write_text(SETTINGS_FILE)
        (tmp_path / "etc" / "environment").write_text("")
        environment = {"DJANGO_SETTINGS_MODULE": "site_settings", "SITE_APPLICATION": "shop.wsgi:application"}
        (source.parent / "release.env").write_text(render(environment))
        return Instances(Site.at("shop", str(tmp_path)), HealthCheck(host="localhost", path="/", statuses=("200",), seconds=1))

    def tells(self, instances: Instances, instance: str = RELEASE, **told: object) -> None:
        (instances_module.RUNTIME / f"shop-{instance}-probe" / "settings.json").write_text(json.dumps(told))

    def test_a_release_with_the_settings_that_were_checked_passes(self, instances: Instances) -> None:
        self.tells(instances, module="site_settings", debug=False)
        instances.prove(RELEASE)

    def test_one_with_others_is_refused(self, instances: Instances) -> None:
        self.tells(instances, module="shop.settings", debug=True)
        with pytest.raises(Trouble, match=r"settings shop\.settings, and not with site_settings"):
            instances.prove(RELEASE)

    def test_one_with_debug_is_refused(self, instances: Instances) -> None:
        self.tells(instances, module="site_settings", debug=True)
        with pytest.raises(Trouble, match="DEBUG is on"):
            instances.prove(RELEASE)

    def test_other_settings_are_said_rather_than_the_bad_answer_that_they_give(
        self, instances: Instances, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def answers_badly(self: Instances, unit: str, path: str, instance: str) -> None:
            raise Trouble("answered 500")

        monkeypatch.setattr(Instances, "_await_answer", answers_badly)
        with pytest.raises(Trouble, match="answered 500"):
            instances.prove(RELEASE)
        self.tells(instances, module="shop.settings", debug=True)
        with pytest.raises(Trouble, match=r"settings shop\.settings"):
            instances.prove(RELEASE)

    def test_one_that_could_store_no_upload_is_refused(self, instances: Instances) -> None:
        self.tells(instances, module="site_settings", debug=False, media="/data/shop is read-only")
        with pytest.raises(Trouble, match=r"(?s)Uploads would fail.*/data/shop is read-only.*shop:www-data"):
            instances.prove(RELEASE)

    def test_one_with_another_database_than_was_checked_is_refused(self, instances: Instances) -> None:
        reports = {
            "ENGINE": "django.db.backends.mysql",
            "HOST": "reports.internal",
            "PORT": "",
            "NAME": "reports",
            "USER": "reader",
        }
        checked = {"default": DATABASE, "reports": reports}
        mark = instances.site.release(RELEASE) / "RELEASE.json"
        mark.write_text(json.dumps({"databases": checked}))
        self.tells(instances, module="site_settings", debug=False, databases=checked)
        instances.prove(RELEASE)
        for other, said in (
            ({"default": DATABASE}, "database reports is none; reports on reports.internal as reader was checked"),
            (
                {**checked, "reports": {**reports, "HOST": "staging.internal"}},
                "reports is reports on staging.internal as reader; reports on reports.internal as reader was checked",
            ),
            ({**checked, "more": DATABASE}, "more is shop on db.internal:5432 as shop; none was checked"),
        ):
            self.tells(instances, module="site_settings", debug=False, databases=other)
            with pytest.raises(Trouble, match=re.escape(said)):
                instances.prove(RELEASE)
        # Another environment makes other databases, and is no fault of the release's.
        later = mark.stat().st_mtime + 1
        os.utime(instances.site.environment_file, (later, later))
        instances.prove(RELEASE)

    def test_one_with_another_database_than_the_host_gives_is_refused(self, instances: Instances, source: Path) -> None:
        given = {"DATABASE_URL": "postgres://shop:of%40shop@db.internal:5432/shop"}
        instances.site.environment_file.write_text(render(given))
        known = {"DJANGO_SETTINGS_MODULE": "site_settings", "SITE_APPLICATION": "shop.wsgi:application"}
        (source.parent / "release.env").write_text(render({**known, "SITE_SETTINGS_MODULE": "shop.settings"}))
        self.tells(instances, module="site_settings", debug=False, databases={"default": DATABASE})
        instances.prove(RELEASE)
        for part, value in {"HOST": "staging.internal", "NAME": "other", "USER": "me", "PORT": "5433"}.items():
            self.tells(instances, module="site_settings", debug=False, databases={"default": {**DATABASE, part: value}})
            with pytest.raises(Trouble, match=r"shop on db\.internal:5432 as shop the host gives it") as refused:
                instances.prove(RELEASE)
            assert "of@shop" not in str(refused.value) and "shop.wsgi" in str(refused.value)
        # With settings of its own, the project decides.
        (source.parent / "release.env").write_text(render(known))
        instances.prove(RELEASE)

    def test_one_that_does_not_tell_is_refused(self, instances: Instances) -> None:
        with pytest.raises(Trouble, match="does not tell which settings it has"):
            instances.prove(RELEASE)

    def test_a_host_from_before_workers_told_proves_as_it_did(self, instances: Instances, tmp_path: Path) -> None:
        (tmp_path / "units" / "shop-probe@.service").write_text("")
        instances.prove(RELEASE)


def test_a_message_quotes_few_lines_of_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "environment").write_text("")
    (tmp_path / "releases" / RELEASE).mkdir(parents=True)
    (tmp_path / "releases" / RELEASE / "release.env").write_text("")
    monkeypatch.setattr(journal, "properties", lambda unit, *names: {})
    entry = "\n".join(f"line {number}" for number in range(100))
    monkeypatch.setattr(journal, "journal", lambda match, lines, hidden: f"{entry}\nValueError: the cause")
    instances = Instances(Site.at("shop", str(tmp_path)), HealthCheck(host="localhost", path="/", statuses=("200",), seconds=1))
    failure = instances._failure("shop@x.service", RELEASE, "does not start")
    assert len(failure.detail.splitlines()) == 15
    assert failure.detail.endswith("ValueError: the cause")
