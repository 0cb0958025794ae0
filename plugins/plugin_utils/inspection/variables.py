# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The environment variables that a project wants, and what the inventory would say of each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.code import UNREADABLE, own_files, parsed
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.looking import Look, host_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.values import Read, text_of
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import SECRET_NAME

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# By the setting that a variable becomes.
SETTINGS = {
    "SECRET_KEY": "${SECRET_KEY}",
    "DEBUG": "False",
    "ALLOWED_HOSTS": "${ALLOWED_HOSTS}",
    "CSRF_TRUSTED_ORIGINS": "${CSRF_TRUSTED_ORIGINS}",
    "STATIC_ROOT": "${STATIC_ROOT}",
    "MEDIA_ROOT": "${MEDIA_ROOT}",
    "EMAIL_HOST": "{{ site_mail_host }}",
    "EMAIL_PORT": "{{ site_mail_port }}",
    "EMAIL_HOST_USER": "{{ site_mail_user }}",
    "EMAIL_HOST_PASSWORD": "{{ site_mail_password }}",
    "DEFAULT_FROM_EMAIL": "{{ site_mail_from }}",
    "SERVER_EMAIL": "{{ site_mail_from }}",
}
DATABASE = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": "{{ site_database_name }}",
    "USER": "{{ site_database_login }}",
    "PASSWORD": "{{ site_database_password }}",
    "HOST": "{{ site_database_host }}",
    "PORT": "{{ site_database_port }}",
}
# By the variable's own name.
NAMES = {
    r"DATABASE_URL|(POSTGRES\w*|PG|DB)_?(URL|DSN)": "${DATABASE_URL}",
    r"(\w+_)?SECRET_KEY": "${SECRET_KEY}",
    r"(\w+_)?ALLOWED_HOSTS": "${ALLOWED_HOSTS}",
    r"(\w+_)?(CSRF_)?TRUSTED_ORIGINS": "${CSRF_TRUSTED_ORIGINS}",
    r"(\w+_)?DEBUG": "False",
    r"(POSTGRES|PG|DB|DATABASE)_?(DB|NAME|DATABASE)": DATABASE["NAME"],
    r"(POSTGRES|PG|DB|DATABASE)_?(USER|USERNAME|LOGIN)": DATABASE["USER"],
    r"(POSTGRES|PG|DB|DATABASE)_?(PASSWORD|PASS|PW|PWD)": DATABASE["PASSWORD"],
    r"(POSTGRES|PG|DB|DATABASE)_?(HOST|SERVER|HOSTNAME)": DATABASE["HOST"],
    r"(POSTGRES|PG|DB|DATABASE)_?PORT": DATABASE["PORT"],
    r"(\w+_)?REDIS\w*_?HOST(NAME)?": "127.0.0.1",
    r"(\w+_)?REDIS\w*_?PORT": "6379",
    r"(\w+_)?(REDIS|VALKEY)\w*_?(URL|URI|DSN|LOCATION)|CACHE_URL|(\w+_)?BROKER_URL|CELERY_RESULT_BACKEND": "redis://127.0.0.1:6379/0",
    r"(SITE|BASE|PUBLIC|FRONTEND|BACKEND|APP|SERVER)_(URL|ORIGIN|ADDRESS)": "https://{{ site_domain }}",
    r"(SITE|BASE|APP|PUBLIC)?_?(DOMAIN|HOSTNAME)(_NAME)?": "{{ site_domain }}",
}
# Servers that a container finds by its neighbour's name, and a host doesn't.
NEIGHBOURS = ("redis", "rediss", "valkey", "amqp", "pyamqp", "rediscache", "memcache", "pymemcache")
HERE = {"localhost", "127.0.0.1", "::1", "[::1]"}
OPEN = "CHANGE-ME"
SHOWN = 15
POSTGRESQL_PORT = "5432"


def judge(look: Look) -> None:
    """Say which variables are read, and which of them the inventory has to give."""
    reads = {name: read for name, read in look.settings.reads.items() if NAME.fullmatch(name)}
    given = {*look.wanted.given, *look.committed, "STATIC_ROOT", "DJANGO_SETTINGS_MODULE", "PATH", "HOME", "USER", "LANG"}
    for name, read in reads.items():
        value = wanted_value(look, read, given)
        if value is not None:
            look.report.variable(name, value, reason(read) if name not in given else misread(read))
    _elsewhere(look, reads, given)
    optional = sorted(name for name, read in reads.items() if not read.needed and name not in given)
    if optional:
        more = f" and {len(optional) - SHOWN} more" if len(optional) > SHOWN else ""
        look.report.fact("variables", f"with a default, or not always read: {', '.join(optional[:SHOWN])}{more}")
    for function, names in look.settings.asked.items():
        look.report.fact("variables", f"by names that {function}() makes of {', '.join(names[:SHOWN])}")
    ours = sorted(name for name in reads if name in look.wanted.given)
    if ours:
        look.report.fact("variables", f"that it gets: {', '.join(ours)}")


