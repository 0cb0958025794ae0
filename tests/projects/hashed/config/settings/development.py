"""A developer's machine: nothing to set up."""

from config.settings.base import *  # noqa: F403
from config.settings.base import BASE_DIR

SECRET_KEY = "only for development"
DEBUG = True
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
