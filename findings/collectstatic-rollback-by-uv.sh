#!/bin/sh
# A rollback whose packages come from uv's cache leaves the static files of the newer release in place.
#
# What:      Django 5.2.19's collectstatic with packages that uv 0.13.9 installs. uv links files from its cache, so they carry the time
#            at which the cache first met that version. collectstatic copies only what is newer than the copy it made before. Back at
#            the older version, everything is older than that: "0 static files copied", and STATIC_ROOT keeps the stylesheets and
#            scripts of the newer one beside the old code. pip writes its files anew, and the same rollback by pip works.
# Expected:  after collectstatic, what is served is what is installed. Django documents that times of modification are compared;
#            uv documents that it links from its cache; neither says what becomes of the two together.
# Hurt:      rollbacks with a STATIC_ROOT that lives on, when they are needed most: the admin, an editor or a date picker runs new
#            scripts against old templates, while the release is the right one. Likewise an upgrade of one site to a version that
#            another site on the machine had before it.
# Instead:   collect into an empty folder for each release, or `collectstatic --clear`; UV_LINK_MODE=copy, which gives files the time
#            of the installation; or names with a hash (ManifestStaticFilesStorage).
. "$(dirname "$0")/common.sh"
begin 10
install uv==0.13.9
export UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR="$WORK/cache"

cat >manage.py <<'CODE'
import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    INSTALLED_APPS=["django.contrib.staticfiles", "debug_toolbar"], STATIC_ROOT=os.environ["STATIC_ROOT"], STATIC_URL="/static/"
)
execute_from_command_line(sys.argv)
CODE
cat >compare.py <<'CODE'
"""Tell whether each file that the package brings is what visitors get."""

import importlib.metadata, os, pathlib

import debug_toolbar

package = pathlib.Path(debug_toolbar.__file__).parent / "static"
files = [path.relative_to(package) for path in package.rglob("*") if path.is_file()]
other = [path.name for path in files if (package / path).read_bytes() != pathlib.Path(os.environ["STATIC_ROOT"], path).read_bytes()]
print("installed:", importlib.metadata.version("django-debug-toolbar"))
print("served from another version:", *sorted(other) or ["nothing"])
CODE
deploy() {
    tool=$1
    case $tool in
        uv*) uv pip install --quiet --python "site-$tool/bin/python" "Django==5.2.19" "django-debug-toolbar==$2" ;;
        pip) site-pip/bin/python -m pip install -qq --disable-pip-version-check "Django==5.2.19" "django-debug-toolbar==$2" ;;
    esac
    export STATIC_ROOT="$WORK/static-$tool"
    "site-$tool/bin/python" manage.py collectstatic --no-input
    "site-$tool/bin/python" compare.py
    # Django compares whole seconds.
    sleep 2
}

for tool in uv pip uv-copy; do
    [ $tool != uv-copy ] || export UV_LINK_MODE=copy
    python -m venv "site-$tool"
    observe first-by-$tool deploy $tool 6.0.0
    is first-by-$tool '^served from another version: nothing$'
    observe upgrade-by-$tool deploy $tool 6.1.0
    is upgrade-by-$tool '^installed: 6.1.0$'
    is upgrade-by-$tool '^served from another version: nothing$'
    observe rollback-by-$tool deploy $tool 6.0.0
    is rollback-by-$tool '^installed: 6.0.0$'
    is rollback-by-$tool '^exit status 0$'
done
is rollback-by-uv '^0 static files copied'
is rollback-by-uv '^served from another version: .*toolbar.css'
is rollback-by-pip '^served from another version: nothing$'
is rollback-by-uv-copy '^served from another version: nothing$'
finish
