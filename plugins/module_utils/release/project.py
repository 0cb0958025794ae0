# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looking at a Django project from outside (its files) and from inside (its own interpreter)."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, REDACTED, Outcome, redact, run
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import secrets
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
ASSIGNED = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*\]\s*=[^=]""")
FOR_DEVELOPMENT = {"debug", "dev", "develop", "development", "local"}
FOR_PRODUCTION = ("production", "prod", "live", "deploy")
ANSWER = "hotclub-answer:"
SKIPPED_FOLDERS = {"node_modules", "tests", "test", "docs", "examples", "venv", "env", "site-packages"}
DEPTH = 3
# In the environment, leads what serves to a pool: roles/django/templates/srv/_site_/lib/site_settings.py.
POOL = "SITE_DATABASE_POOL"
# What Django has where nothing names a database.
NO_ENGINE = "django.db.backends.dummy"


def folder(source: Path, named: str) -> Path:
    """Return the folder of the project's ``manage.py``.

    :param source: top of the source.
    :param named: the folder that the operator names, relative to the source; empty to look.
    :raises Trouble: there is none, or several.
    """
    if named:
        path = source / named
        if not (path / "manage.py").is_file():
            raise Trouble(f"The source has no {named}/manage.py.", "Set site_project_path to the folder that holds manage.py.")
        return path
    found = folders(source)
    if (source in found) or len(found) == 1:
        return found[0]
    if not found:
        raise Trouble(
            "The source has no manage.py that names a settings module.",
            "Set site_project_path to the folder that holds manage.py, and site_settings_module to the settings' dotted name.",
        )
    names = ", ".join(str(path.relative_to(source)) for path in found)
    raise Trouble(f"The source has several projects: {names}.", "Set site_project_path to the one to serve.")


def folders(source: Path) -> list[Path]:
    """Return the folders of a source that have a ``manage.py`` which names a settings module, the uppermost first."""
    found = []
    for top, directories, files in os.walk(source):
        depth = len(Path(top).relative_to(source).parts)
        directories[:] = (
            sorted(name for name in directories if name not in SKIPPED_FOLDERS and not name.startswith("."))
            if depth < DEPTH
            else []
        )
        if "manage.py" in files and SETTINGS.search((Path(top) / "manage.py").read_text(errors="replace")):
            found.append(Path(top))
    return found


def settings_module(project: Path, named: str) -> str:
    """Return the dotted name of the project's own settings.

    :raises Trouble: ``manage.py`` doesn't say it, or says one for development where there is one for production, and neither does
        the operator.
    """
    if named:
        return named
    found = SETTINGS.search((project / "manage.py").read_text(errors="replace"))
    if not found:
        raise Trouble(
            "manage.py names no settings module.", "Set site_settings_module to the dotted name of the project's settings."
        )
    module = found.group(1)
    if production := production_beside(project, module):
        raise Trouble(
            f"manage.py names {module}, which is for development, and there is {production} beside it. Nothing was changed.",
            f"Set site_settings_module: {production}; or to {module}, if that is what is to serve.",
        )
    return module


def production_beside(project: Path, module: str) -> str:
    """Return the settings for production that lie beside those for development; empty where there are none."""
    package, _dot, name = module.rpartition(".")
    if name not in FOR_DEVELOPMENT:
        return ""
    folder = project.joinpath(*package.split("."))
    there = next((other for other in FOR_PRODUCTION if (folder / f"{other}.py").is_file()), "")
    return f"{package}.{there}" if there else ""


def is_importable(settings: str, folders: Sequence[Path]) -> bool:
    """Say whether settings can be imported from one of these folders as they lie there."""
    top = settings.partition(".")[0]
    return any((folder / top).is_dir() or (folder / f"{top}.py").is_file() for folder in folders)


def refuse_other_settings(source: Path, application: str, checked: str, served: str, debug: bool) -> None:
    """Refuse a project that serves with other settings than those that were checked, or with DEBUG on.

    :param source: top of the source.
    :param application: the callable to serve, as gunicorn writes it.
    :param checked: dotted name of the settings that were checked.
    :param served: dotted name of those with which the application runs.
    :param debug: whether DEBUG is on in them.
    :raises Trouble: it would; the message names the line that is to blame.
    """
    if served != checked:
        place = _assignment(source, application)
        raise Trouble(
            f"Served by {application}, the project runs with the settings {served or 'that it makes itself'}, "
            f"and not with {checked}, which were checked.",
            f'{place} Write os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{served or "..."}") there, push, and deploy again.',
        )
    if debug:
        raise Trouble(
            f"DEBUG is on in {checked}: visitors would see the project's code and settings on every error.",
            "Write DEBUG = False there, push, and deploy again; or set site_settings_mode to layered, which sees to it.",
        )


def databases_of(told: Any) -> dict[str, dict[str, str]]:
    """Return which databases a project has, by name, as they can be compared and shown.

    :param told: what its settings say of each, by the names of Django's settings.
    """
    found = {}
    for alias, database in dict(told).items():
        parts = {str(part): str(value) for part, value in database.items()}
        engine, name = parts.get("ENGINE", ""), parts.get("NAME", "")
        if engine.endswith(("sqlite3", "spatialite")) and name.startswith("/"):
            # An instance may have a second name for the folder of its release.
            parts["NAME"] = os.path.realpath(name)
        elif "://" in name or "password" in name:
            # PostgreSQL takes a whole address there.
            parts["NAME"] = REDACTED
        if engine not in ("", NO_ENGINE):
            found[str(alias)] = parts
    return found


def more_databases(databases: Mapping[str, Mapping[str, str]], counted: int) -> Iterator[str]:
    """Say that more databases are on the server of the default one than its connections were counted for, where it is so."""
    place = {alias: (database.get("HOST"), database.get("PORT") or "5432") for alias, database in databases.items()}
    there = sorted(alias for alias in place if place[alias] == place.get("default") and "postg" in databases[alias]["ENGINE"])
    if len(there) > counted:
        yield (
            f"The project has {len(there)} databases on one server ({', '.join(there)}), to each of which every thread keeps a "
            f"connection; {counted} was counted there. Set site_database_count: {len(there)} and run playbooks/site.yml."
        )


def given_database(environment: Mapping[str, str]) -> dict[str, str] | None:
    """Return the default database that the host gives a release; None where the project's own settings say which it is."""
    if "SITE_SETTINGS_MODULE" not in environment or "DATABASE_URL" not in environment:
        return None
    url = urlsplit(environment["DATABASE_URL"])
    parts = {"HOST": url.hostname, "PORT": url.port, "NAME": url.path[1:], "USER": url.username}
    return {part: unquote(str(value or "")) for part, value in parts.items()}


