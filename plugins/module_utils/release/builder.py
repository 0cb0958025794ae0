# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One build of one release: fetch, install, look at the project, and seal what was built."""

from __future__ import annotations

import json
import os
import pwd
import re
import shlex
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import own, remove, write_atomically
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, redact, run
from ansible_collections.hotclub.django.plugins.module_utils.release import (
    git_pins,
    node,
    python_version,
    software,
    static_files,
    virtualenv,
)
from ansible_collections.hotclub.django.plugins.module_utils.release import project as projects
from ansible_collections.hotclub.django.plugins.module_utils.release import requirements as needs
from ansible_collections.hotclub.django.plugins.module_utils.release.audit import Audit
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import parse, render, secrets
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import RELEASE_ID, Site, now
from ansible_collections.hotclub.django.plugins.module_utils.release.remedies import writing_remedy
from ansible_collections.hotclub.django.plugins.module_utils.release.source import (
    COMMIT,
    GitSource,
    SentSource,
    mirrored,
    refuse_pointers,
)

MEBI = 1024 * 1024
SERVER = "gunicorn.app.wsgiapp"
# Where a host's own programs are found while a release is built.
PROGRAMS = "/usr/local/bin:/usr/bin:/bin"


def clear_unfinished(site: Site) -> None:
    """Remove what an interrupted build left: release folders and virtualenvs without their mark."""
    finished = set(site.built())
    for entry in site.releases.iterdir():
        if RELEASE_ID.match(entry.name) and entry.name not in finished:
            remove(entry)
    for entry in site.venvs.iterdir():
        if not (entry / ".complete").exists():
            remove(entry)


def refuse_little_space(site: Site, minimum_mb: int) -> None:
    """Refuse a build that would fill the disk.

    :raises Trouble: there is less free space than asked for.
    """
    free_mb = shutil.disk_usage(site.root).free // MEBI
    if free_mb < minimum_mb:
        raise Trouble(
            f"{site.root} on {os.uname().nodename} has {free_mb} MiB free, a build needs {minimum_mb} MiB. Nothing was changed.",
            "Make room, lower site_keep_releases, or set site_minimum_free_mb lower.",
        )


def remove_leftovers(source: Path, names: Collection[str]) -> None:
    """Remove folders of these names, wherever they are: what a build has brought and a release does not need."""
    for top, directories, _files in os.walk(source):
        for path in (Path(top, name) for name in set(directories).intersection(names)):
            if not path.is_symlink():
                directories.remove(path.name)
                remove(path)


