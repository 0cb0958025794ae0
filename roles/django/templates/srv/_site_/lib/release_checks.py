"""Questions that only a release's own interpreter can answer; each prints one line of JSON.

Run as ``python release_checks.py QUESTION`` in the project's folder with the site's environment.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import sys
import traceback
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

ANSWER = "hotclub-answer:"
DEFAULT = "default"
# Strict-Transport-Security and the way from http to https, of which the web server in front takes care.
DONE_IN_FRONT = {"security.W004", "security.W008"}
# How long each mail server may take to answer.
MAIL_SECONDS = 10
# What Django's settings name where nobody has named a mail server.
NO_MAIL_SERVER = "localhost"
# What Django writes in place of an operation that is no SQL.
NO_SQL = "CANNOT BE WRITTEN AS SQL"
# Operations that leave everything as it is for code that doesn't know them; others of this kind depend on their field.
ADDING = {
    *("AddIndex", "AddIndexConcurrently", "AlterModelOptions", "AlterModelManagers", "AlterModelTableComment"),
    *("CreateExtension", "TrigramExtension", "UnaccentExtension", "CITextExtension", "HStoreExtension", "BtreeGinExtension"),
    *("BtreeGistExtension", "BloomExtension", "CryptoExtension", "CreateCollation"),
}


def main(question: str) -> None:
    """Answer one question on standard output, whatever the project prints meanwhile."""
    sys.path[0] = os.getcwd()
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            answer = QUESTIONS[question]()
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        answer = {"failed": describe(error)}
    sys.stdout.write(f"{ANSWER}{json.dumps(answer, default=str)}\n")


def describe(error: BaseException) -> dict[str, str]:
    """Return what a failure was and where in the code."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    own = [frame for frame in frames if f"{os.sep}src{os.sep}" in frame.filename]
    if own:
        place = f"{own[-1].filename}:{own[-1].lineno}"
    return {"type": type(error).__name__, "text": str(error).strip()[:2000], "place": place}


def examine() -> dict[str, Any]:
    """Import the project, run its checks, collect its static files and compare its migrations with the database."""
    answer: dict[str, Any] = {"stage": "import"}
    try:
        import django

        django.setup()
        from django.conf import settings
        from django.utils.module_loading import import_string

        application = os.environ.get("SITE_APPLICATION") or default_application(settings)
        import_string(application.replace(":", "."))
        importlib.import_module(settings.ROOT_URLCONF)
        answer.update(
            application=application,
            django=django.get_version(),
            static_url=settings.STATIC_URL,
            static_root=str(settings.STATIC_ROOT or ""),
            media_url=settings.MEDIA_URL,
            media_root=str(settings.MEDIA_ROOT or ""),
            checked_settings=settings.SETTINGS_MODULE,
            # Whoever serves the application reads this name after having imported it.
            served_settings=os.environ["DJANGO_SETTINGS_MODULE"],
            debug=bool(settings.DEBUG),
            databases={alias: parts_of(database) for alias, database in settings.DATABASES.items()},
            database={key: str(settings.DATABASES["default"].get(key, "")) for key in ("ENGINE", "HOST", "NAME", "CONN_MAX_AGE")},
        )
        answer["stage"] = "check"
        answer.update(system_checks())
        answer["stage"] = "static"
        answer["static"] = collect_static(settings)
        answer["stage"] = "database"
        answer["fresh"] = is_fresh()
        answer.update(compare_migrations())
        answer["unmade"] = unmade_migrations()
        answer["unmigrated"] = unmigrated_apps()
        answer["unrouted"] = unrouted_databases()
        answer["files"] = {alias: name for alias in migrated_databases() if (name := file_of(settings.DATABASES[alias]))}
    except BaseException as error:
        answer["failed"] = describe(error)
    return answer


def parts_of(database: dict[str, Any]) -> dict[str, str]:
    """Return what says which database it is. A worker that is proved tells the same: etc/gunicorn.conf.py."""
    return {key: str(database.get(key) or "") for key in ("ENGINE", "HOST", "PORT", "NAME", "USER")}