def behind_pool(databases: Mapping[str, Mapping[str, str]], environment: Mapping[str, str]) -> Mapping[str, Mapping[str, str]]:
    """Return databases with that behind the host's pool in place of the pool, which alone leads to it.

    :param databases: those of an instance, by name.
    :param environment: what the host gives it.
    """
    default, given = databases.get("default", {}), given_database(environment)
    if not given or not default.get("HOST") or default["HOST"] != environment.get(POOL):
        return databases
    return {**databases, "default": {**default, **{part: given[part] for part in ("HOST", "PORT", "USER")}}}


def ignores_pools(root: str | Path) -> bool:
    """Say whether a site serves a release that was built before pools were known, and goes straight to the server.

    :param root: the site's folder.
    """
    release = Path(root) / "current"
    if not release.exists():
        return False
    layer = release / "lib" / "site_settings.py"
    return not layer.is_file() or POOL not in layer.read_text(encoding="utf-8")


def refuse_other_databases(
    application: str,
    served: Mapping[str, Mapping[str, str]],
    checked: Mapping[str, Mapping[str, str]] | None,
    given: Mapping[str, str] | None,
) -> None:
    """Refuse a project that serves with another database than the host has given it, or than was checked.

    :param application: the callable to serve, as gunicorn writes it.
    :param served: its databases by name, as it is served.
    :param checked: as they were checked; None where what they are made of has changed since.
    :param given: the default one that the host gives it; None where it decides for itself.
    :raises Trouble: it would.
    """
    wanted: list[tuple[str, Mapping[str, str], str]] = [("default", given, "the host gives it")] if given else []
    wanted += (
        [(alias, checked.get(alias, {}), "was checked") for alias in sorted({*checked, *served})] if checked is not None else []
    )
    for alias, expected, whence in wanted:
        found = served.get(alias, {})
        if any(found.get(part, "") != expected.get(part, "") for part in {*expected} or {*found}):
            raise Trouble(
                f"Served by {application}, the project's database {alias} is {_spoken(found)}; {_spoken(expected)} {whence}.",
                f"See what {application.partition(':')[0]} and all that it imports do to DATABASES or the environment, such as "
                "loading a .env file over it; take that out, push, and deploy again.",
            )


