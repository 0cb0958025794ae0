"""Which host saves the uploads, what with, and for how long."""

from __future__ import annotations

from tests.unit.roles.site.test_database_cluster import ONE, Known, known

__all__ = ["known"]

LOCAL = f"{ONE}[all:vars]\nsite_media_storage=local\nsite_backup_passphrase=s3cret\n"


def test_the_application_host_saves_them_for_as_long_as_the_database_s_backups_lead_back(known: Known) -> None:
    hosts = f"{LOCAL}[db:vars]\npgbackrest_kept_fulls=4\n"

    assert "uploads_backup" in known("site_host_roles", hosts, "web1")
    assert known("uploads_backup_kept_days", hosts, "web1") == 35
    assert known("site_look.uploads_kept", hosts, "web1", site_domain="x") == "/var/lib/hotclub-uploads/shop"
    assert known("site_look.uploads_kept", hosts, "db1", site_domain="x") == ""
    assert "s3cret" not in known("uploads_backup_passphrase", hosts, "web1")


def test_another_folder_is_said_for_the_host_that_has_them(known: Known) -> None:
    hosts = f"{LOCAL}[app:vars]\nuploads_backup_path=/mnt/copies\n"

    assert known("site_uploads_repository", hosts, "db1") == "/mnt/copies/shop"


def test_nobody_saves_what_is_elsewhere_or_has_no_backup_of_its_database(known: Known) -> None:
    for more in ("site_media_storage=shared", "site_media_storage=s3", "site_backups_enabled=false"):
        assert "uploads_backup.leave" in known("site_host_roles", f"{LOCAL}{more}\n", "web1"), more
        assert known("django_uploads_repository", f"{LOCAL}{more}\n", "web1") == "", more
