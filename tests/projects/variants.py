"""Git repositories of the test projects, with one tag for each release that a test deploys.

    python -m tests.projects.variants .lab/git

makes plain.git, environ.git, hashed.git, fresh.git and widgets.git there. The branch main is v1; every other tag is one commit
upon v1. Commit ids depend on nothing but the content, so that a second run finds everything as it is.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

PROJECTS = Path(__file__).resolve().parent
LOCKED = PROJECTS / "locked"
BRANCH = "main"
FIRST = "v1"
PYTHON_OF_THE_FUTURE = "3.99"
NODE_OF_THE_FUTURE = "990"

Edit = Callable[[Path], None]


def build(project: str, folder: Path) -> dict[str, str]:
    """Make or renew folder/<project>.git, and return the commit of each of its tags."""
    return build_repository(folder / f"{project}.git", PROJECTS / project, VARIANTS[project])


def build_repository(bare: Path, project: Path, releases: Mapping[str, tuple[Edit, ...]]) -> dict[str, str]:
    """Make or renew a repository of a project with a tag for each release, and return the tags' commits."""
    bare = bare.resolve()
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch) / project.name
        _git(Path(scratch), "init", "--quiet", "--initial-branch", BRANCH, str(work))
        _copy(project, work)
        _commit(work, FIRST)
        for tag, edits in releases.items():
            _git(work, "checkout", "--quiet", "--detach", FIRST)
            for edit in edits:
                edit(work)
            _commit(work, tag)
        if not bare.exists():
            _git(Path(scratch), "init", "--quiet", "--bare", "--initial-branch", BRANCH, str(bare))
        _keep_large(bare)
        _git(work, "push", "--quiet", "--mirror", str(bare))
        return {tag: commit_of(bare, tag) for tag in (FIRST, *releases)}


def build_all(folder: Path) -> dict[str, dict[str, str]]:
    folder.mkdir(parents=True, exist_ok=True)
    # Two runs of the tests at once share these repositories.
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return {project: build(project, folder) for project in VARIANTS}


def commit_of(repository: Path, ref: str) -> str:
    return _git(repository, "rev-parse", f"{ref}^{{commit}}").strip()


def move_branch(repository: Path, ref: str, branch: str = BRANCH) -> str:
    """Let the branch point to another tag, as a push would, and return its commit."""
    commit = commit_of(repository, ref)
    _git(repository, "update-ref", f"refs/heads/{branch}", commit)
    return commit


# Edits: each takes the project's folder and changes one thing in it.


def replace(path: str, old: str, new: str) -> Edit:
    def edit(project: Path) -> None:
        file = project / path
        text = file.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"{file} does not contain {old!r}")
        file.write_text(text.replace(old, new), encoding="utf-8")

    return edit


def write(path: str, text: str, encoding: str = "utf-8") -> Edit:
    def edit(project: Path) -> None:
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_bytes(text.encode(encoding))

    return edit


def take(name: str, path: str) -> Edit:
    """Take a lock, which only its own tool could make anew."""

    def edit(project: Path) -> None:
        shutil.copyfile(LOCKED / name, project / path)

    return edit


def append(path: str, text: str) -> Edit:
    def edit(project: Path) -> None:
        with (project / path).open("a", encoding="utf-8") as file:
            file.write(text)

    return edit


def remove(path: str) -> Edit:
    def edit(project: Path) -> None:
        (project / path).unlink()

    return edit


def spoil_hashes(path: str) -> Edit:
    """Let no file of the package index match the requirements any more."""

    def edit(project: Path) -> None:
        file = project / path
        text = file.read_text(encoding="utf-8")
        file.write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", text), encoding="utf-8")

    return edit


def plain_version(version: str) -> Edit:
    return write("journal/__init__.py", f'VERSION = "{version}"\n')


def migration(number: int, name: str, after: str, operations: str) -> Edit:
    return write(
        f"journal/migrations/{number:04}_{name}.py",
        f"""from django.db import migrations, models


def fail(apps, schema_editor):
    raise RuntimeError("this migration cannot be applied")


class Migration(migrations.Migration):
    dependencies = [("journal", "{after}")]
    operations = [{operations}]
""",
    )