class Builder:
    """One build of one release.

    :param site: the site on this host.
    :param wanted: what is asked for, by the names of the options of ``release_build``.
    """

    def __init__(self, site: Site, wanted: dict[str, Any]) -> None:
        self.site = site
        self.wanted = wanted
        self.release = ""
        self.seconds: dict[str, float] = {}
        self.warnings: list[str] = []
        self.locked = True
        self.environment = {name: str(value) for name, value in self.wanted["environment"].items()}
        self.hidden = secrets({**self.environment, **site.environment()})

    @property
    def folder(self) -> Path:
        """The release's folder."""
        return self.site.release(self.release)

    def discard(self) -> None:
        """Remove what was built so far."""
        if self.release:
            remove(self.folder)

    def build(self, sent: SentSource | None = None) -> dict[str, Any]:
        """Build the release part by part.

        :param sent: the source, where it is a folder of the controller.
        :raises Trouble: a part failed; the message says which, why and what to do.
        """
        commit = self._timed("source", lambda: self._fetch(sent))
        source = self.folder / "src"
        project = projects.folder(source, self.wanted["project_path"])
        settings = projects.settings_module(project, self.wanted["settings_module"])
        python = self._check_python(source, project)
        venv, built = self._timed("virtualenv", lambda: self._virtualenv(source, project, settings, python))
        packages = software.kept(venv)
        self.warnings += self._timed("audit", lambda: self._audit(packages, python))
        self._timed("commands", lambda: self._run_commands(source, project, venv))
        # What is built may look for its version there.
        remove(source / ".git")
        self._lay_out(source, project, venv, settings)
        if built:
            self._try_server(packages)
        answer = self._timed("examine", lambda: self._examine(source, project))
        if self.wanted["build_commands"]:
            remove_leftovers(source, self.wanted["build_leftovers"])
        described = self._describe(commit, python, settings, venv, answer)
        described["locked"] = self.locked
        described["packages"] = {package.name: package.bound for package in packages if package.bound}
        write_atomically(self.folder / software.BILL, software.bill(self.site.name, described, packages))
        self._finish(described, answer)
        return {
            "changed": True,
            "warnings": [
                *self.warnings,
                *(f"The project's own checks warn of {text}" for text in answer["warnings"]),
                *map(projects.not_migrated, answer["unrouted"]),
                *projects.more_databases(described["databases"], self.wanted["database_count"]),
            ],
            "release": described,
            "pending": answer["pending"],
            "unknown": answer["unknown"],
            "check_warnings": answer["warnings"],
            "unmade": answer["unmade"],
            "new_virtualenv": built,
            "seconds": {part: round(seconds, 2) for part, seconds in self.seconds.items()},
        }

    def _timed(self, part: str, work: Any) -> Any:
        started = time.monotonic()
        try:
            return work()
        finally:
            self.seconds[part] = time.monotonic() - started

    def _begin(self, commit: str) -> None:
        release = f"{self.wanted['stamp']}-{commit[:7]}"
        # Of a release that other hosts have already, both are what they say.
        if not (COMMIT.fullmatch(commit) and RELEASE_ID.fullmatch(release)):
            raise Trouble(
                f"{release!r} of commit {commit!r} can't be a release.", "See which host says so: run playbooks/status.yml."
            )
        built = self.site.built()
        if built and release <= built[-1] and not self.wanted["rebuild"]:
            raise Trouble(
                f"The new release {release} would be older than {built[-1]}, which exists.",
                "Set the clock of the machine that runs the playbook right.",
            )
        self.release = release
        if self.wanted["rebuild"]:
            # A balancer that becomes an application host too has its static files already, and nothing else of it.
            remove(self.folder)
        self.folder.mkdir(mode=0o750)
        account = pwd.getpwnam(self.site.build_user)
        os.chown(self.folder, account.pw_uid, account.pw_gid)

    def _fetch(self, sent: SentSource | None) -> str:
        if sent:
            if self.wanted["signing_keys"]:
                raise Trouble(
                    "A folder of the machine that runs the playbook carries no signature. Nothing was changed.",
                    "Set site_source to the address of a git repository, or remove site_source_signing_keys.",
                )
            commit: str = self.wanted["commit"]
            self._begin(commit)
            sent.lay_out(self.folder / "src")
            own(self.folder / "src", self.site.build_user, f"{self.site.name}-build")
            refuse_pointers(self.folder / "src", "Run `git lfs pull` in the folder on the machine that runs the playbook.")
            return commit
        wanted = self.wanted
        source = GitSource(
            wanted["source"],
            wanted["version"],
            wanted["deploy_key"],
            wanted["host_keys"],
            wanted["signing_keys"],
            wanted["source_seconds"],
            wanted["submodule_keys"],
        )
        with mirrored(self.site, source, self.environment) as git:
            commit = wanted["commit"] or git.resolve()
            git.verify(commit)
            self._begin(commit)
            git.checkout(commit, self.folder / "src")
        return commit

    def _check_python(self, source: Path, project: Path) -> str:
        version = run([self.wanted["python"], "-c", "import platform; print(platform.python_version())"]).stdout.strip()
        required = python_version.required(source, project)
        if required and not python_version.satisfies(version, required):
            raise Trouble(
                f"The project requires Python {required}, but {os.uname().nodename} builds with Python {version}. "
                "Nothing was changed.",
                "Set python_version to one that the project takes, or choose a newer distribution for this host.",
            )
        wish = python_version.wished(source, project)
        if wish and not python_version.is_wished(version, wish):
            self.warnings.append(
                f".python-version asks for Python {wish}; {os.uname().nodename} builds with {version}, as the inventory says. "
                f'Set python_version: "{".".join(wish.split(".")[:2])}" there for the other one.'
            )
        return version

    def _virtualenv(self, source: Path, project: Path, settings: str, python: str) -> tuple[Path, bool]:
        tools = virtualenv.Toolchain(
            self.wanted["uv"],
            self.wanted["python"],
            {**self.environment, "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"},
            self.wanted["extras"],
            self.wanted["packages"],
            self.wanted["extra_hashes"],
            self.wanted["poetry"],
            self._pins(python),
            self.wanted["stamp"] if self.wanted["renewed"] else "",
            self.wanted["build_seconds"],
        )
        requirements = needs.find(source, project, self.wanted["requirements_file"], self.environment)
        if requirements.kind == "none" and not self.wanted["packages"]:
            raise needs.nothing_asked()
        importable = projects.is_importable(settings, (project, source))
        virtualenvs = virtualenv.Virtualenvs(self.site, tools, self.hidden, importable)
        found = virtualenvs.ensure(requirements, self.release)
        self.warnings += [*requirements.notes, *virtualenvs.warnings]
        self.locked = virtualenvs.is_bound(requirements)
        _folder, built = found
        if built and not self.locked:
            named = "site_python_packages" if requirements.hashed or requirements.kind == "none" else requirements.path.name
            self.warnings.append(
                f"{named} is no lock, so that what is installed depends on the day. Commit a uv.lock (`uv lock`) or requirements "
                "with hashes. Until then, all hosts get what the first one has; -e site_requirements_renewed=true renews it."
            )
        return found

    def _pins(self, python: str) -> dict[str, str]:
        """Return what the fleet has of packages without a lock; with another Python than here, its commits alone."""
        alike = python_version.is_same_minor(python, self.wanted["pins_python"])
        return {name: version for name, version in self.wanted["pins"].items() if alike or git_pins.is_pin(version)}

    def _try_server(self, packages: list[software.Package]) -> None:
        """Refuse a gunicorn that could not even start, before anything depends on it."""
        interpreter = projects.Interpreter(self.site, self.release)
        done = interpreter.run(["-c", f"import importlib; importlib.import_module({SERVER!r})"])
        if done.code:
            version = next((package.version for package in packages if package.name == "gunicorn"), "")
            raise Trouble(
                f"gunicorn {version}, which the project's requirements name, can't be imported.",
                "Take it out of the requirements, and one that was tested is installed; or name a newer version of it there. "
                "Then push, and deploy again.",
                done.tail(3),
            )

    def _audit(self, packages: list[software.Package], python: str) -> list[str]:
        audit = Audit(self.wanted["audit_mode"], self.wanted["audit_service_url"], self.wanted["audit_ignored"])
        told = {**self.environment, "UV_PYTHON": self.wanted["python"], "UV_PYTHON_DOWNLOADS": "never"}
        return audit.warnings(self.wanted["uv"], packages, python, told, self.site.build_user)

    def _run_commands(self, source: Path, project: Path, venv: Path) -> None:
        if not self.wanted["build_commands"]:
            return
        own = f"{venv / 'bin'}:{source / 'node_modules' / '.bin'}"
        path = f"{own}:{self._node(source, project)}{PROGRAMS}"
        for command in self.wanted["build_commands"]:
            done = run(
                shlex.split(command),
                user=self.site.build_user,
                environment={**self.environment, "PATH": path},
                cwd=str(source),
                hidden=self.hidden,
                timeout=self.wanted["build_seconds"],
                too_slow=f"See what `{command}` waits for, or set site_build_timeout_seconds higher.",
            )
            if done.code:
                raise Trouble(
                    f"The build command `{command}` ended with code {done.code}.",
                    "Correct it in the project or in site_build_commands; what it needs installed goes into site_build_packages.",
                    done.tail(15),
                )

    def _node(self, source: Path, project: Path) -> str:
        """Return where the Node is that the project wants, as the begin of a PATH; nothing where the host's own will do."""
        place, wish = node.wished((project, source))
        wanted = node.specifier(wish) if wish else ""
        if not wish:
            return ""

        def as_builder(command: list[str], environment: Mapping[str, str] | None = None) -> Outcome:
            told = {**self.environment, **(environment or {})}
            return run(command, user=self.site.build_user, environment=told, hidden=self.hidden)

        here = node.version_of(as_builder, "node", PROGRAMS)
        if node.is_met(here, wanted):
            return ""
        cause = "which can't be read as a version"
        if wanted:
            try:
                return f"{node.bring(as_builder, self.wanted['uv'], self.wanted['python'], self.site.root / 'cache', wanted)}:"
            except Trouble as error:
                cause = f"which the package index can't give ({error.cause})"
        instead = f"Node {here}" if here else "no Node at all"
        self.warnings.append(
            f"{place} asks for Node {wish}, {cause}. {os.uname().nodename} builds with {instead}; "
            "site_build_packages decides of which it has."
        )
        return ""

    def _lay_out(self, source: Path, project: Path, venv: Path, settings: str) -> None:
        """Link what belongs together, say how to run it, and take it out of the build account's hands."""
        run(
            [str(venv / "bin" / "python"), "-m", "compileall", "-q", "-x", r"node_modules|\.git/", str(source)],
            user=self.site.build_user,
        )
        for shared in self.wanted["shared_paths"]:
            self._share(source, shared)
        (self.folder / "project").symlink_to(os.path.relpath(project, self.folder))
        if venv.parent != self.folder:
            (self.folder / "venv").symlink_to(os.path.relpath(venv, self.folder))
        shutil.copytree(self.site.root / "lib", self.folder / "lib")
        layered = self.wanted["settings_mode"] == "layered"
        environment = {
            "DJANGO_SETTINGS_MODULE": "site_settings" if layered else settings,
            # As the working directory is known once Python is in it: by two spellings of one folder, an application without
            # __init__.py would lie in two places.
            "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(str, (self.folder / "lib", project.resolve(), source.resolve())))),
            "SITE_INTERFACE": self.wanted["interface"],
            "SITE_RELEASE": self.release,
            "STATIC_ROOT": str(self.folder / "static"),
        }
        if layered:
            environment["SITE_SETTINGS_MODULE"] = settings
        if self.wanted["application"]:
            environment["SITE_APPLICATION"] = self.wanted["application"]
        write_atomically(self.folder / "release.env", render(environment))
        self.site.fill_in(self.release)
        own(self.folder, "root", self.site.name)

    def _share(self, source: Path, shared: str) -> None:
        kept, linked = self.site.shared / shared, source / shared
        account = pwd.getpwnam(self.site.name)
        if not kept.exists():
            kept.mkdir(parents=True, mode=0o750)
            os.chown(kept, account.pw_uid, account.pw_gid)
        remove(linked)
        linked.parent.mkdir(parents=True, exist_ok=True)
        linked.symlink_to(kept)

    def _examine(self, source: Path, project: Path) -> dict[str, Any]:
        static = self.folder / "static"
        static.mkdir(mode=0o755)
        account = pwd.getpwnam(self.site.name)
        os.chown(static, account.pw_uid, account.pw_gid)
        interpreter = projects.Interpreter(self.site, self.release)
        answer = interpreter.ask("examine")
        if "failed" in answer:
            raise self._failed(answer["stage"], answer["failed"], interpreter.hidden)
        projects.refuse_other_settings(
            source, answer["application"], answer["checked_settings"], answer["served_settings"], answer["debug"]
        )
        if not checks_wait(answer):
            interpreter.refuse_errors(answer["errors"])
        answer["warnings"] = [redact(text, interpreter.hidden) for text in answer["warnings"]]
        self._compare_urls(answer)
        projects.refuse_database_in_release(self.folder, answer["files"])
        if answer["unmade"] and not self.wanted["unmade_migrations_allowed"]:
            raise Trouble(
                f"Models of {', '.join(answer['unmade'])} have changed without a migration.",
                "Run `manage.py makemigrations`, commit what it writes and deploy again; "
                "or set site_unmade_migrations_allowed to true.",
            )
        self._refuse_unmigrated(answer["unmigrated"], source, project)
        for command in self.wanted["static_commands"]:
            interpreter.manage(command)
        return answer

    def _refuse_unmigrated(self, applications: list[str], source: Path, project: Path) -> None:
        """Refuse a project that would serve without some of its tables."""
        if not applications or self.wanted["unmade_migrations_allowed"]:
            return
        raise projects.unmigrated(applications, source, project)

    def _compare_urls(self, answer: dict[str, Any]) -> None:
        """Refuse a project whose files visitors would ask for where the web server doesn't look."""
        for setting in ("static_url", "media_url"):
            theirs, ours = str(answer[setting] or ""), self.wanted[setting]
            if projects.is_elsewhere(theirs, ours):
                raise Trouble(
                    f"The project's {setting.upper()} is {theirs}, but the web server serves {ours}.",
                    f"Set site_{setting}: {theirs} in the inventory and run playbooks/site.yml.",
                )

    def _failed(self, stage: str, failure: dict[str, str], hidden: list[str]) -> Trouble:
        place = failure["place"].replace(f"{self.folder}/src/", "")
        detail = redact(f"{failure['type']}: {failure['text']} ({place})", hidden)
        if "No space left on device" in detail:
            return Trouble("The disk is full.", "Make room, or lower site_keep_releases, then deploy again.", detail)
        elsewhere = writing_remedy(detail, self.site.root)
        causes = {
            "import": ("The project can't be imported with production settings.", "Correct it, push, and deploy again; "
                       "a setting that it wants from the environment goes into site_env."),
            "check": ("The project's checks can't be run.", "Correct the project and deploy again."),
            "static": ("The static files can't be collected.", "Correct what `manage.py collectstatic` complains of; "
                       "with site_settings_mode: project, STATIC_ROOT must come from the environment."),
            "database": ("The database can't be asked for its migrations.", "See that PostgreSQL runs and lets the site in "
                         "(playbooks/status.yml), and that the project's settings use DATABASE_URL or site_env."),
        }  # fmt: skip
        cause, remedy = causes[stage]
        return Trouble(cause, elsewhere or remedy, detail)

    def _describe(self, commit: str, python: str, settings: str, venv: Path, answer: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": self.release,
            "commit": commit,
            "version": self.wanted["version"],
            "source": re.sub(r"(://)[^/@]*:[^/@]*@", r"\1", self.wanted["source"]),
            "built_at": now(),
            "built_by": self.wanted["by"],
            "python": python,
            "venv": venv.name,
            "settings": settings,
            **{key: answer[key] for key in ("application", "django", "static_url", "media_url", "media_root", "database")},
            "databases": projects.databases_of(answer["databases"]),
        }

    def _finish(self, described: dict[str, Any], answer: dict[str, Any]) -> None:
        """Seal the static files, name the application, and mark the release as finished."""
        static = self.folder / "static"
        own(static, "root", "root", directory_mode=static_files.FOLDER_MODE, file_mode=static_files.FILE_MODE)
        self._timed("static", lambda: static_files.seal(self.site, self.release))
        environment = self.folder / "release.env"
        known = {"SITE_APPLICATION": answer["application"], **parse(environment.read_text())}
        write_atomically(environment, render(known), 0o640)
        self.site.fill_in(self.release)
        write_atomically(self.folder / "RELEASE.json", json.dumps(described, indent=2, sort_keys=True) + "\n")


def checks_wait(answer: Mapping[str, Any]) -> bool:
    """Say whether a release's checks count only once its first tables are there, since some want to read them.

    Where no migration will make any, nothing would ask for them again.
    """
    return bool(answer["fresh"] and answer["pending"])
