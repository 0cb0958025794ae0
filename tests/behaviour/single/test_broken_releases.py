"""Releases that must not serve: the old one goes on, the message names cause and remedy, the next good one works."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

RATE = 20


@dataclasses.dataclass(frozen=True)
class Broken:
    """A release that must be refused, and words that its refusal must contain."""

    version: str
    says: tuple[str, ...]
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)
    # Whether a good one follows at once. One for each part of a deploy that can fail; after the others comes the next broken one,
    # whose own message tells that nothing is in its way.
    good_follows: bool = False

    def __str__(self) -> str:
        return self.version


BROKEN = [
    Broken("import-fails", ("a_module_nobody_wrote", "journal/views.py")),
    Broken("wsgi-fails", ("this release cannot be served", "mysite/wsgi.py")),
    Broken("settings-assigned", ("mysite/wsgi.py:14 says", "mysite.settings", "and not with site_settings", "setdefault")),
    Broken("settings-assigned-when-served", ("mysite/wsgi.py:17 says", "mysite.settings", "and not with site_settings")),
    Broken("database-elsewhere-when-served", ("database default is", "_elsewhere on", "the host gives it", "mysite.wsgi")),
    Broken("old-gunicorn", ("gunicorn 20.1.0", "pkg_resources", "Take it out of the requirements")),
    Broken("health-500", ("500", "GET /", "this release cannot answer"), {"site_health_timeout_seconds": 6}, good_follows=True),
    Broken("hangs", ("GET /", "within 5 s"), {"site_health_timeout_seconds": 5}),
    Broken("check-fails", ("own checks find errors", "journal.E042", "no account for payments")),
    Broken("migration-fails", ("journal.0002_broken", "this migration cannot be applied"), good_follows=True),
    Broken("migration-forgotten", ("journal", "makemigrations")),
    Broken("migrations-ignored", ("journal has models and no migrations", "makemigrations journal", ".gitignore:")),
    Broken("unresolvable", ("5.2.9999", "requirements.txt"), good_follows=True),
    Broken("python-too-new", ("3.99", "python_version")),
    Broken("no-manage", ("manage.py", "site_project_path")),
    Broken("no-such-version", ("no-such-version", "site_version"), good_follows=True),
]


def is_refused(site: Site, version: str, **variables: Any) -> Run:
    """Deploy what must not serve, under load, and see that nothing but the message is left of it."""
    serving, current, releases, shape = site.serves(), site.current(), site.releases(), site.database.shape
    plan = site.load(rate=RATE)
    with constant_load(plan) as load:
        run = site.deploy(version, **variables).must_fail()
    verdict = judge(load.finish(), site.stored(plan))
    assert verdict.flawless, f"{verdict}\n{run}"
    assert set(verdict.versions) == {serving}, f"{verdict}\n{run}"
    assert (site.serves(), site.current(), site.releases()) == (serving, current, releases), run
    assert site.database.shape == shape, f"the database is not as before:\n{run}"
    return run


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_broken_release_changes_nothing_and_is_explained(plain: Site, broken: Broken) -> None:
    _, good, _ = versions(plain)
    run = is_refused(plain, broken.version, **broken.variables)
    missing = [words for words in broken.says if not run.says(words)]
    assert not missing, f"the message does not say {missing}:\n{run}"
    assert plain.app.name in run.output, f"the message does not name the host:\n{run}"

    if broken.good_follows:
        plain.deploy(good).must_succeed()
        assert plain.serves() == good


def test_a_lock_for_a_newer_python_is_refused(gallery: Site) -> None:
    before = gallery.current()
    run = gallery.deploy("python-too-new").must_fail()
    assert run.says("3.99", "python_version"), run
    assert (gallery.serves(), gallery.current()) == ("v1", before)


def test_a_completed_migration_before_the_failing_one_is_told(plain: Site, clean_schema: Callable[[], None]) -> None:
    plain.at("v1")
    run = plain.deploy("second-migration-fails").must_fail()
    assert run.says("journal.0002_note", "journal.0003_broken", "this migration cannot be applied"), run
    applied = plain.database.texts("SELECT name FROM django_migrations WHERE app = 'journal' ORDER BY 1")
    assert applied == ["0001_initial", "0002_note"], applied
    assert plain.serves() == "v1"
    plain.deploy("v2").must_succeed()
    assert plain.serves() == "v2"


def test_a_migration_that_cannot_get_its_lock_gives_up(plain: Site, clean_schema: Callable[[], None]) -> None:
    """Somebody's open transaction has read the table: waiting on and on would make every visitor wait behind us.

    When the transaction ends in time, a later attempt gets through.
    """
    plain.at("v1")
    hold = f"BEGIN; SELECT count(*) FROM {plain.project.entries_table}; SELECT pg_sleep(120);"
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%pg_sleep%'"
    unit = "a-long-transaction"
    plain.lab.db.run(f"cd / && systemd-run --unit {unit} --uid postgres --quiet psql -X -d {plain.name} -c '{hold}'")
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    psql = f"runuser -u postgres -- psql -XAtq -d {plain.name} -c"
    # Once somebody has waited for as long as one attempt lasts.
    ends_later = f'cd /; until [ "$({psql} "{waits}")" != 0 ]; do sleep 0.1; done; sleep 1.5; {psql} "{end}"'
    ending = "the-end-of-a-long-transaction"
    once = {"site_migration_lock_timeout_seconds": 1, "site_migration_lock_pause_seconds": 1}
    try:
        run = plain.deploy("additive", **once, site_migration_lock_attempts=2).must_fail()
        assert run.says("lock timeout"), run
        assert run.says("waited 1 s, 2 times,", "site_migration_lock_timeout_seconds"), run
        assert plain.serves() == "v1"
        assert plain.database.value("SELECT count(*) FROM django_migrations WHERE app = 'journal' AND name = '0002_note'") == "0"
        plain.lab.db.run(f"systemd-run --unit {ending} --quiet sh -c {shlex.quote(ends_later)}")
        run = plain.deploy("additive", **once, site_migration_lock_attempts=4).must_succeed()
    finally:
        plain.database.rows(end)
        for each in (unit, ending):
            plain.lab.db.run(f"systemctl stop {each} 2>/dev/null; systemctl reset-failed {each} 2>/dev/null; true")
    assert run.says("were applied at the attempt number"), run
    assert plain.serves() == "additive"


def test_a_source_that_cannot_be_reached_is_refused(plain: Site) -> None:
    serving, following, _ = versions(plain)
    run = plain.deploy(following, site_source="file:///srv/git/nobody-made-this.git").must_fail()
    assert run.says("nobody-made-this.git", "site_source"), run
    assert plain.serves() == serving


def test_a_failing_build_command_is_refused(plain: Site) -> None:
    serving, following, _ = versions(plain)
    run = plain.deploy(following, site_build_commands=["sh -c 'echo the front end is broken; exit 3'"]).must_fail()
    assert run.says("the front end is broken", "site_build_commands"), run
    assert plain.serves() == serving


def test_a_failed_hook_stops_the_deploy(plain: Site, workspace_hook: Callable[[str], str]) -> None:
    serving, following, _ = versions(plain)
    failing = workspace_hook("- name: Refuse on Fridays\n  ansible.builtin.fail:\n    msg: nobody deploys on a Friday\n")
    run = plain.deploy(following, site_hook_before_switch=failing).must_fail()
    assert run.says("nobody deploys on a Friday"), run
    assert plain.serves() == serving


def test_hooks_run_around_each_phase(plain: Site, workspace_hook: Callable[[str], str]) -> None:
    _, following, _ = versions(plain)
    phases = [f"{moment}_{phase}" for phase in ("build", "migrate", "switch") for moment in ("before", "after")]
    hooks = {
        f"site_hook_{phase}": workspace_hook(f"- name: Tell {phase}\n  ansible.builtin.debug:\n    msg: this is {phase}\n")
        for phase in phases
    }
    run = plain.deploy(following, **hooks).must_succeed()
    places = [run.output.find(f"this is {phase}") for phase in phases]
    assert -1 not in places and places == sorted(places), f"{dict(zip(phases, places, strict=True))}\n{run}"


def test_a_full_disk_changes_nothing(plain: Site) -> None:
    """The whole site moves to a file system of its own with a few MiB to spare, and a release does not fit any more."""
    serving, following, _ = versions(plain)
    with SmallDisk(plain, serving, spare_mb=8):
        run = is_refused(plain, "more-requirements", site_minimum_free_mb=0)
        assert run.says("disk is full"), run
        too_little = is_refused(plain, following)
        assert too_little.says("MiB free", "site_minimum_free_mb"), too_little
    plain.deploy(following).must_succeed()
    assert plain.serves() == following


class SmallDisk:
    """Puts a site's folder onto a small file system of its own, for as long as the block runs."""

    def __init__(self, site: Site, serving: str, spare_mb: int) -> None:
        self.site = site
        self.serving = serving
        self.spare_mb = spare_mb

    def __enter__(self) -> None:
        root = self.site.root
        self.site.app.run(
            f"""
            set -e
            mkdir -p /mnt/small && used=$(du -sm {root} | cut -f1)
            mount -t tmpfs -o size=$((used + {self.spare_mb}))m small /mnt/small
            cp -a {root}/. /mnt/small/ && chmod --reference={root} /mnt/small && chown --reference={root} /mnt/small
            mount --bind /mnt/small {root}
            """
        )
        self._restart()

    def __exit__(self, *_: object) -> None:
        self.site.app.run(
            f"systemctl stop '{self.site.name}@*'; umount -l {self.site.root}; umount -l /mnt/small; rmdir /mnt/small"
        )
        self._restart()

    def _restart(self) -> None:
        """Let the site's processes see the folder as it is mounted now."""
        self.site.app.run(f"systemctl restart {' '.join(self.site.instances()) or self.site.name + '.socket'}")
        self.site.await_version(self.serving)
