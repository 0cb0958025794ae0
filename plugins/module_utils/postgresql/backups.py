# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The backups of a host's PostgreSQL: what pgBackRest is told, and when.

A server has one archive, so the sites that share it share its backups, too. They are those of the site that was there first,
until it leaves; the next run of another one then begins anew, in a repository of its own.
"""

from __future__ import annotations

import datetime
import json
import os
import pwd
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal, Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import DAY_SECONDS, Run
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import FOR_BACKUPS

PROGRAM = "/usr/local/lib/hotclub/backups"
INTERPRETER = "/usr/bin/python3"
TIMER = "hotclub-backups.timer"
SERVICE = "hotclub-backups.service"
SETTINGS = "etc/hotclub/backups.json"
CONFIGURATION = "etc/pgbackrest/pgbackrest.conf"
# The package's own, which that one overrules, and which the package leaves to PostgreSQL's account.
PACKAGED = "etc/pgbackrest.conf"
# Its presence has PostgreSQL archive: see FOR_BACKUPS in sharing.py.
ARCHIVED = "var/lib/hotclub-backups/archived"
# What is left of a drill that was interrupted.
DRILL = "var/lib/hotclub-backups/drill"
CLUSTER = "main"
LOCAL = "/var/lib/pgbackrest"
# Of a site: on a host that sends backups its certificate, on the one that takes them what their server is told.
OF_HOST = "etc/hotclub/{site}-backup"
# A line of its own file, by the number of a repository.
OPTION = re.compile(r"^repo([0-9]+)-([a-z0-9-]+)=(.*)$", re.MULTILINE)
ARCHIVE_COMMAND = re.compile(r"^[ \t]*archive_command[ \t=]+'(?P<command>(?:[^']|'')+)'", re.MULTILINE)
HEADER = """\
# Backups of PostgreSQL {version}, of the site {site}.
# Put together by Ansible from pgbackrest_repositories and others. Change the inventory, and run the playbook again.

"""


@dataclass(frozen=True)
class Wanted:
    """What a site says of its server's backups."""

    site: str
    version: str
    port: int
    passphrase: str
    repositories: Sequence[Mapping[str, Any]]
    hour: int
    full_days: int
    kept_fulls: int
    drill_days: int
    queue_mb: int
    processes: int
    # Whether the site has new secrets on purpose.
    anew: bool = False
    # The host that takes backups: its name, address, port, and the folder in which each site has one.
    host: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Wanted:
        """Return it from the arguments of a step."""
        return cls(**{name: said[name] for name in cls.__dataclass_fields__ if said[name] is not None})

    @property
    def is_elsewhere(self) -> bool:
        """Whether any repository is on another machine."""
        return any(repository["type"] != "local" for repository in self.repositories)

    @property
    def is_sent(self) -> bool:
        """Whether backups are sent to a host that takes them."""
        return any(repository["type"] == "host" for repository in self.repositories)

    def place(self, repository: Mapping[str, Any]) -> str:
        """Return where a repository is, in a word for people; the path of a local one."""
        if repository["type"] == "local":
            return f"{repository.get('path') or LOCAL}/{self.site}"
        if repository["type"] == "host":
            return f"{self.host['name']}:{self.host['path']}/{self.site}"
        return f"{repository['endpoint']}/{repository['bucket']}{repository.get('path') or f'/{self.site}'}"

    def settings(self) -> str:
        """Return what the program reads, which makes the backups: nothing secret."""
        places = [
            {"number": number, "where": self.place(repository), "elsewhere": repository["type"] != "local"}
            for number, repository in enumerate(self.repositories, 1)
        ]
        said = {"site": self.site, "version": self.version, "cluster": CLUSTER, "port": self.port, "repositories": places}
        said |= {"hour": self.hour, "full_days": self.full_days, "drill_days": self.drill_days, "queue_mb": self.queue_mb}
        return json.dumps(said, indent=2) + "\n"

    def configuration(self) -> str:
        """Return pgBackRest's own file."""
        lines = ["[global]"]
        for number, repository in enumerate(self.repositories, 1):
            options = {
                **self.options_of_place(repository),
                "cipher-type": "aes-256-cbc",
                "cipher-pass": self.passphrase,
                "bundle": "y",
            }
            options["retention-full"] = str(repository.get("kept_fulls") or self.kept_fulls)
            lines += [f"repo{number}-{name}={value}" for name, value in options.items()]
        lines += ["start-fast=y", "compress-type=zst", f"process-max={self.processes}", "lock-path=/run/postgresql/pgbackrest"]
        if self.is_elsewhere or len(self.repositories) > 1:
            # Several files of the log at a time, none in the server's way, and all of them where one repository takes none.
            lines += ["archive-async=y", "spool-path=/var/spool/pgbackrest"]
        if self.queue_mb:
            lines += [f"archive-push-queue-max={self.queue_mb}MiB"]
        data = f"/var/lib/postgresql/{self.version}/{CLUSTER}"
        own = [f"[{CLUSTER}]", f"pg1-path={data}", f"pg1-port={self.port}", "pg1-socket-path=/run/postgresql"]
        return HEADER.format(version=self.version, site=self.site) + "\n".join([*lines, "", *own]) + "\n"

    def options_of_place(self, repository: Mapping[str, Any]) -> dict[str, str]:
        """Return where pgBackRest finds a repository."""
        if repository["type"] == "local":
            return {"path": self.place(repository)}
        if repository["type"] == "host":
            here = f"/{OF_HOST.format(site=self.site)}"
            return {
                "host": str(self.host["address"]),
                "host-type": "tls",
                "host-port": str(self.host["port"]),
                # Of that host, whose own package has one that its server can't read.
                "host-config": f"{here}/pgbackrest.conf",
                "host-ca-file": f"{here}/certificate/authority.pem",
                "host-cert-file": f"{here}/certificate/fullchain.pem",
                "host-key-file": f"{here}/certificate/privkey.pem",
                "path": f"{self.host['path']}/{self.site}",
            }
        options = {
            "type": "s3",
            "path": str(repository.get("path") or f"/{self.site}"),
            "s3-bucket": str(repository["bucket"]),
            "s3-endpoint": str(repository["endpoint"]),
            "s3-region": str(repository.get("region") or "us-east-1"),
            "s3-uri-style": "path",
            "s3-key": str(repository["access_key_id"]),
            "s3-key-secret": str(repository["secret_access_key"]),
        }
        return options | ({"storage-ca-file": str(repository["ca_path"])} if repository.get("ca_path") else {})