def file_of(database: dict[str, Any]) -> str:
    """Return the file that a database is; empty for one on a server."""
    is_file = str(database.get("ENGINE", "")).endswith(("sqlite3", "spatialite"))
    return os.path.abspath(str(database.get("NAME", ""))) if is_file else ""


def default_application(settings: Any) -> str:
    """Return the callable to serve, as gunicorn writes it."""
    named = getattr(settings, f"{os.environ['SITE_INTERFACE'].upper()}_APPLICATION", None)
    if named:
        module, _dot, attribute = named.rpartition(".")
        return f"{module}:{attribute}"
    package = os.environ.get("SITE_SETTINGS_MODULE", os.environ["DJANGO_SETTINGS_MODULE"]).split(".")[0]
    return f"{package}.{os.environ['SITE_INTERFACE']}:application"


def system_checks() -> dict[str, list[str]]:
    """Run ``check --deploy``: errors stop a release, warnings are told."""
    from django.conf import settings
    from django.core import checks

    messages = [message for message in checks.run_checks(include_deployment_checks=True) if not message.is_silenced()]
    errors = [message for message in messages if message.level >= checks.ERROR]
    untouched = [message for message in errors if is_untouched_mail(message.id, getattr(settings, "MAILERS", None))]
    warnings = [message for message in messages if message.level == checks.WARNING and message.id not in DONE_IN_FRONT]
    return {
        "errors": [f"{message.id}: {message.msg}" for message in errors if message not in untouched],
        "warnings": [f"{message.id}: {message.msg}" for message in warnings]
        + [f"{message.id}: {message.msg} Set site_mail_host, or MAILERS in the project." for message in untouched]
        + untaken_mail(),
    }


def untaken_mail() -> list[str]:
    """Try each mail server that the settings name, up to where it would be given a message; say which takes none, and why.

    A site serves without its mail, so whatever goes wrong is told and stops nothing.
    """
    try:
        return try_mail()
    except Exception as error:
        return [f"mail: what sends it can't be begun: {described_mail(error)} Look at the mail settings of the project."]


def try_mail() -> list[str]:
    """Try each mail server that the settings name, and return what is wrong."""
    from django.conf import settings
    from django.core import mail
    from django.core.mail.backends.smtp import EmailBackend

    has_mailers = bool(getattr(settings, "MAILERS", None))
    senders = [mail.mailers[alias] for alias in mail.mailers] if has_mailers else [mail.get_connection()]
    named = [sender for sender in senders if isinstance(sender, EmailBackend)]
    servers = {(sender.host, sender.port, sender.username): sender for sender in named if is_chosen(sender.host)}
    return [told for sender in servers.values() if (told := why_no_mail(sender))]


def is_chosen(host: str) -> bool:
    """Say whether somebody has chosen this mail server: a project that says nothing of mail has Django's default."""
    return host != NO_MAIL_SERVER or os.environ.get("EMAIL_HOST") == NO_MAIL_SERVER


def why_no_mail(sender: Any) -> str:
    """Connect to a mail server and log in, as each message of the site will; say what is wrong, or nothing."""
    sender.timeout, sender.fail_silently = min(sender.timeout or MAIL_SECONDS, MAIL_SECONDS), False
    try:
        sender.open()
    except Exception as error:
        server = f"{sender.host}:{sender.port}"
        return f"mail: {server} takes no mail of this site: {described_mail(error)} {mail_remedy(sender, error)}"
    finally:
        with contextlib.suppress(Exception):
            sender.close()
    return ""


def described_mail(error: Exception) -> str:
    """Return what a mail server or the way to it has said, in one line that ends."""
    said = getattr(error, "smtp_error", None)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said or error)
    code = f"{error.smtp_code} " if hasattr(error, "smtp_code") else ""
    return f"{type(error).__name__}: {code}{' '.join(text.split())[:300].rstrip('.')}."


