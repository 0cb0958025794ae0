"""Sites on one host are nobody else's business."""

from __future__ import annotations

import pytest

from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions
from tests.load import constant_load, judge

# The distribution makes no difference here.
pytestmark = pytest.mark.debian12


def test_a_deploy_does_not_touch_the_other_site(plain: Site, gallery: Site, stock: Site) -> None:
    _, following, _ = versions(plain)
    before = [(site.instances(), site.current()) for site in (gallery, stock)]
    plan = gallery.load(rate=20)
    with constant_load(plan) as load:
        plain.deploy(following).must_succeed()
        plain.rollback().must_succeed()
    verdict = judge(load.finish(), gallery.stored(plan))
    assert verdict.flawless, str(verdict)
    assert set(verdict.versions) == {"v1"}
    assert [(site.instances(), site.current()) for site in (gallery, stock)] == before


def test_a_whole_run_for_one_site_does_not_touch_the_other(plain: Site, gallery: Site) -> None:
    files = "find /etc/nginx /etc/systemd/system /etc/postgresql /srv/gallery -newermt '@{}' -name '*gallery*'"
    moment = plain.app.run("date +%s.%N")
    before = gallery.instances()
    plain.play("site", site_env={"ONLY": "for plain"}).must_succeed()
    assert plain.app.run(files.format(moment)) == ""
    assert gallery.instances() == before
    plain.play("site").must_succeed()
    assert gallery.play("site").must_succeed().changed == 0


def test_each_name_leads_to_its_own_site(plain: Site, gallery: Site, stock: Site) -> None:
    assert plain.visitor.get("/version").json.keys() >= {"entries"}
    assert gallery.visitor.get("/version").json.keys() >= {"pictures"}
    assert stock.visitor.get("/version").json.keys() == {"version"}


def test_no_site_can_read_the_other_ones_files(plain: Site, gallery: Site) -> None:
    for reader in ("gallery", "gallery-build", "nobody"):
        found = plain.app.run(
            f"cd / && runuser -u {reader} -- find {plain.root} -type f -readable -not -path '*/static/*' 2>/dev/null || true"
        )
        assert found == "", f"{reader} can read of plain:\n{found}"


def test_no_site_can_ask_the_other_one_past_the_web_server(plain: Site, gallery: Site) -> None:
    sockets = plain.app.run(f"ss --listening --unix --no-header | awk '{{print $5}}' | grep /run/{plain.name}").split()
    assert sockets
    for path in sockets:
        connect = f"python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('{path}')\""
        assert plain.app.succeeds(connect), f"not even root reaches {path}"
        assert not plain.app.succeeds(f"runuser -u {gallery.name} -- {connect}"), path
