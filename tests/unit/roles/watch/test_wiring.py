"""Hosts look by themselves where somebody is told, or a sign of life is asked for; and at what the status looks at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.module_utils.steps import site_status

from tests.unit.conftest import CHECKOUT, wiring

HOOK, LIFE = "jsons://hooks.example.org/x", "https://life.example/x"


@pytest.mark.parametrize(
    ("said", "role"),
    [({}, "watch.leave"), ({"site_alert_urls": [HOOK]}, "watch"), ({"site_heartbeat_url": LIFE}, "watch")],
)
def test_it_is_there_where_somebody_is_to_know(
    inventory_vars: Callable[..., dict[str, Any]], tmp_path: Path, said: Mapping[str, Any], role: str
) -> None:
    groups = {tier: ["web1"] for tier in ("lb", "app", "db")}
    lines = [line for tier, hosts in groups.items() for line in (f"[{tier}]", *hosts)]
    site = ["[all:vars]", "site_name=shop", "site_domain=shop.example.org"]
    given = inventory_vars(tmp_path, {"hosts": "\n".join([*lines, *site]), "host_vars/web1.yml": yaml.safe_dump(dict(said))})
    defaults = given["loader"].load_from_file(str(CHECKOUT / "roles/site/defaults/main.yml"), trusted_as_template=True)
    known = defaults | wiring() | dict(given["hostvars"].raw_get("web1"))
    known |= {"groups": given["groups"], "hostvars": given["hostvars"], "inventory_hostname": "web1", "group_names": list(groups)}
    templar = Templar(given["loader"], known)

    found = templar.template(trust_as_template("{{ __site_roles | map(attribute='role') | select('match', 'watch') }}"))

    assert found == [role]


def test_both_look_at_the_same() -> None:
    """What the playbook asks besides is dear, or about hosts together."""
    look = yaml.safe_load((CHECKOUT / "roles/site/vars/main/status.yml").read_text())["site_look"]
    [play] = [
        play
        for play in yaml.safe_load((CHECKOUT / "playbooks/status.yml").read_text())
        if play["name"] == "Read the status of the hosts"
    ]
    asked = play["tasks"][0]["hotclub.django.site_status"]
    assert {name: asked[name] for name in look} == {name: f"{{{{ site_look.{name} }}}}" for name in look}
    assert set(asked) - set(look) == {"migrations", "updates", "python", "managed_database", "history"}
    assert set(look) <= set(site_status.SPEC)


def test_the_hosts_that_stay_look_no_more_at_one_that_has_left() -> None:
    """A balancer that goes on looking at it would tell of it."""
    plays = yaml.safe_load((CHECKOUT / "playbooks/decommission.yml").read_text())
    roles = [
        (task.get("ansible.builtin.include_role", {}).get("name", ""), play["hosts"], task.get("when"))
        for play in plays
        for task in play.get("tasks", [])
    ]
    [watch] = [number for number, (role, *_) in enumerate(roles) if role == "hotclub.django.watch"]
    assert watch > max(number for number, (role, *_) in enumerate(roles) if role == "hotclub.django.haproxy")
    assert roles[watch][1:] == (
        "{{ groups | hotclub.django.all_tiers }}:!{{ decommission_host | default('nobody', true) }}",
        "site_is_watched",
    )
