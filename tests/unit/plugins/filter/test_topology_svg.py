"""The drawing of the topology: nothing is left out, nothing overlaps, and the committed ones are what is drawn now."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.filter.topology_svg import FilterModule, topology_svg
from ansible_collections.hotclub.django.plugins.plugin_utils.drawing.placement import Box, lay_out

from tests.unit.conftest import CHECKOUT

SVG = "{http://www.w3.org/2000/svg}"


def flow(source: str, target: str, port: int, why: str, protocol: str = "tcp") -> dict[str, Any]:
    return {"from": source, "to": target, "port": port, "protocol": protocol, "why": why}


def hosts(*names: str, **said: Any) -> list[dict[str, Any]]:
    return [{"name": name, "address": f"10.0.0.{number}", **said} for number, name in enumerate(names, start=1)]


VISITORS = flow("world", "lb", 80, "visitors")
OPERATORS = flow("controller", "all", 22, "Ansible")
REQUESTS = flow("lb", "app", 8283, "requests and health checks")
QUERIES = flow("app", "db", 5432, "the database")
FLOWS = [VISITORS, OPERATORS, REQUESTS, QUERIES]
CLUSTER = {"lb": hosts("lb1", "lb2"), "app": hosts("app1", "app2", "app3"), "db": hosts("db1")}
SINGLE = {"lb": hosts("web1"), "app": hosts("web1"), "db": hosts("web1")}
GROWING = {"lb": hosts("web1", "lb1"), "app": hosts("web1", "app1", "app2"), "db": hosts("web1")}
STAIRS = {"lb": hosts("a", "b", "c"), "app": hosts("a", "d"), "db": hosts("d", "e", "f", "g")}
EVERY_KIND = [
    *FLOWS,
    flow("world", "lb", 443, "visitors over an encrypted connection"),
    flow("lb", "lb", 0, "who has the virtual address", "vrrp"),
    flow("db", "db", 8008, "copies of the database watch each other"),
    flow("db", "db", 2380, "and agree"),
    flow("lb", "db", 5433, "past the application"),
    flow("db", "lb", 514, "logs", "udp"),
    flow("app", "lb", 6081, "purges"),
    flow("monitoring", "all", 9100, "metrics"),
    flow("all", "world", 443, "packages"),
    flow("world", "app", 8443, "web sockets"),
    flow("all", "all", 51820, "one private network", "udp"),
]


def texts(svg: str) -> list[str]:
    return [str(element.text) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def overlap(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def test_every_host_address_and_flow_is_drawn() -> None:
    drawn = texts(topology_svg(FLOWS, CLUSTER, "shop"))

    for word in ("lb1", "app3", "db1", "10.0.0.2", "world", "controller", "tcp 80", "visitors", "tcp 8283", "health checks"):
        assert word in drawn
    assert [drawn.count(count) for count in ("2 hosts", "3 hosts", "1 host", "6 hosts")] == [1, 1, 1, 1]


def test_who_does_not_see_the_image_is_told_the_same() -> None:
    root = ElementTree.fromstring(topology_svg(FLOWS, CLUSTER, "shop"))
    title, words = root[0], root[1]

    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], words.attrib["id"]]
    assert title.text == "shop: who talks to whom"
    assert "lb to app, tcp port 8283: requests and health checks." in str(words.text)
    assert "lb (2 hosts), app (3 hosts), db (1 host)" in str(words.text)


def test_dark_pages_have_colours_of_their_own() -> None:
    assert "@media (prefers-color-scheme: dark)" in topology_svg(FLOWS, CLUSTER, "shop")


def test_a_host_of_every_tier_is_drawn_once_across_them() -> None:
    layout = lay_out(FLOWS[:2], SINGLE)

    [(card, box)] = layout.cards
    assert card.name == "web1"
    assert box.x > layout.bands["lb"].x and box.right < layout.bands["db"].right
    assert box.x < layout.bands["app"].x and box.right > layout.bands["app"].right


def test_a_host_of_tiers_that_are_not_neighbours_is_drawn_in_each() -> None:
    layout = lay_out(FLOWS, {"lb": hosts("one"), "app": hosts("app1"), "db": hosts("one")})

    assert [card.name for card, _ in layout.cards].count("one") == 2


def test_of_many_hosts_some_are_drawn_and_the_others_counted() -> None:
    fleet = {**CLUSTER, "app": hosts(*(f"app{number}" for number in range(1, 201)))}

    drawn = texts(topology_svg(FLOWS, fleet, "shop"))

    assert "app7" in drawn and "app8" not in drawn
    assert "and 193 more" in drawn and "200 hosts" in drawn


def test_eight_hosts_are_all_drawn() -> None:
    drawn = texts(topology_svg(FLOWS, {**CLUSTER, "app": hosts(*(f"app{number}" for number in range(1, 9)))}, "shop"))

    assert "app8" in drawn and not any("more" in text for text in drawn)


@pytest.mark.parametrize("tiers", [CLUSTER, SINGLE, GROWING, STAIRS, {**CLUSTER, "app": hosts(*(f"a{n}" for n in range(30)))}])
@pytest.mark.parametrize("flows", [FLOWS, EVERY_KIND])
def test_nothing_overlaps_or_leaves_the_image(tiers: dict[str, Any], flows: Sequence[dict[str, Any]]) -> None:
    layout = lay_out(flows, tiers)

    for boxes in (list(layout.bands.values()), [box for _, box in layout.cards], list(layout.nodes.values())):
        assert not [pair for pair in itertools.combinations(boxes, 2) if overlap(*pair)]
        assert all(min(box.x, box.y) >= 0 and box.right <= layout.width and box.bottom <= layout.height for box in boxes)
    words = [Box(text.x - len(text.text) * 3, text.y - 11, len(text.text) * 6, 14) for text in layout.words]
    assert not [pair for pair in itertools.combinations(words, 2) if overlap(*pair)]
    assert not [(word, box) for word in words for _, box in layout.cards if overlap(word, box)]


@pytest.mark.parametrize("described", EVERY_KIND)
def test_every_kind_of_flow_is_an_arrow_from_its_source_to_its_target(described: dict[str, Any]) -> None:
    layout = lay_out([*FLOWS, described], CLUSTER)

    [points] = [points for flow, points in layout.arrows if (flow.source, flow.target, flow.why) == ends_of(described)]
    for end, (x, _) in ((described["from"], points[0]), (described["to"], points[-1])):
        places = {**layout.bands, **layout.nodes, "all": layout.frame}
        assert places[end].x <= x <= places[end].right, f"{end}: {x}"


def ends_of(described: dict[str, Any]) -> tuple[str, str, str]:
    return described["from"], described["to"], described["why"]


def test_what_leads_to_a_tier_without_hosts_is_left_out() -> None:
    drawn = texts(topology_svg([*FLOWS, flow("app", "cache", 6379, "sessions")], {**CLUSTER, "cache": []}, "shop"))

    assert "cache" not in drawn and "tcp 6379" not in drawn


def test_hosts_that_take_fewer_or_no_requests_say_so() -> None:
    fleet = [*hosts("a", drained=True), *hosts("b", backup=True), *hosts("c", weight=3), *hosts("d", weight=1)]

    drawn = texts(topology_svg(FLOWS, {**CLUSTER, "app": fleet}, "shop"))

    assert [text for text in drawn if "10.0.0.1," in text] == ["10.0.0.1, drained", "10.0.0.1, backup", "10.0.0.1, weight 3"]


def test_names_are_words_and_never_markup() -> None:
    svg = topology_svg([flow("world", "lb", 80, 'a <b> & "c"')], {"lb": hosts("a<script>&", "x" * 60)}, "<shop>")

    drawn = texts(svg)
    assert "a<script>&" in drawn and "<shop>" in drawn and "<script>" not in svg
    assert f"{'x' * 25}…" in drawn and "x" * 60 in svg


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(AnsibleFilterError, match="no host to draw"):
        topology_svg(FLOWS, {"lb": [], "app": [], "db": []}, "shop")


def test_wrong_use_says_the_right_one() -> None:
    with pytest.raises(AnsibleFilterError, match=r"site_flows \| hotclub.django.topology_svg\(site_tiers, site_name\)"):
        topology_svg(FLOWS, [], "shop")  # type: ignore[arg-type]


def test_the_filter_has_its_name() -> None:
    assert FilterModule().filters() == {"topology_svg": topology_svg}


@pytest.mark.parametrize("name", ["cluster", "single"])
def test_the_committed_drawing_is_what_is_drawn_now(name: str, tmp_path: Path) -> None:
    """By the playbook itself: the hosts of these inventories don't exist, so it can't have reached one."""
    inventory = shutil.copytree(CHECKOUT / "inventories" / name, tmp_path / name, ignore=shutil.ignore_patterns(".secrets"))

    drawn = draw(inventory, f"draw_path={tmp_path / 'drawn.svg'}")

    assert drawn.returncode == 0, drawn.stdout
    committed = CHECKOUT / "docs" / "images" / f"{name}.svg"
    remedy = f"Run: ansible-playbook -i inventories/{name} playbooks/draw.yml -e draw_path=docs/images/{name}.svg"
    assert (tmp_path / "drawn.svg").read_text() == committed.read_text(), remedy
    assert not (inventory / ".secrets").exists(), "drawing made secrets"


def test_a_drawing_without_a_file_says_how_to_name_one() -> None:
    drawn = draw(CHECKOUT / "inventories" / "cluster")

    assert drawn.returncode != 0 and "-e draw_path=" in drawn.stdout


def draw(inventory: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    extra = [word for variable in variables for word in ("--extra-vars", variable)]
    return subprocess.run(
        [
            Path(sys.executable).parent / "ansible-playbook",
            "--inventory",
            inventory,
            "playbooks/draw.yml",
            *extra,
        ],
        cwd=CHECKOUT,
        env={**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