def mail_remedy(sender: Any, error: Exception) -> str:
    """Return what to write instead."""
    import smtplib
    import socket
    import ssl

    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "Look at site_mail_user and site_mail_password."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "It may want site_mail_security: tls, another site_mail_port, or none of it."
    if isinstance(error, ssl.SSLCertVerificationError):
        return "Write the name that its certificate has into site_mail_host."
    if isinstance(error, (ssl.SSLError, smtplib.SMTPServerDisconnected)):
        return "site_mail_security: tls goes with port 465, starttls with 587: look at both, and at site_mail_port."
    if isinstance(error, socket.gaierror):
        return "Nobody knows that name: look at site_mail_host."
    if sender.port == 25:
        return "Most providers let nothing out to port 25: use site_mail_security: starttls (587) or tls (465), and a login."
    return "Look at site_mail_host and site_mail_port, and whether the host's provider lets this out."


def check() -> dict[str, list[str]]:
    """Run the project's checks alone."""
    import django

    django.setup()
    return system_checks()


def is_fresh() -> bool:
    """Say whether the default database has had no migration yet, so that checks which read it find no table."""
    from django.db import connections
    from django.db.migrations.recorder import MigrationRecorder

    return DEFAULT in own_databases() and not MigrationRecorder(connections[DEFAULT]).applied_migrations()


def is_untouched_mail(check: str, mailers: Any) -> bool:
    """Say whether a check complains of nothing but the mail to the console that ``startproject`` writes.

    Since Django 6.1 it is an error, so that no fresh project could ever be deployed.
    """
    return check == "mail.E001" and mailers == {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}


def collect_static(settings: Any) -> bool:
    """Collect the static files, when the project has any to collect."""
    from django.apps import apps
    from django.core.management import call_command

    if not apps.is_installed("django.contrib.staticfiles"):
        return False
    call_command("collectstatic", interactive=False, verbosity=0)
    return True


def compare_migrations() -> dict[str, list[str]]:
    """Say which migrations the databases lack, and which they have that this code doesn't know."""
    found: dict[str, list[str]] = {"pending": [], "unknown": []}
    for alias in migrated_databases():
        with naming(alias):
            compared = compare_database(alias)
        for answer, migrations_there in compared.items():
            found[answer] += [named(alias, *key) for key in migrations_there]
    return found


def compare_database(alias: str) -> dict[str, list[tuple[str, str]]]:
    """Compare one database with this code's migrations."""
    from django.apps import apps
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections[alias])
    conflicts = executor.loader.detect_conflicts()
    if conflicts:
        raise RuntimeError("Several leaf migrations in " + ", ".join(f"{app} ({', '.join(n)})" for app, n in conflicts.items()))
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    installed = {config.label for config in apps.get_app_configs()}
    known = known_migrations(executor.loader.disk_migrations)
    return {
        "pending": [(migration.app_label, migration.name) for migration, _backwards in plan],
        "unknown": sorted(key for key in executor.loader.applied_migrations if key not in known and key[0] in installed),
    }


def known_migrations(files: Mapping[tuple[str, str], Any]) -> set[tuple[str, str]]:
    """Return the migrations that this code knows by name: its own, and those that they replace.

    Django notes each that is replaced as applied, also where its file is gone, as it may be once squashed or renamed.
    """
    return {*files, *(replaced for migration in files.values() for replaced in migration.replaces)}


@contextlib.contextmanager
def naming(alias: str) -> Iterator[None]:
    """Let what fails say with which database, where that is not the usual one."""
    try:
        yield
    except Exception as error:
        if alias == DEFAULT:
            raise
        raise RuntimeError(f"the database {alias}: {type(error).__name__}: {error}") from error


def named(alias: str, application: str, migration: str) -> str:
    """Return what a migration of a database is called."""
    return f"{application}.{migration}" + ("" if alias == DEFAULT else f" in {alias}")


def migrated_databases() -> list[str]:
    """Return the databases that get this project's migrations: the default one, and where its routers have tables made."""
    return [alias for alias in own_databases() if alias == DEFAULT or (routed(alias) is True and not is_read_only(alias))]


def unrouted_databases() -> list[str]:
    """Return the databases of which nobody says whether they get migrations, so that they get none."""
    return [alias for alias in own_databases() if alias != DEFAULT and routed(alias) is None]