def _spoken(database: Mapping[str, str]) -> str:
    """Say which database it is."""
    if not database:
        return "none"
    place = ":".join(filter(None, (database.get("HOST"), database.get("PORT")))) or "this host"
    user = f" as {database['USER']}" if database.get("USER") else ""
    return f"{database.get('NAME') or 'one without a name'} on {place}{user}"


def _assignment(source: Path, application: str) -> str:
    """Say which line of the source assigns a settings module whatever the environment says."""
    named = Path(*application.partition(":")[0].split(".")).with_suffix(".py")
    files = sorted(source.rglob("*.py"), key=lambda path: (not str(path).endswith(f"/{named}"), path))
    for path in files:
        if SKIPPED_FOLDERS.isdisjoint(path.relative_to(source).parts) and path.is_file() and (said := assigned_in(path, source)):
            return said
    return f"Something that {named} imports overrules what the host has set."


def assigned_in(path: Path, source: Path) -> str:
    """Say which line of a file assigns a settings module whatever the environment says; empty where none does."""
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        if ASSIGNED.search(line):
            return f"{path.relative_to(source)}:{number} says `{line.strip()}`, which overrules what the host has set."
    return ""


def is_elsewhere(theirs: str, ours: str) -> bool:
    """Say whether visitors would ask for files where the web server doesn't look.

    :param theirs: the address below which the project has them.
    :param ours: that of the web server; empty where it has none and asks the project.
    """
    # A full address is somebody else's server: an object store, or a network for content delivery.
    return theirs.startswith("/") and theirs != "/" and ours != "" and theirs.strip("/") != ours.strip("/")


def not_migrated(alias: str) -> str:
    """Return what is said of a database of which nobody knows whether it gets migrations."""
    return (
        f"The database {alias} of the project's settings gets no migrations, since none of its DATABASE_ROUTERS says what is "
        "made there. Where this project makes its tables, let allow_migrate return True for them; where nobody does, False for "
        f'"{alias}"; where it copies another one, write its name as DATABASES["{alias}"]["TEST"]["MIRROR"].'
    )


def refuse_database_in_release(release: Path, files: Mapping[str, str]) -> None:
    """Refuse a database that is a file of the release: nobody could write it, and each release would have another one.

    :param release: folder of the release.
    :param files: the file of each database that is one, by the database's name.
    :raises Trouble: there is such a database.
    """
    for alias, file in files.items():
        if release.resolve() in Path(file).resolve().parents:
            raise Trouble(
                f"The project keeps its database {alias} in {Path(file).name}, a file of the release: the site can't write it, "
                "and each release would have another one.",
                "Let the settings take the database from DATABASE_URL (or from what site_env says), or with site_settings_mode: "
                "layered leave it to the host; a file that is to stay lies in a folder that site_shared_paths names.",
            )