ADD_NOTE = 'migrations.AddField("entry", "note", models.TextField(null=True))'
ADD_NUMBER = 'migrations.AddField("entry", "number", models.IntegerField(default=0))'
INDEX_NUMBER = 'migrations.AlterField("entry", "number", models.IntegerField(default=0, db_index=True))'
NOTE_IN_MODEL = replace(
    "journal/models.py",
    "    created = models",
    "    note = models.TextField(null=True)\n    created = models",
)
DEPLOYMENT_CHECK = """

@checks.register(deploy=True)
def ask_for_what_production_needs(app_configs, **kwargs):
    return [checks.Error("This project has no account for payments.", id="journal.E042")]
"""
VIEW_STARTS = '    """Count the entries, or store the one whose id was posted."""\n'


def in_view(statement: str) -> Edit:
    return replace("journal/views.py", VIEW_STARTS, f"{VIEW_STARTS}    {statement}\n")


# As Django's own pages once advised it: whoever names other settings is overruled.
ASSIGNMENT = "os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'"
ELSEWHERE = "os.environ['DATABASE_URL'] = os.environ['DATABASE_URL'] + '_elsewhere'"
PROPOSAL = "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')"


def importing(module: str) -> Edit:
    return replace("journal/views.py", "from journal import VERSION", f"import {module}\nfrom journal import VERSION")


# What a file of the source says, for the pages to tell it: which version of a part of the project is installed.
PARTS = """from importlib.metadata import version

import common

VERSION = f"{name} {common.WORD} {version('common')}"
"""
COMMON = """[project]
name = "common"
dynamic = ["version"]

[build-system]
requires = ["setuptools", "setuptools-scm"]
build-backend = "setuptools.build_meta"

[tool.setuptools_scm]
root = "../.."
version_scheme = "post-release"
local_scheme = "no-local-version"
"""


def with_common(name: str, word: str = "shared") -> tuple[Edit, ...]:
    """Have a part of the project in a folder of its own, whose version comes from git's tags."""
    return (
        write("journal/__init__.py", PARTS.replace("{name}", name)),
        write("libs/common/pyproject.toml", COMMON),
        write("libs/common/src/common/__init__.py", f'WORD = "{word}"\n'),
    )


ROUTER = """class ReportsRouter:
    def db_for_read(self, model, **hints):
        return 'reports' if model._meta.app_label == 'reports' else None

    db_for_write = db_for_read

    def allow_migrate(self, db, app_label, **hints):
        return app_label == db if 'reports' in (db, app_label) else None
"""
REPORTS_SETTINGS = """
INSTALLED_APPS += ['reports']
DATABASES['reports'] = {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'data' / 'reports.sqlite3'}
DATABASES['legacy'] = {'ENGINE': 'django.db.backends.postgresql', 'HOST': '192.0.2.1', 'NAME': 'legacy'}
DATABASE_ROUTERS = ['reports.routers.ReportsRouter']
"""


def reports_migration(name: str, after: str, operation: str) -> Edit:
    return write(
        f"reports/migrations/{name}.py",
        f"""from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [{after}]
    operations = [{operation}]
""",
    )