def own_databases() -> list[str]:
    """Return the databases that the project has, other than copies of another one, as Django's tests call them."""
    from django.db import connections

    return [
        alias
        for alias, settings in connections.settings.items()
        if settings["ENGINE"] != "django.db.backends.dummy" and not settings["TEST"].get("MIRROR")
    ]


def routed(alias: str) -> bool | None:
    """Say whether the project's routers have tables made in a database; None when they leave it to Django.

    Django takes that for a yes. But a database of another program is in the settings just as well.
    """
    from django.apps import apps

    words = {allowed(alias, model) for model in apps.get_models() if model._meta.managed}
    return True if True in words else None if None in words else False


def allowed(alias: str, model: Any) -> bool | None:
    """Return the first word of a router about a model's table in a database."""
    from django.db import router

    about = model._meta
    for each in router.routers:
        if hasattr(each, "allow_migrate"):
            word = each.allow_migrate(alias, about.app_label, model_name=about.model_name, model=model)
            if word is not None:
                return bool(word)
    return None


def is_read_only(alias: str) -> bool:
    """Say whether a database takes no changes from us, as a standby that copies another one."""
    from django.db import connections

    with naming(alias):
        connection = connections[alias]
        if connection.vendor != "postgresql":
            return False
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            return bool(cursor.fetchone()[0] == "on")


def unmade_migrations() -> list[str]:
    """Return the project's own apps whose models have changed without a migration."""
    from django.apps import apps
    from django.db.migrations.autodetector import MigrationAutodetector
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.state import ProjectState

    loader = MigrationLoader(None, ignore_no_migrations=True)
    changes = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps)).changes(graph=loader.graph)
    here = Path.cwd().resolve()
    return sorted(
        label
        for label in changes
        if label in loader.migrated_apps and here in Path(apps.get_app_config(label).path).resolve().parents
    )


def unmigrated_apps() -> list[str]:
    """Return the applications that have tables to be made, and no migrations that would make them."""
    from django.apps import apps
    from django.db import router
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None, ignore_no_migrations=True)
    databases = migrated_databases()

    def wants_tables(config: Any) -> bool:
        return any(
            model._meta.managed
            and not model._meta.proxy
            and not model._meta.swapped
            and any(router.allow_migrate_model(alias, model) for alias in databases)
            for model in config.get_models()
        )

    return sorted(
        config.label
        for config in apps.get_app_configs()
        # MIGRATION_MODULES may say None of an application whose tables somebody else makes.
        if config.label not in loader.migrated_apps
        and MigrationLoader.migrations_module(config.label)[0] is not None
        and wants_tables(config)
    )


def migrations() -> dict[str, Any]:
    """Compare the migrations of this release with the database; for those who have the time, try its mail servers as well."""
    import django

    django.setup()
    return {**compare_migrations(), "mail": untaken_mail() if os.environ.get("SITE_TRY_MAIL") else []}


def migrate() -> dict[str, Any]:
    """Apply what is pending; say what was applied even when one fails."""
    import django

    django.setup()
    from django.core.management import call_command

    before = compare_migrations()["pending"]
    answer: dict[str, Any] = {"planned": before, "fresh": is_fresh()}
    try:
        for alias in migrated_databases():
            call_command("migrate", database=alias, interactive=False, verbosity=1)
    except BaseException as error:
        answer["failed"] = describe(error)
    left = compare_migrations()["pending"]
    answer["applied"] = [name for name in before if name not in left]
    answer["left"] = left
    answer["whole"] = undone_as_a_whole(left[0]) if left else True
    return answer


def undone_as_a_whole(name: str) -> bool:
    """Say whether a migration that fails leaves nothing behind, so that it may be tried again as it is."""
    from django.db.migrations.loader import MigrationLoader

    label, _dot, migration = name.partition(" in ")[0].partition(".")
    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations.get((label, migration))
    return found is not None and bool(found.atomic)


def plan() -> dict[str, Any]:
    """Say what each pending migration would have PostgreSQL do; nobody is hurt in a database without any migration."""
    import django

    django.setup()
    from django.db import connections

    answer: dict[str, Any] = {"steps": [], "server": 0}
    for alias in migrated_databases():
        if connections[alias].vendor == "postgresql":
            answer["steps"] += planned(alias)
            answer["server"] = answer["server"] or connections[alias].pg_version // 10000
    return answer


