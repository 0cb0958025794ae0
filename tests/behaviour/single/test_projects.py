"""Any Django project, unmodified: three different ones, from every kind of source."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import ENVIRON, HASHED, PLAIN, Site
from tests.behaviour.kit.versions import versions
from tests.projects import variants

pytestmark = pytest.mark.about("django", "python", "release_build", "uv")

PROJECTS = {"plain": PLAIN, "gallery": ENVIRON, "stock": HASHED}
COLLECTION_WORDS = ("hotclub", "site_", "SITE_", "nginx", "ansible")


@pytest.mark.parametrize("name", PROJECTS)
def test_the_project_contains_nothing_made_for_the_collection(name: str) -> None:
    folder = variants.PROJECTS / PROJECTS[name].name
    for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in (".py", ".toml", ".txt")):
        found = [word for word in COLLECTION_WORDS if word in file.read_text(encoding="utf-8")]
        assert not found, f"{file.relative_to(folder)} speaks of {found}"


@pytest.mark.parametrize("name", PROJECTS)
def test_the_project_serves_reads_and_stores(name: str, request: pytest.FixtureRequest) -> None:
    site: Site = request.getfixturevalue(name)
    path = site.project.entries_path
    before = site.visitor.get(path).json["entries"]
    stored = site.visitor.post(path, {"text_id": f"from-{name}-{before}"})
    assert stored.status == 201, stored
    assert site.visitor.get(path).json["entries"] == before + 1
    assert site.database.value(f"SELECT count(*) FROM {site.project.entries_table}") == str(before + 1)


@pytest.mark.parametrize("name", PROJECTS)
def test_as_many_visitors_may_wait_as_the_variable_says(name: str, request: pytest.FixtureRequest) -> None:
    """What the kernel has for the socket after workers have started: asyncio listens anew, for a hundred."""
    site: Site = request.getfixturevalue(name)
    assert site.visitor.get(site.project.entries_path).status == 200
    # What holds requests, as while a database restarts, leaves room for more.
    assert int(site.app.run(f"ss -xlnH src /run/{site.name}/http.sock").split()[3]) >= 2048


@pytest.mark.parametrize("name", PROJECTS)
def test_database_connections_are_kept(name: str, request: pytest.FixtureRequest) -> None:
    """A connection for each request would be as many as there are requests; workers that start afresh have new ones, too."""
    site: Site = request.getfixturevalue(name)
    sessions = f"SELECT sessions FROM pg_stat_database WHERE datname = '{site.name}'"
    for _ in range(60):
        assert site.visitor.get(site.project.entries_path).status == 200
    left_open = site.database.texts(f"SELECT pid FROM pg_stat_activity WHERE usename = '{site.database_login}'")
    assert left_open, "no connection is left open after a request"
    opened = int(site.database.value(sessions))
    for _ in range(60):
        assert site.visitor.get(site.project.entries_path).status == 200
    opened_since = int(site.database.value(sessions)) - opened
    # Our own questions are sessions of this database, too.
    assert opened_since < 20, f"60 requests opened {opened_since} connections"


def test_visitors_who_leave_during_a_query_keep_no_connection_from_the_others(gallery: Site) -> None:
    """A query goes on after its visitor has left; cut off too early, its connection would never come back to the pool."""
    locked = f"BEGIN; LOCK TABLE {gallery.project.entries_table}; SELECT pg_sleep(8); COMMIT"
    path = gallery.project.entries_path
    with ThreadPoolExecutor(1) as operator, ExitStack() as visitors:
        lock = operator.submit(gallery.database.rows, locked)
        time.sleep(1)
        for _ in range(10 * len(gallery.instances())):
            visitor = visitors.enter_context(gallery.visitor.connect())
            visitor.sendall(f"GET {path} HTTP/1.1\r\nHost: {gallery.visitor.domain}\r\n\r\n".encode())
        time.sleep(1)
        visitors.close()
        lock.result()
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{gallery.database_login}' AND state <> 'idle'"
    limit = time.monotonic() + at_pace(30)
    while gallery.database.value(waiting) != "0" and time.monotonic() < limit:
        time.sleep(0.5)
    answers = [gallery.visitor.get(path).status for _ in range(20)]
    assert answers == [200] * 20


@pytest.mark.debian12
def test_a_branch_a_tag_and_a_commit_can_be_deployed(plain: Site, repositories: Path) -> None:
    repository = repositories / "plain.git"
    commit = variants.commit_of(repository, "v3")
    for version, expected in (("v2", "v2"), (commit, "v3"), (variants.BRANCH, "v1"), (commit[:10], "v3"), ("HEAD", "v1")):
        run = plain.deploy(version).must_succeed()
        assert plain.serves() == expected, f"{version} was deployed:\n{run}"
        described = plain.describe(plain.current())
        assert described["version"] == version
        assert described["commit"].startswith(plain.current().rpartition("-")[2])


@pytest.mark.debian12
def test_a_branch_that_moved_is_deployed_as_it_is_now(plain: Site, repositories: Path) -> None:
    repository = repositories / "plain.git"
    plain.at("v1")
    variants.move_branch(repository, "v2")
    try:
        plain.deploy(variants.BRANCH).must_succeed()
        assert plain.serves() == "v2"
    finally:
        variants.move_branch(repository, variants.FIRST)


@pytest.mark.debian12
def test_a_directory_of_the_controller_is_deployed_as_it_is_now(stock: Site) -> None:
    before = stock.current()
    version = Path(str(stock.variables["site_source"])) / "config" / "__init__.py"
    original = version.read_text(encoding="utf-8")
    version.write_text('VERSION = "edited"\n', encoding="utf-8")
    try:
        stock.play("deploy").must_succeed()
        assert stock.serves() == "edited"
        assert stock.current() != before
    finally:
        version.write_text(original, encoding="utf-8")
    stock.play("deploy").must_succeed()
    assert stock.serves() == "v1"


@pytest.mark.debian12
def test_a_project_without_a_lock_is_deployed_from_its_pyproject(gallery: Site) -> None:
    gallery.deploy("no-lock").must_succeed()
    assert gallery.serves() == "v1"
    assert gallery.describe(gallery.current())["version"] == "no-lock"
    gallery.deploy("v1").must_succeed()


@pytest.mark.debian12
def test_an_application_without_init_is_served(plain: Site) -> None:
    plain.deploy("no-init").must_succeed()
    assert plain.visitor.get("/").json["version"] == "no-init"
    plain.deploy("v1").must_succeed()


@pytest.mark.debian12
def test_changed_requirements_are_installed_beside_those_that_serve(plain: Site) -> None:
    _, following, _ = versions(plain)
    before = plain.app.run(f"readlink -f {plain.root}/current/venv")
    plain.deploy("more-requirements").must_succeed()
    assert plain.serves() == "more-requirements"
    assert plain.app.run(f"readlink -f {plain.root}/current/venv") != before
    plain.deploy(following).must_succeed()
    assert plain.app.run(f"readlink -f {plain.root}/current/venv") == before, "the same requirements were installed again"


@pytest.mark.debian12
def test_a_requirement_whose_hash_differs_is_refused(stock: Site, repositories: Path) -> None:
    run = stock.play("deploy", site_source="file:///srv/git/hashed.git", site_version="wrong-hashes").must_fail()
    assert run.says("hash", "requirements.txt"), run
    assert stock.serves() == "v1"


class Keeper:
    """A git server that has a project with a private submodule, and lets a key in for its own repository alone."""

    ACCOUNT = "git-keeper"

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.folder = folder

    def url(self, repository: str) -> str:
        return f"ssh://{self.ACCOUNT}@127.0.0.1/home/{self.ACCOUNT}/{repository}.git"

    def key(self, name: str) -> str:
        path = self.folder / name
        path.unlink(missing_ok=True)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        return path.read_text(encoding="utf-8")

    def open(self, version: str, **repositories: str) -> None:
        """Serve a version of the project with a submodule, as the branch ``private``; each repository is opened by its key."""
        home = f"/home/{self.ACCOUNT}"
        granted = ""
        for repository, key_name in repositories.items():
            public = (self.folder / f"{key_name}.pub").read_text(encoding="utf-8").strip()
            granted += f"restrict,command=\"git-upload-pack '{home}/{repository}.git'\" {public}\n"
        self.machine.run(
            f"""
            id {self.ACCOUNT} 2>/dev/null || useradd --create-home --shell /usr/bin/git-shell {self.ACCOUNT}
            cd {home} && rm -rf plain widgets *.git
            commit() {{ git -C $1 add . && git -C $1 -c user.name=x -c user.email=x@example.org commit --quiet -m $1; }}
            git init --quiet widgets && echo private > widgets/widgets.txt && commit widgets
            git clone --quiet --branch {version} file:///srv/git/plain.git plain 2>/dev/null
            printf '[submodule "widgets"]\n\tpath = widgets\n\turl = {self.url("widgets")}\n' > plain/.gitmodules
            mkdir plain/widgets && git -C plain update-index --add --cacheinfo 160000,$(git -C widgets rev-parse HEAD),widgets
            commit plain && git -C plain branch --force private
            git clone --quiet --bare widgets widgets.git && git clone --quiet --bare plain plain.git
            install -d -m 0700 .ssh && printf %s {shlex.quote(granted)} > .ssh/authorized_keys
            chown -R {self.ACCOUNT}: {home}
            """
        )

    def close(self) -> None:
        self.machine.run(f"userdel --remove {self.ACCOUNT} 2>/dev/null || true")


@pytest.fixture
def keeper(app: Machine, workspace: Path) -> Iterator[Keeper]:
    keeper = Keeper(app, workspace)
    yield keeper
    keeper.close()


@pytest.mark.debian13
def test_a_private_repository_and_its_submodule_are_read_with_their_deploy_keys(plain: Site, keeper: Keeper) -> None:
    keys = [keeper.key("deploy-key"), keeper.key("key-of-widgets")]
    _, wanted, following = versions(plain)
    keeper.open(wanted, plain="deploy-key", widgets="key-of-widgets")
    source: dict[str, Any] = {"site_source": keeper.url("plain"), "site_submodule_deploy_keys": {keeper.url("widgets"): keys[1]}}
    run = plain.deploy("private", site_deploy_key=keys[0], **source).must_succeed()
    assert plain.serves() == wanted, run
    assert plain.app.run(f"cat {plain.root}/current/src/widgets/widgets.txt") == "private"
    for secret_line in (key.splitlines()[2] for key in keys):
        assert secret_line not in run.output
        trace = f"grep -rqF {shlex.quote(secret_line)} {plain.root} /tmp /var/tmp /etc /home 2>/dev/null"
        assert not plain.app.succeeds(trace), "a deploy key is still on the host after the deploy"

    refused = plain.deploy(following, site_deploy_key=keeper.key("another-key"), **source).must_fail()
    assert refused.says("site_deploy_key"), refused
    assert plain.serves() == wanted
