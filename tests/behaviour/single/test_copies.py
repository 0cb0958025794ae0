"""A site's data goes to another site and to the operator's machine, and nowhere else."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.behaviour.kit.lab import Lab
from tests.behaviour.kit.sites import PLAIN, Site

# The distribution makes no difference here.
pytestmark = [pytest.mark.debian12, pytest.mark.about("postgresql", "django", "copy_site", "export", "import")]

NAME = "rehearsal"
SCRUBBED = "UPDATE journal_entry SET text_id = 'scrubbed-' || id; DELETE FROM django_session"
ENTRIES = "SELECT text_id FROM journal_entry ORDER BY id"
BASES = "SELECT datname FROM pg_database WHERE datname LIKE 'rehearsal%' ORDER BY 1"


@pytest.fixture(scope="module")
def staging(lab: Lab, plain: Site, workspace: Path) -> Site:
    """The same project as production, with a site of its own."""
    names = {"site_name": NAME, "site_domain": f"{NAME}.example", "site_aliases": []}
    site = Site(lab, PLAIN, workspace / NAME, **names)
    site.play("site").must_succeed()
    return site


@pytest.fixture
def picture(plain: Site, staging: Site) -> Iterator[str]:
    """What visitors of production have uploaded."""
    path = f"cat-{uuid.uuid4().hex}.txt"
    plain.app.run(f"install -D -o {plain.name} -g www-data -m 640 /etc/hostname {plain.root}/shared/media/deep/{path}")
    yield f"deep/{path}"
    plain.app.run(f"rm -rf {plain.root}/shared/media/deep")


def test_production_is_copied_into_staging_alone_and_scrubbed(plain: Site, staging: Site, picture: str) -> None:
    production, own = uuid.uuid4().hex, uuid.uuid4().hex
    assert plain.visitor.post("/", {"text_id": production}).status == 201
    assert staging.visitor.post("/", {"text_id": own}).status == 201
    before, serving = plain.database.texts(ENTRIES), plain.instances()
    source = {"copy_site_from": str(plain.folder / "hosts.yml")}

    # The wrong way round, as it is typed by mistake.
    wrong = plain.play("copy_site", copy_site_from=str(staging.folder / "hosts.yml")).must_fail()
    assert wrong.says("plain takes no copies", "nothing was changed"), wrong

    takes = {"site_copies_from": plain.name}
    staging.write_inventory(**takes, site_scrub_sql=f"{SCRUBBED}; SELECT 1 / 0")
    failed = staging.play("copy_site", **source).must_fail()
    assert failed.says("site_scrub_sql", "division by zero", "nothing is left of the other"), failed
    assert own in staging.database.texts(ENTRIES) and production not in staging.database.texts(ENTRIES)
    # What has "-before" in its name is of an earlier run.
    left = [*staging.database.texts(BASES), *staging.app.run(f"ls {staging.root}/shared").split()]
    assert not [name for name in left if "loading" in name], f"a copy of production that was not scrubbed is still there: {left}"
    assert staging.visitor.get("/version").status == 200

    forgets = f"shell -c \"from journal.models import Entry; Entry.objects.filter(text_id='{production}').delete()\""
    staging.write_inventory(**takes, site_scrub_commands=[forgets], site_scrub_sql=SCRUBBED)
    copied = staging.play("copy_site", **source).must_succeed()
    assert copied.says("has the data of plain now", "scrubbed before anybody could see it"), copied
    numbers = plain.database.texts(f"SELECT id FROM journal_entry WHERE text_id <> '{production}' ORDER BY id")
    assert staging.database.texts(ENTRIES) == [f"scrubbed-{number}" for number in numbers]
    assert staging.app.run(f"stat --format '%U %a' {staging.root}/shared/media/{picture}") == f"{NAME} 640"
    assert staging.visitor.get(f"/media/{picture}").body == plain.visitor.get(f"/media/{picture}").body
    # It can write, with the account that it had.
    assert staging.visitor.post("/", {"text_id": uuid.uuid4().hex}).status == 201
    assert staging.play("site").must_succeed().changed == 0

    assert (plain.database.texts(ENTRIES), plain.instances()) == (before, serving)


def test_an_export_comes_back_as_a_whole(plain: Site, staging: Site, picture: str, workspace: Path) -> None:
    assert plain.visitor.post("/", {"text_id": uuid.uuid4().hex}).status == 201
    folder = workspace / "export"
    shutil.rmtree(folder, ignore_errors=True)
    plain.play("export", export_path=str(folder)).must_succeed()
    assert sorted(path.name for path in folder.iterdir()) == ["database.dump", "uploads.tar"]
    assert [path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())] == [0o700, 0o600, 0o600]

    staging.write_inventory()
    assert staging.visitor.post("/", {"text_id": uuid.uuid4().hex}).status == 201
    asked = staging.play("import", import_from=str(folder)).must_fail()
    assert asked.says("has data already", f"import_replaces={NAME}"), asked
    staging.play("import", import_from=str(folder), import_replaces=NAME).must_succeed()
    assert staging.database.texts(ENTRIES) == plain.database.texts(ENTRIES)
    assert staging.visitor.get(f"/media/{picture}").status == 200
    assert staging.database.texts(BASES) == [NAME, f"{NAME}-before"]