def planned(alias: str) -> list[dict[str, Any]]:
    """Return the pending migrations of a database with their SQL."""
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections[alias])
    if not executor.loader.applied_migrations:
        return []
    pending = [migration for migration, _backwards in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    return [{"name": named(alias, each.app_label, each.name), **written(executor, each)} for each in pending]


def written(executor: Any, migration: Any) -> dict[str, Any]:
    """Return the SQL of a migration, or why there is none that can be read."""
    # Of the loader since Django 3.1.
    collect = getattr(executor.loader, "collect_sql", None) or executor.collect_sql
    try:
        lines = [str(line) for line in collect([(migration, False)])]
    except Exception as error:
        # It looks in the database for what a migration before it has yet to make.
        return {"sql": [], "unread": f"{type(error).__name__}: {error}"}
    return {"sql": lines, "unread": "its Python is no SQL" if any(NO_SQL in line for line in lines) else ""}


def additive() -> dict[str, Any]:
    """Say which of the named migrations only add what the code before them can do without, and which are not known."""
    import django

    django.setup()
    from django.db.migrations.loader import MigrationLoader

    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    answer: dict[str, list[str]] = {"additive": [], "other": [], "unknown": []}
    asked = {}
    for name in json.loads(os.environ["SITE_MIGRATIONS"]):
        label, _dot, migration = name.partition(" in ")[0].partition(".")
        asked[name] = (label, known.get((label, migration)))
    new = {
        f"{label}.{operation.name}".lower()
        for label, found in asked.values()
        for operation in (found.operations if found else ())
        if type(operation).__name__ == "CreateModel"
    }
    for name, (label, found) in asked.items():
        adds = found is not None and all(only_adds(operation, label, new) for operation in found.operations)
        answer["unknown" if found is None else "additive" if adds else "other"].append(name)
    return answer


def only_adds(operation: Any, label: str, new: Collection[str]) -> bool:
    """Say whether code that doesn't know an operation's result can read, write and delete all that it could before.

    :param label: the application whose migration it is of.
    :param new: the models, each with its application, that this code doesn't know.
    """
    kind = type(operation).__name__
    if kind == "SeparateDatabaseAndState":
        return all(only_adds(each, label, new) for each in operation.database_operations)
    if kind == "CreateModel":
        return not any(holds_known_rows(field, label, operation.name, new) for _name, field in operation.fields)
    if kind == "AddField":
        return may_be_left_out(operation.field) and not holds_known_rows(operation.field, label, operation.model_name, new)
    return kind in ADDING


def holds_known_rows(field: Any, label: str, model: str, new: Collection[str]) -> bool:
    """Say whether a relation keeps older code from deleting rows that it knows: the database lets none go that is referred to.

    :param model: the name of the model that has the field.
    """
    relation = getattr(field, "remote_field", None)
    if relation is None or not getattr(field, "db_constraint", getattr(relation, "db_constraint", True)):
        return False
    target = relation.model if isinstance(relation.model, str) else relation.model._meta.label
    own = f"{label}.{model}"
    ends = [own if target == "self" else target if "." in target else f"{label}.{target}"]
    if field.many_to_many:
        # What is related is in a table of the field's own, unless that is a model that is made by itself.
        ends = [] if getattr(relation, "through", None) else [*ends, own]
    return any(end.lower() not in new for end in ends)


def may_be_left_out(field: Any) -> bool:
    """Say whether code that doesn't know a field can insert rows: Django drops the default of a column that it has added."""
    from django.db.models import NOT_PROVIDED

    by_database = getattr(field, "db_default", NOT_PROVIDED) is not NOT_PROVIDED or getattr(field, "generated", False)
    return bool(field.null or field.many_to_many or by_database)


QUESTIONS = {"examine": examine, "check": check, "migrations": migrations, "migrate": migrate, "plan": plan, "additive": additive}

if __name__ == "__main__":
    main(sys.argv[1])
