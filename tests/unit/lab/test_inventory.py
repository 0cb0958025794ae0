"""The lab reads which hosts there are from Ansible, and writes an inventory that wins over the real one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab.errors import LabError
from lab.hosts import host_name
from lab.inventory import Lab, Member, members_of, open_lab, overlay_text

LISTING = {
    "_meta": {"hostvars": {"web1": {}, "db1": {}}},
    "all": {"children": ["ungrouped", "site"]},
    "site": {"children": ["lb", "app", "db"]},
    "lb": {"hosts": ["web1"]},
    "app": {"hosts": ["web1"]},
    "db": {"hosts": ["db1"]},
}


def test_members_have_all_their_groups() -> None:
    assert members_of(LISTING) == [
        Member("web1", frozenset({"all", "site", "lb", "app"})),
        Member("db1", frozenset({"all", "site", "db"})),
    ]


def test_an_empty_inventory_has_no_members() -> None:
    assert members_of({"_meta": {}, "all": {"children": ["ungrouped"]}}) == []


def test_the_overlay_is_an_inventory_with_variables_at_the_hosts() -> None:
    variables = {"ansible_host": "10.0.0.1", "os_swap_mb": 0, "site_aliases": ["127.0.0.1"], "awkward": 'a: "b" # {{ c }}'}
    assert yaml.safe_load(overlay_text({"web1": variables})) == {"all": {"hosts": {"web1": variables}}}


def test_prefixes_keep_two_labs_of_one_inventory_apart(tmp_path: Path) -> None:
    one, other = Lab(tmp_path / "single"), Lab(tmp_path / "single", "trixie-")
    assert (one.name, other.name) == ("single", "trixie-single")
    assert (one.container("web1"), other.container("web1")) == ("hotclub-web1", "hotclub-trixie-web1")
    assert one.overlay != other.overlay


def test_an_inventory_is_found_by_its_path_and_by_its_name(tmp_path: Path) -> None:
    assert open_lab(str(tmp_path), "").inventory == tmp_path
    assert open_lab("single", "").inventory.parent.name == "inventories"


def test_a_missing_inventory_is_named() -> None:
    with pytest.raises(LabError, match="no inventory folder nowhere"):
        open_lab("nowhere", "")


@pytest.mark.parametrize(
    ("member", "expected"),
    [("web1", "web1"), ("web1.example.org", "web1"), ("App_1", "app-1"), ("_", "host"), ("x" * 70, "x" * 63)],
)
def test_host_names_are_ones_that_the_kernel_takes(member: str, expected: str) -> None:
    assert host_name(member) == expected
