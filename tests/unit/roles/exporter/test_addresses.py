"""Where the metrics exporter listens: on the addresses that its sites name, and on no other."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.template import Templar, trust_as_template

from tests.unit.conftest import CHECKOUT, wiring

Render = Callable[..., str]
EVERYWHERE = ["web1", "app1"]


def test_sites_that_share_an_address_share_what_listens_there(render: Render, tmp_path: Path) -> None:
    managed = {"ansible_managed": "Ansible managed"}
    for site, address in {"shop": "10.0.0.1:9100", "blog": "10.0.0.1:9100", "wiki": "[fd00::1]:9100"}.items():
        given = {"exporter_site_name": site, "exporter_listen_address": address} | managed
        (tmp_path / f"{site}.conf").write_text(render("exporter", "etc/hotclub/exporter/_site_.conf.j2", **given))
    unit = render(
        "exporter", "etc/systemd/system/hotclub-exporter.service.j2", __exporter_path=str(tmp_path), ansible_managed="x"
    )
    [script] = re.findall(r"^ExecStart=/bin/sh -c '(.*)'$", unit, re.MULTILINE)

    told = subprocess.run(
        ["/bin/sh", "-c", script.replace("$$", "$").replace("exec prometheus-node-exporter", "echo")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.split()[1:] == ["--web.listen-address=10.0.0.1:9100", "--web.listen-address=[fd00::1]:9100"]


@pytest.mark.parametrize(
    ("tiers", "runs", "address"),
    [
        ({"monitoring": ["app1"]}, True, "10.0.0.10:9100"),
        ({"monitoring": ["web1"]}, True, "10.0.0.10:9100"),
        # A single server that watches itself needs no network for that.
        ({"monitoring": ["web1"], "app": ["web1"]}, True, "127.0.0.1:9100"),
        ({}, False, None),
    ],
)
def test_the_wiring_runs_it_where_a_host_watches(
    inventory_vars: Callable[..., dict[str, Any]],
    tmp_path: Path,
    tiers: Mapping[str, Sequence[str]],
    runs: bool,
    address: str | None,
) -> None:
    groups = {"lb": ["web1"], "app": EVERYWHERE, "db": ["web1"], **tiers}
    lines = [line for tier, hosts in groups.items() for line in (f"[{tier}]", *hosts)]
    site = ["[all:vars]", "site_name=shop", "site_domain=shop.example.org"]
    given = inventory_vars(tmp_path, {"hosts": "\n".join([*lines, *site]), "host_vars/web1.yml": "private_address: 10.0.0.10"})
    defaults = given["loader"].load_from_file(str(CHECKOUT / "roles/site/defaults/main.yml"), trusted_as_template=True)
    known = defaults | wiring() | dict(given["hostvars"].raw_get("web1"))
    known |= {"groups": given["groups"], "hostvars": given["hostvars"], "inventory_hostname": "web1", "group_names": list(groups)}
    templar = Templar(given["loader"], known)

    found = templar.template(trust_as_template("{{ __site_roles | map(attribute='role') | select('match', 'exporter') }}"))

    assert found == ["exporter" if runs else "exporter.leave"]
    if address:
        assert templar.template(trust_as_template("{{ exporter_listen_address }}")) == address
