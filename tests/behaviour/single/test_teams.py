"""Several people and machines look after one site: whoever lacks its secrets is told so, and changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.kit.sites import Site

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12

KEPT = "/var/lib/hotclub/secrets"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def state(site: Site) -> str:
    """What a run could have changed on the host."""
    return site.app.run(
        f"sha256sum {site.root}/etc/environment {KEPT}/{site.name}.json; readlink {site.root}/current; ls {site.root}/releases;"
        f" systemctl show --property MainPID {site.instances()[0]}; runuser -u postgres -- psql -Atc"
        f" \"SELECT rolpassword FROM pg_authid WHERE rolname LIKE '{site.name}%' ORDER BY rolname\""
    )


@pytest.fixture
def elsewhere(plain: Site) -> Iterator[Path]:
    """The site's folder of secrets is on another machine, and with it the authority that visitors trust."""
    plain.at("v1")
    folder = plain.folder / ".secrets"
    away = plain.folder / ".secrets-elsewhere"
    folder.rename(away)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
    away.rename(folder)


def test_a_machine_without_the_secrets_is_refused_and_told_what_to_bring(plain: Site, elsewhere: Path) -> None:
    before = state(plain)
    for run in (plain.play("site"), plain.play("site", "--tags", "nginx"), plain.deploy("v2")):
        refused = run.must_fail()
        assert refused.says("other secrets than the hosts of plain", "secret_key is not here", "database_password is not here"), (
            run
        )
        assert refused.says(f"Bring {elsewhere / 'plain'} from the machine that made them", "-e secrets_new=true"), run
        assert run.changed == 0, run
        assert not elsewhere.exists(), f"something was made: {sorted(elsewhere.rglob('*'))}\n{run}"
    assert state(plain) == before

    # What only looks works for everybody, and makes nothing either.
    plain.play("status").must_succeed()
    plain.play("manage", manage_command="check").must_succeed()
    assert not elsewhere.exists()

    shutil.copytree(elsewhere.with_name(".secrets-elsewhere"), elsewhere)
    assert plain.play("site").must_succeed().changed == 0


def test_a_host_converged_by_an_older_version_is_protected_too(plain: Site, elsewhere: Path) -> None:
    plain.app.run(f"mv {KEPT}/plain.json {KEPT}/plain.json.away")
    refused = plain.play("site").must_fail()
    assert refused.says("secret_key is not here", "database_password is not here"), refused
    assert not elsewhere.exists()

    shutil.copytree(elsewhere.with_name(".secrets-elsewhere"), elsewhere)
    assert plain.play("site").must_succeed().changed == 1, "the fingerprints are kept again, and nothing else changes"
    assert plain.app.run(f"cmp {KEPT}/plain.json {KEPT}/plain.json.away || stat -c %a:%U {KEPT}/plain.json").endswith("600:root")
    assert plain.play("site").must_succeed().changed == 0
    plain.app.run(f"rm {KEPT}/plain.json.away")


def test_a_folder_from_before_a_rotation_is_refused(plain: Site, tmp_path: Path) -> None:
    plain.at("v1")
    folder, stale = plain.folder / ".secrets", tmp_path / "stale"
    shutil.copytree(folder, stale)
    plain.play("rotate", rotate_what="all").must_succeed()
    plain.play("rotate", rotate_what="old_secret_keys").must_succeed()
    present = tmp_path / "present"
    folder.rename(present)
    shutil.copytree(stale, folder)
    try:
        before = content(folder)
        refused = plain.play("site").must_fail()
        assert refused.says("secret_key is another one", "database_password is another one"), refused
        assert content(folder) == before
    finally:
        shutil.rmtree(folder)
        shutil.copytree(present, folder)
    assert plain.play("site").must_succeed().changed == 0


def test_a_new_start_is_one_variable(plain: Site, elsewhere: Path) -> None:
    plain.play("site", secrets_new=True).must_succeed()
    assert plain.visitor.get("/").status == 200
    assert plain.play("site").must_succeed().changed == 0
    # And back to what the other tests have.
    shutil.rmtree(elsewhere)
    shutil.copytree(elsewhere.with_name(".secrets-elsewhere"), elsewhere)
    plain.play("site", secrets_new=True).must_succeed()
    assert plain.visitor.get("/").status == 200
