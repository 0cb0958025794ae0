"""Secrets are seen by those who need them and by nobody else."""

from __future__ import annotations

import base64
import shlex
import threading
import urllib.parse
from collections.abc import Iterable, Iterator

import pytest

from tests.behaviour.kit.index import PASSWORD, WHEEL, PrivateIndex, private_index
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions
from tests.behaviour.single.test_commands import TELLS

pytestmark = [pytest.mark.debian13, pytest.mark.about("django", "site")]

OWN_SECRET = "a-secret-that-the-operator-made-up-4711"
STORED_SECRET = "a-password-from-a-store-of-the-operator-4712"


def spellings(secret: str) -> set[str]:
    """A secret as it is, and as it may be written inside other things."""
    return {secret, urllib.parse.quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("=")}


def secrets_of(site: Site) -> dict[str, str]:
    return {**site.secrets, "site_env": OWN_SECRET, "store": STORED_SECRET}


def shown(run: Run, site: Site) -> list[str]:
    return [name for name, secret in secrets_of(site).items() if any(text in run.output for text in spellings(secret))]


class Watch:
    """Writes down every command line on a site's host while the block runs, as any account sees them, and looks for secrets."""

    def __init__(self, site: Site, secrets: Iterable[str]) -> None:
        self.site = site
        self.secrets = list(secrets)
        self.seen = ""

    def __enter__(self) -> Watch:
        script = (
            "rm -f /run/watch.stop; while [ ! -e /run/watch.stop ]; do sleep 0.05;"
            " runuser -u nobody -- sh -c 'cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null' | tr '\\0' ' '; done"
            " > /run/watch.seen"
        )
        self._thread = threading.Thread(target=self.site.app.run, args=(script,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.site.app.run("touch /run/watch.stop")
        self._thread.join()
        patterns = "\n".join(text for secret in self.secrets for text in spellings(secret))
        self.seen = self.site.app.run(f"grep -aoF {shlex.quote(patterns)} /run/watch.seen | sort -u; rm -f /run/watch.seen")


@pytest.fixture
def with_own_secret(plain: Site) -> Iterator[Site]:
    """A site with a secret of its own in its environment, and a database password that comes from elsewhere."""
    plain.at("v1")
    store = plain.folder / ".store"
    store.write_text(STORED_SECRET, encoding="utf-8")
    lookup = f"{{{{ lookup('ansible.builtin.file', '{store}') }}}}"
    plain.write_inventory(site_env={"PAYMENT_API_KEY": OWN_SECRET}, site_database_password=lookup)
    yield plain
    plain.write_inventory()
    plain.play("site").must_succeed()


def test_runs_show_no_secret_however_talkative_and_neither_does_the_process_list(with_own_secret: Site) -> None:
    site = with_own_secret
    with Watch(site, secrets_of(site).values()) as watch:
        runs = [
            site.play("site", "-vvv", "--check", "--diff").must_succeed(),
            site.play("site", "-vvv", "--diff").must_succeed(),
            site.play("deploy", "-vvv", "--diff", site_version="v2").must_succeed(),
            site.play("deploy", "-vvv", site_version="health-500", site_health_timeout_seconds=3).must_fail(),
            site.play("deploy", "-vvv", site_version="migration-fails").must_fail(),
            site.play("manage", "-vvv", manage_command="check --deploy").must_succeed(),
            site.play("status", "-vvv").must_succeed(),
            site.play("rollback", "-vvv").must_succeed(),
            site.play("rotate", "-vvv", rotate_what="database_password").must_fail(),
        ]
    assert runs[-1].says("site_database_password is set in the inventory", "only there it can be replaced"), runs[-1]
    assert site.database.told_to(site.database_login, STORED_SECRET) == site.name, "the password from the store is not in use"
    leaks = {" ".join(run.command[-2:]): names for run in runs if (names := shown(run, site))}
    assert not leaks, f"shown at -vvv: {leaks}"
    assert watch.seen == "", f"seen in the process list: {watch.seen}"
    pid = site.app.run(f"systemctl show --value --property MainPID {site.instances()[0]}")
    read_by_the_site = site.app.run(f"tr '\\0' '\\n' < /proc/{pid}/environ")
    assert f"PAYMENT_API_KEY={OWN_SECRET}" in read_by_the_site, "the site itself does not get the variable"


def test_no_file_that_everybody_may_read_holds_a_secret(plain: Site, gallery: Site, stock: Site) -> None:
    values = [secret for site in (plain, gallery, stock) for secret in site.secrets.values()]
    assert (found := readable_by_everybody(plain, values)) == "", f"readable by everybody:\n{found}"


def readable_by_everybody(site: Site, secrets: Iterable[str]) -> str:
    """The files of a site's host that any account may read and that hold one of the secrets."""
    values = [text for secret in secrets for text in spellings(secret)]
    site.app.shell.run("install -m 0644 /dev/null /run/patterns")
    site.app.run(f"printf '%s\\n' {' '.join(map(shlex.quote, values))} > /run/patterns")
    try:
        return site.app.run(
            "cd / && runuser -u nobody -- grep -rlIFs -f /run/patterns --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev"
            " --exclude=patterns / || true"
        )
    finally:
        site.app.run("rm -f /run/patterns")


@pytest.fixture
def index(plain: Site) -> Iterator[PrivateIndex]:
    """A package index on the controller that asks for a password; the site's inventory may name it."""
    with private_index(plain.app.sees_controller_at) as index:
        yield index
    plain.write_inventory()


def test_a_package_index_is_asked_with_a_password_that_nobody_sees(plain: Site, index: PrivateIndex) -> None:
    wrong = "not-the-password-4711"
    serving, _, _ = versions(plain)
    # An earlier run on this host has installed it already.
    plain.app.run(f"cd {plain.root}/venvs && rm -rf $(ls -d */lib/python*/site-packages/house_style.py | cut -d/ -f1)")
    with Watch(plain, [PASSWORD, wrong]) as watch:
        plain.write_inventory(site_package_index_url=index.url(wrong))
        refused = plain.deploy("private-requirement", "-vvv", "--diff").must_fail()
        plain.write_inventory(site_package_index_url=index.url())
        runs = [
            refused,
            plain.deploy("private-requirement", "-vvv", "--diff").must_succeed(),
            plain.play("site", "-vvv", "--diff", "--tags", "python").must_succeed(),
        ]
    assert index.refused and refused.says("site_package_index_url", "user name and password"), refused
    assert f"/files/{WHEEL}" in index.asked, "the package came from elsewhere"
    assert plain.serves() == "private-requirement"
    assert [run.command[-2:] for run in runs if PASSWORD in run.output or wrong in run.output] == []
    assert watch.seen == "", f"seen in the process list: {watch.seen}"
    assert (found := readable_by_everybody(plain, [PASSWORD, wrong])) == "", f"readable by everybody:\n{found}"
    journal = plain.app.run(f"journalctl --no-pager | grep -F -e {PASSWORD} -e {wrong} | head -3 || true")
    assert journal == "", journal
    kept = plain.app.run(f"grep -rlIF {PASSWORD} {plain.root} /opt /etc /home /root /var/cache /var/lib 2>/dev/null || true")
    assert kept == "", f"kept on the host:\n{kept}"
    plain.rollback().must_succeed()
    assert plain.serves() == serving


def test_a_lock_made_with_the_public_index_is_installed_from_another(gallery: Site) -> None:
    gallery.app.run(f"rm -rf {gallery.root}/venvs/{gallery.describe(gallery.current())['venv']}")
    with private_index(gallery.app.sees_controller_at) as index:
        gallery.deploy("v1", site_package_index_url=index.url()).must_succeed()
    assert "/simple/django/" in index.asked, index.asked
    assert gallery.serves() == "v1"


def test_the_journal_holds_no_secret(plain: Site, gallery: Site, stock: Site) -> None:
    values = "\n".join(text for site in (plain, gallery, stock) for secret in site.secrets.values() for text in spellings(secret))
    # What a project prints of its secrets is there, whoever runs it; one command of these tests does, for no run to show it.
    found = plain.app.run(
        f"journalctl --no-pager | grep -F {shlex.quote(values)} | grep -vF {shlex.quote(TELLS)} | head -3 || true"
    )
    assert found == "", found


def test_systemd_shows_no_secret_to_other_accounts(plain: Site) -> None:
    told = plain.app.run(f"cd / && runuser -u nobody -- systemctl show {plain.instances()[0]} {plain.name}.socket")
    assert [name for name, value in plain.secrets.items() if value in told] == []


def test_the_controllers_copies_belong_to_the_operator_alone(plain: Site) -> None:
    for file in (plain.folder / ".secrets" / plain.name).iterdir():
        assert file.stat().st_mode & 0o077 == 0, f"{file} can be read by others"
