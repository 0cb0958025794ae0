"""A folder of uploads that is not the site's own: another disk, or one that hosts share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.paths import check_media_path

from tests.unit.conftest import render_template, wiring

UNITS = ("etc/systemd/system/_site_@.service.j2", "etc/systemd/system/_site_-probe@.service.j2")
CONFIGURATION = "srv/_site_/etc/gunicorn.conf.py.j2"
SHOP: dict[str, Any] = {"gunicorn_site_name": "shop", "gunicorn_workers": 2, "gunicorn_denied_addresses": []}


def wired(name: str, **site: Any) -> Any:
    given = {"site_name": "shop", "site_media_storage": "local", "site_media_path": "/srv/shop/shared/media", **site}
    return Templar(DataLoader(), wiring() | given).template(trust_as_template("{{ " + name + " }}"))


@pytest.mark.parametrize(
    ("storage", "path", "elsewhere"),
    [
        ("local", "/srv/shop/shared/media", False),
        ("local", "/srv/shop/shared", False),
        ("local", "/srv/shop/shared-with-others", True),
        ("local", "/data/shop", True),
        ("shared", "/mnt/shop-media", True),
        ("s3", "/mnt/shop-media", False),
        ("none", "/mnt/shop-media", False),
    ],
)
def test_the_sandbox_opens_where_uploads_go(storage: str, path: str, elsewhere: bool) -> None:
    assert wired("gunicorn_media_path", site_media_storage=storage, site_media_path=path) == (path if elsewhere else "")


def test_only_a_local_folder_is_made() -> None:
    assert wired("django_media_path", site_media_path="/data/shop") == "/data/shop"
    assert wired("django_media_path", site_media_storage="shared", site_media_path="/mnt/x") == "/srv/shop/shared/media"


@pytest.mark.parametrize(
    ("storage", "path", "said", "source"),
    [
        ("s3", "/srv/shop/shared/media", {}, "/srv/shop/shared/media"),
        ("s3", "/data/shop", {}, "/data/shop"),
        ("shared", "/mnt/shop-media", {}, "/srv/shop/shared/media"),
        ("shared", "/mnt/shop-media", {"move_media_from": "/data/shop"}, "/data/shop"),
        ("local", "/data/shop", {}, "/srv/shop/shared/media"),
    ],
)
def test_uploads_are_moved_from_where_they_were(storage: str, path: str, said: dict[str, str], source: str) -> None:
    assert wired("django_media_from_path", site_media_storage=storage, site_media_path=path, **said) == source


@pytest.mark.parametrize("unit", UNITS)
def test_what_waits_in_a_temporary_folder_is_not_in_memory_unless_the_environment_says_so(unit: str) -> None:
    lines = render_template("gunicorn", unit, **SHOP).splitlines()
    assert "Environment=TMPDIR=/var/tmp" in lines and "PrivateTmp=yes" in lines
    # The file overrules what stands in the unit.
    assert "EnvironmentFile=/srv/shop/etc/environment" in lines


@pytest.mark.parametrize("unit", UNITS)
def test_an_instance_waits_for_its_file_system_and_may_write_there(unit: str) -> None:
    text = render_template("gunicorn", unit, **SHOP, gunicorn_media_path="/data/shop", gunicorn_writable_paths=["/srv/more"])
    assert "\nRequiresMountsFor=/data/shop\n" in text
    assert "\nReadWritePaths=/srv/shop/shared -/srv/shop/library-cache -/data/shop /srv/more\n" in text


@pytest.mark.parametrize("unit", UNITS)
def test_one_with_the_sites_own_folder_waits_for_nothing(unit: str) -> None:
    text = render_template("gunicorn", unit, **SHOP)
    assert "RequiresMountsFor" not in text
    assert "\nReadWritePaths=/srv/shop/shared -/srv/shop/library-cache\n" in text


def test_a_worker_says_what_is_wrong_with_the_folder(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    exec(render_template("gunicorn", CONFIGURATION, **SHOP, gunicorn_media_path=str(tmp_path)), names)  # noqa: S102 (our own program)
    assert names["what_is_wrong_with"](str(tmp_path)) == ""
    assert names["what_is_wrong_with"](f"{tmp_path}/no") == f"{tmp_path}/no is not there"
    assert names["what_is_wrong_with"]("/proc/sys") != ""


@pytest.mark.parametrize("path", ["/home/shop/media", "/root", "/tmp/uploads", "/var/tmp/x", "/run/media"])
def test_a_folder_that_the_sandbox_hides_is_refused(path: str) -> None:
    ((what, remedy),) = check_media_path(path)
    assert path in what and "/data" in remedy


@pytest.mark.parametrize("path", ["/homes/media", "/data/tmp", "/srv/shop/shared/media", "/mnt/shop-media"])
def test_other_folders_are_not(path: str) -> None:
    assert not list(check_media_path(path))