# A second database, with a router; and one of another program, of which no router says anything.
REPORTS: tuple[Edit, ...] = (
    append("mysite/settings.py", REPORTS_SETTINGS),
    write("reports/__init__.py", ""),
    write("reports/routers.py", ROUTER),
    write("reports/models.py", "from django.db import models\n\n\nclass Report(models.Model):\n    title = models.TextField()\n"),
    write("reports/migrations/__init__.py", ""),
    reports_migration(
        "0001_initial",
        "",
        "migrations.CreateModel('Report', [('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, "
        "verbose_name='ID')), ('title', models.TextField())])",
    ),
    replace(
        "journal/views.py",
        "from journal.models import Entry\n",
        "from journal.models import Entry\nfrom reports.models import Report\n",
    ),
    in_view('if "reports" in request.GET: return JsonResponse({"reports": Report.objects.count()})'),
)
REPORTS_MORE: tuple[Edit, ...] = (
    # The code before it can't insert rows without the note, so that it must not come back by itself.
    replace("reports/models.py", "title = ", "note = models.TextField(default='')\n    title = "),
    reports_migration(
        "0002_note", "('reports', '0001_initial')", "migrations.AddField('report', 'note', models.TextField(default=''))"
    ),
)
# Tasks for Celery and for the database worker of Django's tasks. Each tells which release has queued and which has done it, and
# imports at its end what it had no need of before: from the release, and from its virtualenv. Long ones wait for a file.
TASKS = """import os
import time

from celery import shared_task
from django_tasks import task


def tell(*words):
    with open(os.environ['TASKS_LOG'], 'a') as log:
        log.write(' '.join(words) + '\\n')


def work(name, seconds, queued_by):
    tell('begun', name, os.environ['SITE_RELEASE'])
    until = time.monotonic() + seconds
    while time.monotonic() < until and not (seconds > 60 and os.path.exists(os.environ['TASKS_LOG'] + '.enough')):
        time.sleep(0.05)
    import django.contrib.syndication.apps
    import journal.late
    tell('done', name, os.environ['SITE_RELEASE'], queued_by)


by_celery = shared_task(work, name='work')


@shared_task(name='tick')
def tick(sent_by):
    tell('ticked', sent_by)


@task
def by_django(name, seconds, queued_by):
    work(name, seconds, queued_by)


def queue(kind, name, seconds):
    put = {'celery': by_celery.delay, 'django_tasks': by_django.enqueue}[kind]
    put(name, float(seconds), os.environ['SITE_RELEASE'])
    return {'queued': name}
"""
# As its guide for Django has it.
CELERY = """import os

from celery import Celery

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'mysite.settings')
app = Celery('mysite')
app.config_from_object('django.conf:settings', namespace='CELERY')
app.autodiscover_tasks()
"""
TASKS_SETTINGS = """
import os
INSTALLED_APPS += ['django_tasks', 'django_tasks_db']
TASKS = {'default': {'BACKEND': 'django_tasks_db.DatabaseBackend'}}
CELERY_BROKER_URL = 'redis://127.0.0.1:6379/0'
# Says which release has scheduled it.
CELERY_BEAT_SCHEDULE = {'tick': {'task': 'tick', 'schedule': 1.0, 'args': [os.environ.get('SITE_RELEASE', '')]}}
"""


def with_tasks(version: str) -> tuple[Edit, ...]:
    return (
        plain_version(version),
        append("requirements.txt", "celery[redis]==5.7.0\ndjango-tasks==0.12.0\ndjango-tasks-db==0.13.0\n"),
        append("mysite/settings.py", TASKS_SETTINGS),
        write("mysite/celery.py", CELERY),
        write("mysite/__init__.py", "from mysite.celery import app as celery_app\n\n__all__ = ['celery_app']\n"),
        write("journal/tasks.py", TASKS),
        write("journal/late.py", ""),
        importing("journal.tasks"),
        in_view('if "task" in request.GET: return JsonResponse(journal.tasks.queue(*request.GET["task"].split()))'),
    )


LARGE = b"large, and kept beside the repository\n"
LARGE_ID = hashlib.sha256(LARGE).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{LARGE_ID}\nsize {len(LARGE)}\n"
# What editors and other systems make of a list of requirements.
ODDLY_WRITTEN: tuple[Edit, ...] = (
    write("requirements.txt", "-r requirements/base.txt\r\n-r ${PARTS}/parts.txt\r\n", "utf-16"),
    write("requirements/base.txt", "# caf\xe9\nDjango==5.2.19\n", "latin-1"),
    write("requirements/parts.txt", "\ufefflibs/common\n"),
)
# All that works on its author's machine, at once.
AT_HOME: tuple[Edit, ...] = (
    *REPORTS,
    *ODDLY_WRITTEN,
    replace("mysite/settings.py", "TIME_ZONE = 'UTC'", "TIME_ZONE = 'US/Eastern'"),
    write(".python-version", f"{PYTHON_OF_THE_FUTURE}\n"),
    write(".gitattributes", "*.txt.big filter=lfs diff=lfs merge=lfs -text\n"),
    write("journal/static/journal/picture.txt.big", POINTER),
)

