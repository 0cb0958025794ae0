"""Uploads and database are one restore point."""

from __future__ import annotations

import uuid

import pytest

from tests.behaviour.kit.confinement import assert_exposure
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("uploads_backup", "backup", "restore", "status")]


def test_uploads_come_back_with_the_database_of_the_same_moment(gallery: Site, app: Machine) -> None:
    lost, changed, later = (uuid.uuid4().hex for _ in range(3))
    content = {name: f"%PDF-1.7 {name}".encode() for name in (lost, changed, later)}

    def stored(name: str) -> str:
        answer = gallery.visitor.upload("/pictures", {"text_id": name}, f"{name}.pdf", content[name])
        assert answer.status == 201, answer
        return str(answer.json["url"])

    def rows(name: str) -> str:
        return gallery.database.value(f"SELECT count(*) FROM pictures_picture WHERE text_id = '{name}' AND file LIKE '%{name}%'")

    media = f"{gallery.root}/shared/media"
    urls = {lost: stored(lost), changed: stored(changed)}
    gallery.play("backup", backup_name=f"with-{lost}", backup_kind="diff").must_succeed()
    urls[later] = stored(later)
    app.run(f"cd {media}/pictures && rm {lost}*.pdf && echo 'another one' > {changed}.pdf")
    gallery.database.rows(f"DELETE FROM pictures_picture WHERE text_id = '{lost}'")
    assert gallery.visitor.get(urls[lost]).status == 404

    beside = gallery.play("restore", restore_name=f"with-{lost}", restore_beside=f"t{lost[:8]}", restore_port=5498).must_succeed()
    copy = f"{media}-restored-t{lost[:8]}"
    try:
        assert beside.says(copy), beside
        assert (
            app.run(f"cat {copy}/pictures/{lost}.pdf {copy}/pictures/{changed}.pdf").encode() == content[lost] + content[changed]
        )
        assert gallery.visitor.get(urls[lost]).status == 404, "the live files were touched"
    finally:
        app.run(f"rm -r {copy}; pg_dropcluster --stop $(ls /etc/postgresql) t{lost[:8]}")

    refused = gallery.play("restore", restore_name=f"with-{lost}").must_fail()
    assert refused.says("1 uploaded files would come back", "1 that have changed since", "None is removed"), refused
    assert gallery.visitor.get(urls[lost]).status == 404 and rows(lost) == "0"

    restored = gallery.play("restore", restore_name=f"with-{lost}", restore_confirmed=gallery.name).must_succeed()
    assert restored.says("1 files came back, 1 were replaced"), restored
    assert (rows(lost), rows(changed), rows(later)) == ("1", "1", "0")
    # What was uploaded since is in nobody's way, and may be what somebody misses.
    assert {name: gallery.visitor.get(url).body for name, url in urls.items()} == content
    owner = app.run(f"stat -c '%U %G %a' {media}/pictures/{lost}.pdf {media}/pictures/{later}.pdf").splitlines()
    assert owner[0] == owner[1], owner

    status = gallery.play("status")
    assert status.says("the newest copy of the uploads is of"), status


def test_the_copies_are_for_root_alone_and_the_unit_is_confined(gallery: Site, app: Machine) -> None:
    copies = f"/var/lib/hotclub-uploads/{gallery.name}"
    assert not app.succeeds(f"runuser -u {gallery.name} -- ls {copies}")
    assert app.run(f"stat -c '%U %a' /etc/hotclub/{gallery.name}-uploads/passphrase") == "root 600"
    assert_exposure(app, f"{gallery.name}-uploads@hourly.service", 2.0)
    gallery.play("site").must_succeed()
    app.run(f"systemctl start {gallery.name}-uploads@hourly.service")