def wanted_value(look: Look, read: Read, given: set[str]) -> str | None:
    """Return what the inventory would say of a variable; None where it need not say anything."""
    if read.name in given:
        # What Python takes for true, or for no number, is not what is meant.
        return off(read) if read.name == "DEBUG" and off(read) != "False" else None
    value = proposal(look, read)
    if read.needed:
        return value
    settings = {path[0] for path in read.paths}
    if "DEBUG" in settings and read.default not in (None, False, 0, "", "False", "false", "0"):
        return off(read)
    default = text_of(read.default)
    if host_of(default) not in {"", *HERE} and "." not in host_of(default) and default.partition("://")[0] in NEIGHBOURS:
        return re.sub(rf"(//|@){re.escape(host_of(default))}", r"\g<1>127.0.0.1", default)
    # What the layer doesn't see to, the project does, by a variable of another name.
    is_ours = value.startswith(("${", "{{ site_")) or value == DATABASE["ENGINE"]
    if not look.wanted.layered and is_ours and str(read.default) not in (POSTGRESQL_PORT, DATABASE["ENGINE"]):
        return value
    return None


def off(read: Read) -> str:
    """Return what turns something off, by the way in which a variable is read."""
    if read.number:
        return "0"
    return "" if read.truth else "False"


def proposal(look: Look, read: Read) -> str:
    """Return what a variable would be, as far as its setting or its name says it."""
    for path in read.paths:
        if path[:2] == ("DATABASES", "default"):
            return DATABASE.get(path[2], OPEN) if len(path) > 2 else "${DATABASE_URL}"
        if len(path) == 1 and path[0] in SETTINGS:
            if read.split.strip() == "" and read.split and path[0] == "ALLOWED_HOSTS":
                return "{{ site_names | join(' ') }}"
            return off(read) if path[0] == "DEBUG" else SETTINGS[path[0]]
    for pattern, value in NAMES.items():
        if re.fullmatch(pattern, read.name, re.IGNORECASE):
            return off(read) if value == "False" else value
    if SECRET_NAME.search(read.name):
        site = re.sub(r"\W", "_", look.wanted.text("site_name", "site"))
        return f"{{{{ vault_{site}_{read.name.lower()} }}}}"
    return OPEN


def reason(read: Read) -> str:
    """Say where a variable is read, and whether it has a default."""
    if read.needed:
        return read.places[0]
    # What is a secret in the project's code is one here, too.
    default = "hidden" if SECRET_NAME.search(read.name) else text_of(read.default) or read.default
    return f"{read.places[0]}, where its default is {default}"


def misread(read: Read) -> str:
    """Say why a variable that every site gets is not enough."""
    return f"{read.places[0]}, where False is {'no number' if read.number else 'taken for true, as any text'}"


def _elsewhere(look: Look, reads: dict[str, Read], given: set[str]) -> None:
    """Add what other files of the project read as they are imported."""
    seen = {path.resolve() for path in look.settings.files}
    beside = {path.parent for path in seen if look.module.count(".") > 1}
    for path in own_files(look.top):
        resolved = path.resolve()
        if resolved in seen or resolved.parent in beside or not is_imported(look, path):
            continue
        for name, number in imported_reads(path):
            if NAME.fullmatch(name) and name not in given and name not in reads:
                read = Read(name, needed=True, places=[f"{look.shown(path)}:{number}"])
                reads[name] = read
                look.report.variable(name, proposal(look, read), reason(read))


def is_imported(look: Look, path: Path) -> bool:
    """Say whether a file belongs to what a running site imports, as far as one can see."""
    packages = {app.partition(".")[0] for app in [*look.apps, look.module, look.settings.text("ROOT_URLCONF")]}
    folder = look.project if path.is_relative_to(look.project) else look.top
    parts = path.relative_to(folder).parts
    return parts[0] in packages and not {"commands", "migrations", "settings"} & set(parts)


def imported_reads(path: Path) -> list[tuple[str, int]]:
    """Return the variables, and their lines, without which a file can't be imported."""
    try:
        if b"environ" not in path.read_bytes():
            return []
        always = [each for each in parsed(path).body if not isinstance(each, (ast.If, ast.Try))]
        return [found for statement in always for found in _needed(statement)]
    except UNREADABLE:
        return []


def _needed(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield what is read where a statement is executed, functions in it left out."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return
        case ast.Subscript(
            value=ast.Attribute(value=ast.Name(id="os"), attr="environ"), slice=ast.Constant(value=str(name)), ctx=ast.Load()
        ):
            yield name, node.lineno
    for child in ast.iter_child_nodes(node):
        yield from _needed(child)
