# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Debian packages Python packages are built with, besides a compiler."""

from __future__ import annotations

from collections.abc import Mapping

COMPILER = ("build-essential", "python3-dev")
# Names are such that Debian 12 and 13 both have as a package of its own.
BUILT_WITH: Mapping[str, tuple[str, ...]] = {
    "psycopg2": ("libpq-dev",),
    "psycopg-c": ("libpq-dev",),
    "psycopg2-binary": ("libpq-dev",),
    "mysqlclient": ("default-libmysqlclient-dev", "pkg-config"),
    "django-auth-ldap": ("libldap-dev", "libsasl2-dev"),
    "psycopg2cffi": ("libpq-dev", "libffi-dev"),
    "python-ldap": ("libldap-dev", "libsasl2-dev"),
    "pycairo": ("libcairo2-dev", "pkg-config"),
    "pygobject": ("libcairo2-dev", "libgirepository1.0-dev", "pkg-config"),
    "pygraphviz": ("libgraphviz-dev",),
    "pyicu": ("libicu-dev", "pkg-config"),
    "gssapi": ("libkrb5-dev",),
    "kerberos": ("libkrb5-dev",),
    "pykerberos": ("libkrb5-dev",),
    "gdal": ("libgdal-dev",),
    "rrdtool": ("librrd-dev",),
    "dbus-python": ("libdbus-1-dev", "pkg-config"),
    "systemd-python": ("libsystemd-dev", "pkg-config"),
    "pylibmc": ("libmemcached-dev", "zlib1g-dev"),
    "xmlsec": ("libxml2-dev", "libxmlsec1-dev", "pkg-config"),
    "lxml": ("libxml2-dev", "libxslt1-dev"),
    "pillow": ("libfreetype-dev", "libjpeg-dev", "zlib1g-dev"),
    "cffi": ("libffi-dev",),
    "cryptography": ("libssl-dev", "cargo"),
    "pyodbc": ("unixodbc-dev",),
    "django-mssql-backend": ("unixodbc-dev",),
    "mssql-django": ("unixodbc-dev",),
}
