"""What the module of the ACME client does on a balancer."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.front.acme import Acme


def test_the_units_are_started_where_they_do_not_run(tmp_path: Path) -> None:
    on, off = "ActiveState=active\nUnitFileState=enabled", "ActiveState=inactive\nUnitFileState=disabled"

    def run(command: list[str]) -> Outcome:
        return Outcome(0, "\n\n".join(f"{state}\nNeedDaemonReload={again}" for state, again in units))

    acme = Acme("shop", run, tmp_path)
    acme.settings.parent.mkdir(parents=True)
    acme.settings.write_text("{}")
    units = [(on, "no"), (off, "no"), (off, "no")]
    assert acme.unit_actions() == []
    units = [(on, "no"), (off, "yes"), (off, "no")]
    assert acme.unit_actions() == ["daemon-reload"]
    units = [(off, "no"), (off, "no"), (off, "no")]
    assert acme.unit_actions() == ["daemon-reload", "enable"]
    units = [(on, "no"), (off, "no"), (on, "no")]
    assert acme.unit_actions() == ["daemon-reload", "listen-no-more"]
    acme.settings.write_text('{"peers": ["10.0.0.2"]}')
    assert acme.unit_actions() == []
    # Its address has changed.
    units = [(on, "no"), (off, "no"), (on, "yes")]
    assert acme.unit_actions() == ["daemon-reload", "listen"]
    units = [(on, "no"), (off, "no"), (off, "no")]
    assert acme.unit_actions() == ["daemon-reload", "listen"]


def test_leaving_removes_what_is_the_sites_alone(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    def run(command: list[str]) -> Outcome:
        asked.append(command)
        return Outcome(0, "")

    acme = Acme("shop", run, tmp_path)
    other = Acme("gallery", run, tmp_path)
    for file in (acme.settings, other.settings, tmp_path / "etc/systemd/system/shop-acme.timer", acme.state / "state.json"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    acme.leave()
    assert acme.leftovers() == [] and other.settings.exists()
    assert ["systemctl", "disable", "--now", "shop-acme.timer"] in asked


def test_damaged_settings_are_told(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="again"):
        Acme("shop", lambda _: Outcome(1, "Traceback"), tmp_path).look()
