"""The server: each value from a variable of our own naming."""

import os

from config.settings.base import *  # noqa: F403

SECRET_KEY = os.environ["APP_SECRET"]
ALLOWED_HOSTS = os.environ["APP_HOSTS"].split(",")
STATIC_ROOT = os.environ["APP_ASSETS_DIR"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DB_HOST"],
        "PORT": os.environ.get("DB_PORT", "5432"),
        "NAME": os.environ["DB_NAME"],
        "USER": os.environ["DB_USER"],
        "PASSWORD": os.environ["DB_PASSWORD"],
        "CONN_MAX_AGE": int(os.environ.get("DB_KEEP_SECONDS", "600")),
        "CONN_HEALTH_CHECKS": True,
    }
}