VARIANTS: Mapping[str, Mapping[str, tuple[Edit, ...]]] = {
    "plain": {
        "v2": (plain_version("v2"),),
        "v3": (plain_version("v3"),),
        "more-static": (
            plain_version("more-static"),
            write("journal/static/journal/more.txt", "more\n"),
        ),
        # Answers after two seconds: a request is under way while the release is replaced.
        "slow": (
            plain_version("slow"),
            in_view('__import__("time").sleep(2) if request.method == "GET" else None'),
        ),
        "additive": (
            plain_version("additive"),
            NOTE_IN_MODEL,
            migration(2, "note", "0001_initial", ADD_NOTE),
        ),
        # While the index is built writes wait, and what serves can't insert rows without the number.
        "hurts": (
            plain_version("hurts"),
            replace(
                "journal/models.py",
                "    created = models",
                "    number = models.IntegerField(default=0, db_index=True)\n    created = models",
            ),
            migration(2, "hurts", "0001_initial", f"{ADD_NUMBER}, {INDEX_NUMBER}"),
        ),
        "more-requirements": (
            plain_version("more-requirements"),
            append("requirements.txt", "packaging==26.3\n"),
            importing("packaging"),
        ),
        "import-fails": (
            plain_version("import-fails"),
            importing("a_module_nobody_wrote"),
        ),
        # Management commands work, the web server's workers do not.
        "wsgi-fails": (
            plain_version("wsgi-fails"),
            append("mysite/wsgi.py", '\nraise RuntimeError("this release cannot be served")\n'),
        ),
        # It would show visitors its code on every error.
        "settings-assigned": (
            plain_version("settings-assigned"),
            replace("mysite/settings.py", "ALLOWED_HOSTS = []", "ALLOWED_HOSTS = ['*']"),
            replace("mysite/wsgi.py", PROPOSAL, ASSIGNMENT),
        ),
        # Only the server itself finds it.
        "settings-assigned-when-served": (
            plain_version("settings-assigned-when-served"),
            replace("mysite/settings.py", "ALLOWED_HOSTS = []", "ALLOWED_HOSTS = ['*']"),
            replace("mysite/wsgi.py", PROPOSAL, f"import sys\n\nif 'gunicorn' in sys.modules:\n    {ASSIGNMENT}"),
        ),
        # As a .env file that is loaded over the environment does.
        "database-elsewhere-when-served": (
            plain_version("database-elsewhere-when-served"),
            replace("mysite/wsgi.py", PROPOSAL, f"import sys\n\nif 'gunicorn' in sys.modules:\n    {ELSEWHERE}\n{PROPOSAL}"),
        ),
        "migrations-ignored": (
            plain_version("migrations-ignored"),
            append(".gitignore", "migrations/\n"),
            remove("journal/migrations/__init__.py"),
            remove("journal/migrations/0001_initial.py"),
        ),
        # Python takes it for an application all the same.
        "no-init": (
            replace("journal/views.py", "from journal import VERSION\n", ""),
            replace("journal/views.py", "\n\n@csrf_exempt", "\nVERSION = 'no-init'\n\n\n@csrf_exempt"),
            remove("journal/__init__.py"),
        ),
        "at-home": (*with_common("at-home"), *AT_HOME, write(".nvmrc", f"{NODE_OF_THE_FUTURE}\n")),
        "at-home-changed": (*with_common("at-home-changed", "changed"), *AT_HOME, *REPORTS_MORE, write(".nvmrc", "22\n")),
        "workspace": (
            *with_common("workspace"),
            append("journal/__init__.py", "import widgets\n\nVERSION += f' {widgets.WORD}'\n"),
            take("workspace.toml", "pyproject.toml"),
            take("uv.lock", "uv.lock"),
            remove("requirements.txt"),
        ),
        "poetry": (
            plain_version("poetry"),
            importing("six"),
            take("poetry.toml", "pyproject.toml"),
            take("poetry.lock", "poetry.lock"),
            remove("requirements.txt"),
        ),
        "pylock": (
            plain_version("pylock"),
            importing("six"),
            take("pylock.toml", "pylock.toml"),
            remove("requirements.txt"),
        ),
        **{version: with_tasks(version) for version in ("tasks-1", "tasks-2", "tasks-3")},
        "tasks-worker-fails": (
            *with_tasks("tasks-worker-fails"),
            append(
                "mysite/celery.py",
                "import sys\n\nif 'worker' in sys.argv:\n    raise RuntimeError('no worker of this release starts')\n",
            ),
        ),
        # It wants what setuptools no longer has.
        "old-gunicorn": (
            plain_version("old-gunicorn"),
            append("requirements.txt", "gunicorn==20.1.0\n"),
        ),
        "health-500": (
            plain_version("health-500"),
            in_view('raise RuntimeError("this release cannot answer")'),
        ),
        # Well when asked how it is, and wrong to visitors who send something.
        "posts-fail": (
            plain_version("posts-fail"),
            in_view('if request.method == "POST": raise RuntimeError("this release stores nothing")'),
        ),
        "hangs": (
            plain_version("hangs"),
            in_view('__import__("time").sleep(600)'),
        ),
        "migration-fails": (
            plain_version("migration-fails"),
            migration(2, "broken", "0001_initial", "migrations.RunPython(fail)"),
        ),
        "second-migration-fails": (
            plain_version("second-migration-fails"),
            NOTE_IN_MODEL,
            migration(2, "note", "0001_initial", ADD_NOTE),
            migration(3, "broken", "0002_note", "migrations.RunPython(fail)"),
        ),
        "migration-forgotten": (
            plain_version("migration-forgotten"),
            NOTE_IN_MODEL,
        ),
        # Only `check --deploy` finds it.
        "check-fails": (
            plain_version("check-fails"),
            replace("journal/models.py", "from django.db", "from django.core import checks\nfrom django.db"),
            append("journal/models.py", DEPLOYMENT_CHECK),
        ),
        # What only a private index has.
        "private-requirement": (
            plain_version("private-requirement"),
            append("requirements.txt", "house-style==1.0\n"),
            importing("house_style"),
        ),
        "unresolvable": (
            plain_version("unresolvable"),
            write("requirements.txt", "Django==5.2.9999\n"),
        ),
        "python-too-new": (
            plain_version("python-too-new"),
            write("pyproject.toml", f'[project]\nname = "mysite"\nversion = "1"\nrequires-python = ">={PYTHON_OF_THE_FUTURE}"\n'),
        ),
        "no-manage": (
            plain_version("no-manage"),
            remove("manage.py"),
        ),
    },
    "environ": {
        "v2": (write("src/gallery/__init__.py", 'VERSION = "v2"\n'),),
        "python-too-new": (
            replace("pyproject.toml", ">=3.11", f">={PYTHON_OF_THE_FUTURE}"),
            replace("uv.lock", 'requires-python = ">=3.11"', f'requires-python = ">={PYTHON_OF_THE_FUTURE}"'),
        ),
        "no-lock": (remove("uv.lock"),),
    },
    "fresh": {},
    # A library, which a lock has by its commit.
    "widgets": {},
    "hashed": {
        "v2": (write("config/__init__.py", 'VERSION = "v2"\n'),),
        "wrong-hashes": (spoil_hashes("requirements.txt"),),
    },
}