def reverse_command(migration: str) -> str:
    """Return the management command that takes a migration back, as far as it is known.

    :param migration: such as ``shop.0002_prices``, or ``shop.0002_prices in reports`` in a database that is not the default one.
    """
    name, _in, database = migration.partition(" in ")
    return f"migrate {name.partition('.')[0]} <the migration before>" + (f" --database={database}" if database else "")


def ignored_migrations(source: Path, project: Path) -> str:
    """Return the line by which git leaves migrations out, and where it is; empty when there is none."""
    for folder in dict.fromkeys((source, project)):
        path = folder / ".gitignore"
        if path.is_file():
            for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
                if "migrations" in line and not line.startswith(("#", "!")):
                    return f"{path.relative_to(source)}:{number} ({line.strip()})"
    return ""


def unmigrated(applications: Sequence[str], source: Path, project: Path) -> Trouble:
    """Explain that applications have models and no migrations."""
    ignored = ignored_migrations(source, project)
    several = len(applications) > 1
    return Trouble(
        f"{', '.join(applications)} {'have' if several else 'has'} models and no migrations, "
        f"so that {'their' if several else 'its'} tables would never be made.",
        f"Run `manage.py makemigrations {' '.join(applications)}`, commit the migrations folder with its __init__.py"
        f"{f', which {ignored} leaves out,' if ignored else ' (see that .gitignore leaves it in)'} and deploy again; "
        "or, where something else makes the tables, set site_unmade_migrations_allowed to true.",
    )


class Interpreter:
    """A release's own Python, run as the site's account with the site's environment."""

    def __init__(self, site: Site, release: str) -> None:
        self.site = site
        self.folder = site.release(release)
        self.environment = site.environment(release)
        self.hidden = secrets(self.environment)

    def run(self, arguments: Sequence[str], extra: dict[str, str] | None = None) -> Outcome:
        """Run the interpreter inside the project's folder."""
        return run(
            [str(self.folder / "venv" / "bin" / "python"), *arguments],
            user=self.site.name,
            environment={**self.environment, "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})},
            cwd=str(self.folder / "project"),
            hidden=self.hidden,
            timeout=DAY_SECONDS,
        )

    def refuse_errors(self, errors: Sequence[str]) -> None:
        """Refuse a project whose own checks find errors.

        :raises Trouble: there are some.
        """
        if errors:
            raise Trouble(
                "The project's own checks find errors.",
                "Correct them, push, and deploy again.",
                redact("\n".join(errors[:10]), self.hidden),
            )

    def manage(self, command: str, extra: dict[str, str] | None = None) -> str:
        """Run a management command, and return what it printed.

        :raises Trouble: it failed.
        """
        done = self.run(["manage.py", *shlex.split(command)], extra)
        output = "\n".join(part.rstrip() for part in (done.stdout, done.stderr) if part.strip())
        if done.code:
            raise Trouble(
                f"manage.py {shlex.split(command)[0]} ended with code {done.code}.",
                f"It ran in release {self.folder.name}; correct the command or the project.",
                output,
            )
        return output

    def ask(self, question: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
        """Run one of the questions of ``release_checks.py`` and return its answer.

        :raises Trouble: the project's code failed before it could answer.
        """
        outcome = self.run([str(self.folder / "lib" / "release_checks.py"), question], extra)
        for line in reversed(outcome.stdout.splitlines()):
            if line.startswith(ANSWER):
                answer: dict[str, Any] = json.loads(line[len(ANSWER) :])
                return answer
        raise Trouble(
            f"The project ended with code {outcome.code} before it could be looked at.",
            "Run its `manage.py check` with production settings, correct it, push, and deploy again.",
            outcome.tail(15),
        )
