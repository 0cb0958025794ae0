"""A site leaves a host: in which order units end, and what stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.release import departure as departure_module
from ansible_collections.hotclub.django.plugins.module_utils.release import timers as timers_module
from ansible_collections.hotclub.django.plugins.module_utils.release.departure import Departure, in_order
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


def test_sockets_end_before_what_they_would_wake() -> None:
    release = "20261123T081500-1a2b3c4"
    units = [f"shop@{release}.service", f"shop-direct@{release}.socket", "shop-net.socket", "shop.socket"]

    assert in_order(units, "shop") == [
        "shop.socket",
        "shop-net.socket",
        f"shop-direct@{release}.socket",
        f"shop@{release}.service",
    ]


def test_everything_goes_but_what_visitors_have_uploaded(tmp_path: Path) -> None:
    root, units = tmp_path / "srv", tmp_path / "units"
    for folder in (root / "etc", root / "releases", root / "shared" / "media"):
        folder.mkdir(parents=True)
    (root / "current").symlink_to("releases/x")
    (root / "shared" / "media" / "cat.png").touch()
    for folder in (units / "shop.socket.d", units / "multi-user.target.wants", units / "sockets.target.wants"):
        folder.mkdir(parents=True)
    mine = units / "multi-user.target.wants" / "shop@20261123T081500-1a2b3c4.service"
    other = units / "multi-user.target.wants" / "shop2@20261123T081500-1a2b3c4.service"
    for link in (mine, other):
        link.symlink_to("/nowhere")
    leaving = Departure(Site.at("shop", str(root)), units)

    assert [path.name for path in leaving.contents()] == ["current", "etc", "releases"]
    assert list(leaving.leftovers()) == [units / "shop.socket.d", mine]
    assert leaving.uploads() == str(root / "shared")


def test_uploads_are_moved_as_a_whole_and_the_folder_of_the_site_goes(tmp_path: Path) -> None:
    root, target = tmp_path / "srv" / "shop", tmp_path / "backups" / "shop" / "uploads"
    (root / "shared" / "media").mkdir(parents=True)
    (root / "shared" / "media" / "cat.png").touch()

    assert Departure(Site.at("shop", str(root))).move_uploads(target) == str(target)

    assert (target / "media" / "cat.png").exists()
    assert not root.exists()
    assert Departure(Site.at("shop", str(root))).move_uploads(target) == ""


def test_uploads_of_an_earlier_departure_are_not_overwritten(tmp_path: Path) -> None:
    root, target = tmp_path / "srv" / "shop", tmp_path / "uploads"
    (root / "shared").mkdir(parents=True)
    (root / "shared" / "cat.png").touch()
    target.mkdir()

    with pytest.raises(Trouble, match="are not overwritten"):
        Departure(Site.at("shop", str(root))).move_uploads(target)

    assert (root / "shared" / "cat.png").exists()


def test_workers_end_first_and_all_at_once_and_their_units_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = "20261123T081500-1a2b3c4"
    workers = [f"shop-worker-mail@{release}.service", f"shop-worker-rows-2@{release}.w2.service"]
    commands: list[list[str]] = []
    monkeypatch.setattr(departure_module, "run", lambda command, **options: commands.append(command))
    monkeypatch.setattr(departure_module, "systemctl", lambda *words: Outcome(0))
    (tmp_path / "multi-user.target.wants").mkdir()
    mine = [
        tmp_path / "multi-user.target.wants" / workers[0],
        tmp_path / "shop-worker-mail@.service",
        tmp_path / "shop-workers.target",
    ]
    for path in (*mine, tmp_path / "blog-worker-mail@.service", tmp_path / "blog-workers.target"):
        path.touch()
    leaving = Departure(Site.at("shop", str(tmp_path / "srv")), tmp_path)

    units = in_order(["shop.socket", f"shop@{release}.service", "shop-workers.target", *workers], "shop")
    leaving.stop(units)

    assert units[:3] == [*workers, "shop-workers.target"]
    assert commands == [["systemctl", "stop", *workers]]
    assert list(leaving.leftovers()) == mine


def test_systemd_forgets_when_the_timers_of_a_site_that_leaves_called_last(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, ...]] = []

    def systemctl(*words: str) -> Outcome:
        told.append(words)
        return Outcome(0)

    units = site.root / "units"
    units.mkdir()
    for unit in (f"{site.name}-timer-tidy.timer", f"{site.name}-timer-tidy@.service"):
        (units / unit).touch()
    for module in (departure_module, timers_module):
        monkeypatch.setattr(module, "systemctl", systemctl)
    monkeypatch.setattr(timers_module, "UNITS", units)

    Departure(site, units).stop([f"{site.name}-timer-tidy.timer"])

    stopped, cleaned = (told.index((*words, f"{site.name}-timer-tidy.timer")) for words in (["stop"], ["clean", "--what=state"]))
    assert stopped < cleaned
