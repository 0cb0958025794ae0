"""What settings say without being run: values, and the environment variables that they want."""

from __future__ import annotations

import os

import pytest
from ansible_collections.hotclub.django.plugins.action.inspect_project import GIVEN

from tests.unit.plugins.plugin_utils.inspection.conftest import Inspect


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ('import os\nTOKEN = os.environ["PAY_TOKEN"]', {"PAY_TOKEN": "{{ vault_site_pay_token }}"}),
        ('import os\nTOKEN = os.environ.get("PAY_TOKEN")', {}),
        ('from os import environ, getenv\nA = environ["A_NAME"]\nB = getenv("B_NAME", "b")', {"A_NAME": "CHANGE-ME"}),
        ('import os\nHOSTS = os.environ.get("WEB_HOSTS").split(",")', {"WEB_HOSTS": "CHANGE-ME"}),
        ('import os\nif "X_KEY" in os.environ:\n    X = os.environ["X_KEY"]', {}),
        ('import os\ntry:\n    X = os.environ["X_KEY"]\nexcept KeyError:\n    X = ""', {}),
        (
            'import os\ntry:\n    X = os.environ["X_ID"]\nexcept KeyError as error:\n    raise RuntimeError("x") from error',
            {"X_ID": "CHANGE-ME"},
        ),
        # The site gets DEBUG, which is False.
        ('import os\nif os.environ["DEBUG"] == "True":\n    X = os.environ["X_KEY"]', {}),
        ('import os\nDEBUG = int(os.environ.get("DEBUG", 1))', {"DEBUG": "0"}),
        ('import os\nDEBUG = bool(os.environ.get("DEBUG", default=0))', {"DEBUG": ""}),
        ('import os\nDEBUG = bool(int(os.environ.get("SHOP_DEBUG", "1")))', {"SHOP_DEBUG": "0"}),
        ('import os\nDEBUG = os.environ.get("SHOP_DEBUG", "yes") == "yes"', {"SHOP_DEBUG": "False"}),
        (
            'import environ\nenv = environ.Env(SHOP_LEVEL=(str, "high"))\n'
            'A = env("SHOP_LEVEL")\nB = env.bool("FLAG")\nC = env.str("C", "c")',
            {"FLAG": "CHANGE-ME"},
        ),
        (
            "import environ\nenv = environ.Env()\n"
            'DATABASES = {"default": env.db()}\nCACHES = {"default": env.cache("CACHES_URL")}',
            {"CACHES_URL": "CHANGE-ME"},
        ),
        ('from environs import Env\nenv = Env()\nwith env.prefixed("SHOP_"):\n    A = env("NAME")', {"SHOP_NAME": "CHANGE-ME"}),
        (
            'from decouple import config, Csv\nSECRET_KEY = config("KEY")\n'
            'ALLOWED_HOSTS = config("HOSTS", cast=Csv())\nX = config("X", default=1)',
            {"KEY": "${SECRET_KEY}", "HOSTS": "${ALLOWED_HOSTS}"},
        ),
        ('import dj_database_url\nDATABASES = {"default": dj_database_url.config()}', {}),
        (
            "from pydantic_settings import BaseSettings\n\n\nclass Config(BaseSettings):\n"
            "    model_config = {}\n    stripe_key: str\n    level: int = 3",
            {"STRIPE_KEY": "{{ vault_site_stripe_key }}"},
        ),
        (
            "import os\n\n\ndef need(name):\n    try:\n        return os.environ[name]\n"
            "    except KeyError:\n        raise ValueError(name)\n\n\n"
            'SECRET_KEY = need("APP_KEY")',
            {"APP_KEY": "${SECRET_KEY}"},
        ),
        (
            'import os\nDATABASES = {"default": {"NAME": os.environ["A"], "HOST": os.environ["B"]}}',
            {"A": "{{ site_database_name }}", "B": "{{ site_database_host }}"},
        ),
        ('import os\nALLOWED_HOSTS = os.environ["NAMES"].split(" ")', {"NAMES": "{{ site_names | join(' ') }}"}),
    ],
)
def test_variables_without_a_default_are_asked_for(inspected: Inspect, settings: str, wanted: dict[str, str]) -> None:
    assert inspected({"shop/settings.py": settings}).lines.get("site_env", {}) == wanted


def test_settings_are_followed_from_file_to_file(inspected: Inspect) -> None:
    found = inspected(
        {
            "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.production")\n',
            "shop/settings.py": None,
            "shop/settings/__init__.py": "",
            "shop/settings/production.py": "from .base import *\n"
            "from shop.env import env\nKEY = env('MORE')\nINSTALLED_APPS += ['channels']\n",
            "shop/settings/base.py": "from split_settings.tools import include\n"
            "INSTALLED_APPS = ['shop']\ninclude('parts/*.py')\n",
            "shop/settings/parts/static.py": "STATIC_URL = 'assets/'\n",
            "shop/env.py": "import environ\nenv = environ.Env()\n",
        }
    )

    assert found.lines["site_env"] == {"MORE": "CHANGE-ME"}
    assert found.lines["site_static_url"] == "/assets/"
    assert found.lines["site_interface"] == "asgi"