def _keep_large(bare: Path) -> None:
    """Put what only has a pointer in the repository to where Git LFS has it."""
    place = bare / "lfs" / "objects" / LARGE_ID[:2] / LARGE_ID[2:4]
    place.mkdir(parents=True, exist_ok=True)
    (place / LARGE_ID).write_bytes(LARGE)


def _copy(project: Path, work: Path) -> None:
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc", "db.sqlite3", ".venv")
    shutil.copytree(project, work, dirs_exist_ok=True, ignore=unwanted)


def _commit(work: Path, tag: str) -> None:
    _git(work, "add", "--all")
    _git(work, "commit", "--quiet", "--message", f"Release {tag}")
    _git(work, "tag", tag)


def _git(folder: Path, *arguments: str) -> str:
    """Run git so that neither the clock nor the machine's own git settings change the outcome."""
    identity = {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        **{
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Test"), ("EMAIL", "test@example.org"), ("DATE", "2026-01-01T00:00:00Z"))
        },
    }
    run = subprocess.run(
        ["git", "-c", "safe.directory=*", *arguments],
        cwd=folder,
        env={**os.environ, **identity},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise RuntimeError(f"git {' '.join(arguments)} in {folder}: {run.stderr.strip()}")
    return run.stdout


if __name__ == "__main__":
    for name, tags in build_all(Path(sys.argv[1])).items():
        for tag_name, commit in tags.items():
            print(f"{name}.git  {commit[:7]}  {tag_name}")
