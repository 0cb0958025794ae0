"""Uploads on a file system of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.sites import Site

pytestmark = [pytest.mark.debian13, pytest.mark.about("gunicorn", "django", "release_switch", "site")]

DISK = "/mnt/pictures"
FOLDER = f"{DISK}/gallery/uploads"


@pytest.fixture
def disk(app: Machine, gallery: Site) -> Iterator[str]:
    """Another disk of the host, as far as a container can have one."""
    app.run(f"mkdir -p {DISK} && mount -t tmpfs -o size=64m a-disk {DISK}")
    yield DISK
    # An instance that has it open holds it until the site is back at its own folder.
    gallery.play("site")
    app.run(f"umount --lazy {DISK}; rmdir {DISK}")


def test_a_disk_of_its_own_takes_uploads_from_inside_the_sandbox(gallery: Site, disk: str) -> None:
    gallery.play("site", site_media_path=FOLDER).must_succeed()
    owner = gallery.app.run(f"stat --format '%U:%G %a' {FOLDER}")
    assert owner == f"{gallery.name}:www-data 2750", owner
    content = b"%PDF-1.7 on a disk of its own"
    stored = gallery.visitor.upload("/pictures", {"text_id": "on-a-disk"}, "disk.pdf", content)
    assert stored.status == 201, stored
    assert gallery.visitor.get(stored.json["url"]).body == content
    assert gallery.app.run(f"cat {FOLDER}/pictures/$(basename {stored.json['url']}) || find {FOLDER}") == content.decode()
    required = gallery.app.run(f"systemctl show --property RequiresMountsFor {gallery.instances()[0]}")
    assert FOLDER in required, required

    serving, other = gallery.serves(), "v2" if gallery.serves() == "v1" else "v1"
    gallery.app.run(f"mount -o remount,ro {disk}")
    refused = gallery.deploy(other, site_media_path=FOLDER).must_fail()
    assert refused.says("Uploads would fail", f"{FOLDER} is read-only", "site_media_path"), refused
    assert gallery.serves() == serving
    gallery.app.run(f"mount -o remount,rw {disk}")

    gallery.play("site").must_succeed()
    moved = gallery.play("move_media", move_media_from=FOLDER).must_succeed()
    assert moved.says(FOLDER, f"1 of them with {len(content)} bytes copied now"), moved
    assert gallery.visitor.get(stored.json["url"]).body == content


def test_private_folders_are_left_to_the_project_and_others_stay_served(gallery: Site) -> None:
    content = b"%PDF-1.7 for everybody"
    try:
        gallery.play("site", site_media_private_paths=["invoices"]).must_succeed()
        stored = gallery.visitor.upload("/pictures", {"text_id": "for-everybody"}, "public.pdf", content)
        assert stored.status == 201, stored
        assert gallery.visitor.get(stored.json["url"]).body == content
        media = f"{gallery.root}/shared/media"
        gallery.app.run(
            f"cd {media} && install -d -o {gallery.name} -m 2750 invoices && cp -p pictures/public*.pdf invoices/7.pdf"
        )
        url = stored.json["url"].rpartition("/pictures/")[0]
        private = gallery.visitor.get(f"{url}/invoices/7.pdf")
        # The project has no view for it, and says so itself.
        assert private.status == 404 and content not in private.body, private
        gallery.play("site").must_succeed()
        assert gallery.visitor.get(f"{url}/invoices/7.pdf").body == content
    finally:
        gallery.play("site").must_succeed()
        gallery.app.run(f"rm -rf {gallery.root}/shared/media/invoices")