def test_settings_that_a_package_brings_are_named(inspected: Inspect) -> None:
    found = inspected({"manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "pretix.settings")\n'})

    assert "The source has no pretix.settings: it comes with a package" in found.text()


def test_classes_of_settings_are_refused(inspected: Inspect) -> None:
    found = inspected(
        {"shop/settings.py": "from configurations import Configuration\n\n\nclass Prod(Configuration):\n    DEBUG = False\n"}
    )

    assert "django-configurations" in found.stops[0].cause


def test_code_of_the_project_wants_variables_too(inspected: Inspect) -> None:
    found = inspected(
        {
            "shop/settings.py": "INSTALLED_APPS = ['orders']\nROOT_URLCONF = 'shop.urls'\n",
            "orders/api.py": "import os\n\nKEY = os.environ['MAPS_KEY']\n\n\ndef later():\n    return os.environ['NOT_NOW']\n",
            "scripts/deploy.py": "import os\n\nKEY = os.environ['DEPLOY_KEY']\n",
        }
    )

    assert list(found.lines["site_env"]) == ["MAPS_KEY"]
    assert "orders/api.py:3" in found.yaml()


def test_settings_used_alone_are_given_their_database(inspected: Inspect) -> None:
    settings = (
        "import os\nfrom pathlib import Path\n\nBASE_DIR = Path(__file__).parent.parent\n"
        'DATABASES = {"default": {"ENGINE": os.environ.get("SQL_ENGINE", "django.db.backends.sqlite3"), '
        '"NAME": os.environ.get("SQL_NAME", BASE_DIR / "db.sqlite3"), "PORT": os.environ.get("SQL_PORT", "5432")}}\n'
    )
    found = inspected({"shop/settings.py": settings}, site_settings_mode="project")

    assert found.lines == {"site_env": {"SQL_ENGINE": "django.db.backends.postgresql", "SQL_NAME": "{{ site_database_name }}"}}
    assert found.stops == []
    assert inspected().lines == {}


def test_variables_that_a_function_names_are_told_as_far_as_one_sees(inspected: Inspect) -> None:
    read = 'import os\n\n\ndef get(name):\n    return os.environ.get("SHOP_" + name)\n\n\nHOST = get("HOST")\n'

    assert "by names that get() makes of HOST" in inspected({"shop/settings.py": read}).text()


@pytest.mark.parametrize(
    "settings",
    [
        'A = os.environ["A1"]\nB = os.environ.get("B1", "x")\nC = os.getenv("C1")',
        'DEBUG = int(os.environ.get("DEBUG", 0))\nHOSTS = os.environ.get("HOSTS").split(" ")',
        'PORT = int(os.environ["PORT_1"])\nTTL = int(os.environ.get("TTL", "60"))\nMORE = int(os.environ.get("MORE"))',
        'if os.environ["DEBUG"] == "True":\n    X = os.environ["DEV"]\nelse:\n    X = os.environ["PROD"]',
        'if "X1" in os.environ:\n    X = os.environ["X1"]\nX = os.environ["Y1"] if os.environ.get("Z1") else ""',
        'try:\n    X = os.environ["T1"]\nexcept KeyError:\n    X = os.environ.get("T2", "a").upper()',
        'D = {"a": {"b": os.environ["D1"]}}\nE = [f"{os.environ[\'E1\']}/x", *os.environ["E2"].split(",")]',
        'def need(name):\n    return os.environ[name]\n\n\nA, B = need("N1"), os.environ.get("N2") or os.environ["N3"]',
        'with open(os.devnull) as f:\n    A = os.environ["W1"]\nassert os.environ["W2"]\nA += os.environ["W3"]',
    ],
)
def test_python_itself_wants_the_same_variables(inspected: Inspect, monkeypatch: pytest.MonkeyPatch, settings: str) -> None:
    lines = inspected({"shop/settings.py": f"import os\n\n{settings}\n"}).lines.get("site_env", {})
    known = {**dict.fromkeys(GIVEN, "x"), "DEBUG": "False"}
    values = {name: value if name == "DEBUG" else "1" for name, value in lines.items()}

    def run(environment: dict[str, str]) -> None:
        monkeypatch.setattr(os, "environ", environment)
        monkeypatch.setattr(os, "getenv", environment.get)
        exec(compile(settings, "settings", "exec"), {"os": os})  # noqa: S102 - the lines above

    run({**known, **values})
    for name in values:
        with pytest.raises((KeyError, AttributeError, TypeError, ValueError)):
            run({**known, **{other: value for other, value in values.items() if other != name}})