def other_passphrase(wanted: Wanted) -> Refusal:
    """Return why backups can't go on with this passphrase."""
    return Refusal(
        f"The backups of {wanted.site} on {os.uname().nodename} are encrypted by another passphrase than "
        "site_backup_passphrase, and could not be read by it.",
        "Put the former one back, from where the inventory's secrets are kept; or begin anew with "
        "pgbackrest_repositories in another path, and with backup_server_path in another one for type host.",
    )


class Backups:
    """The backups of this host."""

    def __init__(self, run: Run, root: str = "/") -> None:
        self.run = run
        self.root = Path(root)

    @property
    def keeper(self) -> str:
        """The site of which they are; empty for none."""
        return str(self.settings.get("site", ""))

    @property
    def settings(self) -> dict[str, Any]:
        """What the program that makes the backups has been told; nothing where there are none."""
        try:
            said: dict[str, Any] = json.loads((self.root / SETTINGS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return said

    def refuse_none(self) -> None:
        """Refuse what needs backups, where there are none.

        :raises Trouble: there are none.
        """
        if not self.keeper:
            raise Trouble(
                f"{os.uname().nodename} makes no backups of PostgreSQL.",
                "Run playbooks/site.yml, with site_backups_enabled: true.",
            )

    def steps(self, wanted: Wanted) -> Iterator[tuple[str, Callable[[], None]]]:
        """Return what is left to do until the backups are as wanted, in order.

        :raises Refusal: the repository is encrypted by another passphrase.
        """
        if self.keeper not in ("", wanted.site):
            return
        former = _text(self.root / CONFIGURATION)
        unreadable = _of_other_passphrase(wanted, former)
        if unreadable and (not wanted.anew or any(repository["type"] != "local" for repository in unreadable)):
            raise other_passphrase(wanted)
        for repository in unreadable:
            yield "begin anew", lambda repository=repository: self._set_aside(wanted.place(repository))  # type: ignore[misc]
        if not self.keeper:
            self._refuse_other_archive(wanted)
        yield from self._folders(wanted, "" if unreadable else former)
        changed = False
        for path, text, secret in ((CONFIGURATION, wanted.configuration(), True), (SETTINGS, wanted.settings(), False)):
            if _text(self.root / path) != text:
                changed = True
                yield path, lambda path=path, text=text, secret=secret: self._put(path, text, secret)  # type: ignore[misc]
        yield from self._packaged()
        if not wanted.is_sent:
            yield from self._certificate_of(wanted.site)
        yield from self._timer(changed)

    def _timer(self, changed: bool) -> Iterator[tuple[str, Callable[[], None]]]:
        """Return what is left to do until the timer runs.

        :param changed: whether what the backups are told is new.
        """
        shown = self.run(["systemctl", "show", TIMER, "--property=ActiveState,UnitFileState,NeedDaemonReload"]).stdout
        unit = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        if unit.get("NeedDaemonReload") == "yes" or unit.get("UnitFileState", "") == "":
            yield "reload", lambda: self._systemctl("daemon-reload")
        if unit.get("UnitFileState") != "enabled":
            yield "enable", lambda: self._systemctl("enable", "--quiet", TIMER)
        if unit.get("ActiveState") != "active" or changed:
            # It looks soon after its start what is due.
            yield "start", lambda: self._systemctl("restart", TIMER)

    def _packaged(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Return what is left to do until root alone can change the package's own file."""
        path = self.root / PACKAGED
        if path.exists() and path.stat().st_uid != 0:
            yield PACKAGED, lambda: os.chown(path, 0, -1)

    def _certificate_of(self, site: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """Return what is left to do until nothing proves to a host that takes backups who this one is."""
        folder = self.root / OF_HOST.format(site=site) / "certificate"
        if os.path.isdir(folder):
            yield str(folder), lambda: shutil.rmtree(folder)

    def _folders(self, wanted: Wanted, former: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """Return what is left to do until PostgreSQL's account can write to folders that are not pgBackRest's own.

        :param former: pgBackRest's file as far as it still counts.
        :raises Refusal: a folder is not there; made here, it would be beside a disk that has not been mounted.
        """
        for repository in wanted.repositories:
            if repository["type"] != "local" or not repository.get("path"):
                continue
            path = wanted.place(repository)
            full = self.root / path.lstrip("/")
            if full.is_dir():
                continue
            missing = path if f"-path={path}\n" in former else repository["path"]
            if missing == path or not full.parent.is_dir():
                raise Refusal(
                    f"The folder {missing} of pgbackrest_repositories is not on {os.uname().nodename}.",
                    "Mount its disk. To begin anew, make the folder, and in it an empty one of postgres with the site's name.",
                )
            yield path, lambda full=full: self._make(full)  # type: ignore[misc]

    @staticmethod
    def _make(folder: Path) -> None:
        folder.mkdir(mode=0o750)
        postgres = pwd.getpwnam("postgres")
        os.chown(folder, postgres.pw_uid, postgres.pw_gid)

    def _set_aside(self, path: str) -> None:
        """Leave backups that the site can't read any more, and have nothing archived until there is a new repository."""
        files.remove(self.root / ARCHIVED)
        full = self.root / path.lstrip("/")
        if full.exists():
            full.rename(f"{full}.{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S}")

    def _refuse_other_archive(self, wanted: Wanted) -> None:
        folder = self.root / "etc/postgresql" / wanted.version / CLUSTER
        data = self.root / "var/lib/postgresql" / wanted.version / CLUSTER
        # The last two have what Patroni and ALTER SYSTEM say.
        theirs = (data / "postgresql.conf", data / "postgresql.auto.conf")
        for path in (folder / "postgresql.conf", *sorted((folder / "conf.d").glob("*.conf")), *theirs):
            found = ARCHIVE_COMMAND.search(_text(path))
            if found and found["command"] != FOR_BACKUPS["archive_command"]:
                raise Refusal(
                    f"PostgreSQL on {os.uname().nodename} is archived by something else already: {path} says archive_command = "
                    f"'{found['command']}'.",
                    "Leave the backups to it with site_backups_enabled: false; or take the line out, and archive_command out of "
                    "postgresql_settings.",
                )

    def _put(self, path: str, text: str, secret: bool) -> None:
        full = self.root / path
        full.parent.mkdir(parents=True, exist_ok=True)
        owner = (0, pwd.getpwnam("postgres").pw_gid) if secret else None
        files.put(full, text, 0o640 if secret else 0o644, owner)

    def leave(self, site: str) -> Iterator[tuple[str, Callable[[], None]]]:
        """Return what is left to do until the site makes no backups here; what it has stays in its repositories."""
        if self.keeper != site:
            yield from self._certificate_of(site)
            return
        yield "disable", lambda: self._systemctl("disable", "--quiet", "--now", TIMER)
        # One that is under way would have PostgreSQL archive again, into a repository that nothing names any more.
        yield "stop", lambda: self._systemctl("stop", SERVICE)
        for path in (ARCHIVED, SETTINGS, CONFIGURATION):
            if (self.root / path).exists():
                yield path, lambda path=path: files.remove(self.root / path)  # type: ignore[misc]
        yield from self._certificate_of(site)
        if (self.root / DRILL).exists():
            yield "drill", lambda: shutil.rmtree(self.root / DRILL)

    def _systemctl(self, *words: str) -> None:
        done = self.run(["systemctl", *words])
        if done.code:
            raise Trouble(f"systemctl {' '.join(words)} failed: {done.output}")

    def ask(self, *words: str) -> dict[str, Any]:
        """Have the program do something as PostgreSQL's account, and return what it says.

        :raises Trouble: it failed; says how.
        """
        self.refuse_none()
        done = self.run([INTERPRETER, "-I", PROGRAM, *words], user="postgres", timeout=DAY_SECONDS)
        if done.code:
            raise Trouble(done.stderr.strip() or f"{PROGRAM} {' '.join(words)} ended with {done.code}.")
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


def _of_other_passphrase(wanted: Wanted, former: str) -> list[Mapping[str, Any]]:
    """Return the repositories of which pgBackRest's present file says that they are encrypted by another passphrase."""
    said: dict[str, dict[str, str]] = {}
    for number, name, value in OPTION.findall(former):
        said.setdefault(number, {})[name] = value
    found = []
    for repository in wanted.repositories:
        told = wanted.options_of_place(repository)
        mark = {name: told[name] for name in ("path", "host", "s3-bucket", "s3-endpoint") if name in told}
        if any(
            mark.items() <= one.items()
            and (one.get("type"), one.get("host")) == (told.get("type"), told.get("host"))
            and one.get("cipher-pass") != wanted.passphrase
            for one in said.values()
        ):
            found.append(repository)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
