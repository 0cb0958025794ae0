# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which Debian packages Python packages need: while they are built, and while they run.

Names are such that Debian 12 and 13 both have as a package of its own, since a run would never find one installed that another
package only provides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.hotclub.django.plugins.module_utils.release.native import BUILT_WITH, COMPILER
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.packages import Package, numbers


@dataclass(frozen=True)
class Row:
    """What a Python package needs.

    :param run: Debian packages of the running site.
    :param compiled: it is always compiled on the host, since no file for Linux is published.
    :param wheels: from which version on there are files for Linux, by the version of Python.
    """

    run: tuple[str, ...] = ()
    compiled: bool = False
    wheels: Mapping[str, str] | None = None


ROWS: Mapping[str, Row] = {
    "psycopg2": Row(compiled=True),
    "psycopg-c": Row(compiled=True),
    "psycopg2-binary": Row(wheels={"3.11": "2.9.5", "3.12": "2.9.8", "3.13": "2.9.10"}),
    "mysqlclient": Row(compiled=True),
    "django-auth-ldap": Row(compiled=True),
    "psycopg2cffi": Row(compiled=True),
    "python-ldap": Row(compiled=True),
    "pycairo": Row(compiled=True),
    "pygobject": Row(compiled=True),
    "pygraphviz": Row(compiled=True),
    "pyicu": Row(compiled=True),
    "gssapi": Row(compiled=True),
    "kerberos": Row(compiled=True),
    "pykerberos": Row(compiled=True),
    "gdal": Row(run=("gdal-bin",), compiled=True),
    "rrdtool": Row(compiled=True),
    "netifaces": Row(compiled=True),
    "uwsgi": Row(compiled=True),
    "dbus-python": Row(compiled=True),
    "systemd-python": Row(compiled=True),
    "pylibmc": Row(compiled=True),
    "lxml": Row(wheels={"3.11": "4.9.2", "3.12": "4.9.3", "3.13": "5.3.0"}),
    "pillow": Row(wheels={"3.11": "9.3.0", "3.12": "10.1.0", "3.13": "10.4.0"}),
    "cffi": Row(wheels={"3.11": "1.15.1", "3.12": "1.16.0", "3.13": "1.17.0"}),
    "pyyaml": Row(wheels={"3.11": "6.0", "3.12": "6.0.1", "3.13": "6.0.2"}),
    # Pure Python, and of no use without a library or a program.
    "weasyprint": Row(run=("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")),
    "django-renderpdf": Row(run=("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")),
    "django-weasyprint": Row(run=("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")),
    "cairosvg": Row(run=("libcairo2",)),
    "cairocffi": Row(run=("libcairo2",)),
    # The package file brings libmagic, which each release of Debian names otherwise.
    "python-magic": Row(run=("file",)),
    "pysaml2": Row(run=("xmlsec1",)),
    "djangosaml2": Row(run=("xmlsec1",)),
    "pyodbc": Row(run=("unixodbc",)),
    "django-mssql-backend": Row(run=("unixodbc",)),
    "mssql-django": Row(run=("unixodbc",)),
    "pdf2image": Row(run=("poppler-utils",)),
    "pytesseract": Row(run=("tesseract-ocr",)),
    "ocrmypdf": Row(run=("ghostscript", "tesseract-ocr")),
    "pyzbar": Row(run=("zbar-tools",)),
    "pypandoc": Row(run=("pandoc",)),
    "wand": Row(run=("imagemagick",)),
    "ffmpeg-python": Row(run=("ffmpeg",)),
    "pydub": Row(run=("ffmpeg",)),
    "moviepy": Row(run=("ffmpeg",)),
    "django-video-encoding": Row(run=("ffmpeg",)),
    "opencv-python": Row(run=("libgl1", "libglib2.0-bin")),
    "pyvips": Row(run=("libvips-tools",)),
    "graphviz": Row(run=("graphviz",)),
    "pydot": Row(run=("graphviz",)),
    "pyexiftool": Row(run=("libimage-exiftool-perl",)),
    "python-gnupg": Row(run=("gnupg",)),
    "gitpython": Row(run=("git",)),
    "pyenchant": Row(run=("libenchant-2-2",)),
}
# Extras of which libpq comes with the package; without any, it must be there.
PSYCOPG_COMPLETE = {"binary", "c"}


@dataclass(frozen=True)
class Need:
    """What a package of a project needs.

    :param why: the package, with its version where that is the reason.
    """

    why: str
    run: tuple[str, ...] = ()
    build: tuple[str, ...] = ()


def needs(packages: Mapping[str, Package], pythons: Mapping[str, str]) -> list[Need]:
    """Return what packages need of Debian.

    :param packages: what the project asks for.
    :param pythons: the versions of Python that may run it, by where they are.
    """
    found = [need for package in packages.values() if (need := _need(package, pythons))]
    psycopg = packages.get("psycopg")
    if psycopg is not None and not (PSYCOPG_COMPLETE & psycopg.extras or {"psycopg-binary", "psycopg-c"} & packages.keys()):
        found.append(Need("psycopg without [binary]", run=("libpq5",)))
    if psycopg is not None and "c" in psycopg.extras and "psycopg-c" not in packages:
        found.append(Need("psycopg[c]", build=(*COMPILER, "libpq-dev")))
    return found


def _need(package: Package, pythons: Mapping[str, str]) -> Need | None:
    row = ROWS.get(package.name, Row())
    without = [version for version in pythons.values() if not has_wheel(package, row, version)]
    if row.compiled or without:
        since = (row.wheels or {}).get(without[0], "") if without else ""
        reason = f", not published for Python {' and '.join(without)}{f' before {since}' if since else ''}" if without else ""
        return Need(f"{package.name} {package.version}".strip() + reason, row.run, (*COMPILER, *BUILT_WITH.get(package.name, ())))
    return Need(package.name, row.run) if row.run else None


def has_wheel(package: Package, row: Row, python: str) -> bool:
    """Say whether a package need not be compiled, as far as one can see."""
    wheels = [file for file in package.files if file.split("#")[0].split("?")[0].endswith(".whl")]
    if wheels:
        return any(fits(wheel, python) for wheel in wheels)
    since = (row.wheels or {}).get(python)
    if package.version and since:
        return numbers(package.version) >= numbers(since)
    return True


def fits(wheel: str, python: str) -> bool:
    """Say whether a wheel can be installed on Linux by a version of Python, going by the file's name."""
    parts = wheel.rpartition("/")[2].removesuffix(".whl").split("-")
    if len(parts) < 5:
        return True
    interpreters, abis, platforms = parts[-3].split("."), parts[-2].split("."), parts[-1]
    if platforms != "any" and not ("linux" in platforms and "musl" not in platforms.split(".")[0]):
        return False
    major, minor = numbers(python)[:2]
    for interpreter in interpreters:
        if interpreter in ("py3", f"py{major}{minor}", f"cp{major}{minor}"):
            return True
        of = interpreter.removeprefix(f"cp{major}")
        if "abi3" in abis and of.isdigit() and int(of) <= minor:
            return True
    return False
