# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where everything stands in the drawing of a topology: tiers side by side, their hosts below one another, flows between them.

A host of several neighbouring tiers is one card across them. Flows between neighbours go straight from band to band, those of a
tier with itself bend below it, and all others run along lanes below the tiers. Who is no host (the world, the controller) stands
on the left.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

EVERYBODY = "all"
# How hosts of a state are drawn, where somebody has looked at them.
KINDS = {"well": "well", "in trouble": "trouble"}
# More hosts of the same tiers are drawn as some of them and a number.
CARDS_AT_MOST = 8

NAME_CHARACTERS, DETAIL_CHARACTERS, REASON_CHARACTERS = 26, 39, 18
NAME_PIXELS, DETAIL_PIXELS = 8.6, 7.0
LINE = 17

MARGIN = 20
CARD_HEIGHT, CARD_GAP, CARD_PADDING = 54, 12, 18
BAND_HEAD, BAND_PADDING = 40, 16
FRAME_HEAD, FRAME_PADDING = 36, 18
NODE_WIDTH, NODE_GAP = 116, 26
GAP_WIDTH_LEAST, GAP_PADDING = 70, 22
ABOVE_ARROW, SLOT_GAP = 22, 20
BEND, LANE_HEIGHT, LANE_STEP, LANES_SIDE_BY_SIDE = 24, 38, 12, 8


@dataclass(frozen=True)
class Box:
    """A rectangle; whole pixels, so that the drawing has no endless fractions."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """The bottom edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The centre from left to right."""
        return self.x + self.width / 2


@dataclass(frozen=True)
class Card:
    """A host, or the number of hosts that are not drawn."""

    name: str
    detail: str = ""
    kind: str = "host"
    told: str = ""

    @property
    def width(self) -> float:
        """The room that its words take."""
        words = max(len(self.name) * NAME_PIXELS, len(self.detail) * DETAIL_PIXELS)
        return words + 2 * CARD_PADDING


@dataclass(frozen=True)
class Flow:
    """Who talks to whom, where, and why."""

    source: str
    target: str
    port: str
    why: str

    @property
    def reason(self) -> list[str]:
        """The reason in short lines."""
        return textwrap.wrap(self.why, REASON_CHARACTERS)

    @property
    def width(self) -> float:
        """The room that its words take."""
        return max([len(self.port) * NAME_PIXELS, *(len(line) * DETAIL_PIXELS for line in self.reason)])

    @property
    def height(self) -> float:
        """The room that its arrow takes, with words above and below."""
        return ABOVE_ARROW + len(self.reason) * LINE + 4


@dataclass(frozen=True)
class Words:
    """A line of text, by its middle and its baseline."""

    kind: str
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Layout:
    """Everything at its place."""

    width: float
    height: float
    frame: Box
    bands: Mapping[str, Box]
    nodes: Mapping[str, Box]
    cards: Sequence[tuple[Card, Box]]
    arrows: Sequence[tuple[Flow, Sequence[tuple[float, float]]]]
    words: Sequence[Words]


def lay_out(flows: Iterable[Mapping[str, Any]], tiers: Mapping[str, Sequence[Mapping[str, Any]]]) -> Layout:
    """Return the places of tiers, hosts and flows; a tier without hosts is left out, and what leads to it."""
    return _Drawing(tiers, [_flow(flow) for flow in flows]).layout()


def _flow(flow: Mapping[str, Any]) -> Flow:
    port = f"{flow['protocol']} {flow['port']}" if int(flow["port"]) else str(flow["protocol"])
    return Flow(str(flow["from"]), str(flow["to"]), port, str(flow["why"]))


class _Drawing:
    """Places one thing after the other, from left to right."""

    def __init__(self, tiers: Mapping[str, Sequence[Mapping[str, Any]]], flows: Sequence[Flow]) -> None:
        self.columns = [tier for tier, hosts in tiers.items() if hosts]
        empty = [tier for tier, hosts in tiers.items() if not hosts]
        self.flows = [flow for flow in dict.fromkeys(flows) if flow.source not in empty and flow.target not in empty]
        self.groups = _groups([tiers[column] for column in self.columns])
        self.seats = _seats(self.groups)
        ends = dict.fromkeys(end for flow in self.flows for end in (flow.source, flow.target))
        self.outside = [end for end in ends if end != EVERYBODY and end not in self.columns]
        self.arrows: list[tuple[Flow, Sequence[tuple[float, float]]]] = []
        self.words: list[Words] = []
        self.node_width = round(max([NODE_WIDTH, *(len(node) * NAME_PIXELS + 2 * CARD_PADDING for node in self.outside)]))

    def layout(self) -> Layout:
        """Place everything."""
        body = max([self._rows_height(), self._nodes_height(), *map(self._gap_height, self._gaps())])
        self.top = MARGIN + FRAME_HEAD
        self.body_top, self.body = self.top + BAND_HEAD, body
        bands = dict(zip(self.columns, self._bands(), strict=True))
        frame_x = bands[self.columns[0]].x - FRAME_PADDING
        nodes = dict(zip(self.outside, self._nodes(), strict=True))
        for gap in self._gaps():
            self._place_gap(gap, list(bands.values()))
        self._place_left(nodes, bands, frame_x)
        bottom = self._place_lanes(nodes, bands, frame_x, self._place_bends(bands))
        last = bands[self.columns[-1]].right
        frame = Box(frame_x, MARGIN, last + FRAME_PADDING - frame_x, bottom + FRAME_PADDING - MARGIN)
        cards = list(self._cards(list(bands.values())))
        return Layout(
            round(frame.right + MARGIN), round(frame.bottom + MARGIN), frame, bands, nodes, cards, self.arrows, self.words
        )

    # Columns and their cards.

    def _bands(self) -> Iterator[Box]:
        x = MARGIN + (self.node_width + self._left_width() if self.outside else 0) + FRAME_PADDING
        for number in range(len(self.columns)):
            own = [card.width for (first, last), cards in self.groups.items() if first == last == number for card in cards]
            shared = [
                card.width / (last - first + 1)
                for (first, last), cards in self.groups.items()
                if first <= number <= last and first != last
                for card in cards
            ]
            head = len(self.columns[number]) * NAME_PIXELS + 90
            width = round(max(own + shared + [head, 124])) + 2 * BAND_PADDING
            yield Box(x, self.top, width, BAND_HEAD + self.body + BAND_PADDING)
            x += width + (self._gap_width(number) if number + 1 < len(self.columns) else 0)

    def _cards(self, bands: Sequence[Box]) -> Iterator[tuple[Card, Box]]:
        in_the_way = any(self._across(gap) for gap in self._gaps()) or any(first == last for first, last in self.groups)
        top = self.body_top + (0 if in_the_way else (self.body - self._rows_height()) / 2)
        for card, first, last, row in self.seats:
            x, right = bands[first].x + BAND_PADDING, bands[last].right - BAND_PADDING
            # What is in one column alone stands in the middle of what the wider ones leave.
            slack = (self.body - _rows(self._filled(first))) / 2 if first == last else 0
            yield card, Box(x, round(top + row * (CARD_HEIGHT + CARD_GAP) + slack), right - x, CARD_HEIGHT)

    def _filled(self, column: int) -> int:
        """Return how many rows of a column are taken or passed over."""
        return max([row + 1 for _card, first, last, row in self.seats if first <= column <= last], default=0)

    def _rows_height(self) -> float:
        return max(_rows(self._filled(column)) for column in range(len(self.columns)))

    # Flows between neighbours.

    def _gaps(self) -> range:
        return range(len(self.columns) - 1)

    def _across(self, gap: int) -> list[Flow]:
        pair = {self.columns[gap], self.columns[gap + 1]}
        return [flow for flow in self.flows if {flow.source, flow.target} == pair]

    def _gap_width(self, gap: int) -> float:
        return _room(self._across(gap))

    def _crossed(self, gap: int) -> float:
        """Return the height that hosts of both sides take from a gap."""
        return max([_rows(row + 1) + CARD_GAP for _card, first, last, row in self.seats if first <= gap < last], default=0)

    def _gap_height(self, gap: int) -> float:
        return self._crossed(gap) + _stack(self._across(gap))

    def _place_gap(self, gap: int, bands: Sequence[Box]) -> None:
        flows = self._across(gap)
        left, right = bands[gap].right, bands[gap + 1].x
        top = self.body_top + self._crossed(gap)
        middle = (top + self.body_top + self.body) / 2
        y = middle - (_stack(flows) / 2 if len(flows) > 1 else ABOVE_ARROW)
        for flow in flows:
            self._straight(flow, y, left, right, forwards=flow.source == self.columns[gap])
            y += flow.height + SLOT_GAP

    def _straight(self, flow: Flow, y: float, left: float, right: float, forwards: bool, label_right: float = 0) -> None:
        line = round(y) + ABOVE_ARROW
        points = [(left, line), (right, line)]
        self.arrows.append((flow, points if forwards else points[::-1]))
        self._write(flow, (left + (label_right or right)) / 2, line - ABOVE_ARROW + 14, line + LINE)

    def _write(self, flow: Flow, x: float, port_y: float, reason_y: float) -> None:
        self.words.append(Words("head", x, port_y, flow.port))
        self.words += [Words("soft", x, reason_y + number * LINE, line) for number, line in enumerate(flow.reason)]

    # Who is no host.

    def _beside(self, node: str) -> list[Flow]:
        """Return the flows that go straight to the right of a node: to the first tier, or to all."""
        near = (EVERYBODY, self.columns[0])
        return [
            flow
            for flow in self.flows
            if (flow.source == node and flow.target in near) or (flow.target == node and flow.source in near)
        ]

    def _left_width(self) -> float:
        return _room([flow for node in self.outside for flow in self._beside(node)])

    def _node_height(self, node: str) -> float:
        return max(CARD_HEIGHT, _stack(self._beside(node)))

    def _nodes_height(self) -> float:
        return sum(self._node_height(node) for node in self.outside) + NODE_GAP * max(0, len(self.outside) - 1)

    def _nodes(self) -> Iterator[Box]:
        y = self.body_top + (self.body - self._nodes_height()) / 2
        for node in self.outside:
            yield Box(MARGIN, round(y), self.node_width, self._node_height(node))
            y += self._node_height(node) + NODE_GAP

    def _place_left(self, nodes: Mapping[str, Box], bands: Mapping[str, Box], frame_x: float) -> None:
        for node, box in nodes.items():
            y = box.y + (box.height - _stack(self._beside(node))) / 2
            for flow in self._beside(node):
                right = frame_x if EVERYBODY in (flow.source, flow.target) else bands[self.columns[0]].x
                self._straight(flow, y, box.right, right, forwards=flow.source == node, label_right=frame_x)
                y += flow.height + SLOT_GAP

    # Flows below the tiers.

    def _place_bends(self, bands: Mapping[str, Box]) -> float:
        """Place what a tier says to itself, and return where the lowest word ends."""
        lowest = next(iter(bands.values())).bottom
        for tier, band in bands.items():
            y = band.bottom + BEND
            for number, flow in enumerate(flow for flow in self.flows if flow.source == flow.target == tier):
                if number == 0:
                    left, right = band.middle - BEND, band.middle + BEND
                    self.arrows.append((flow, [(left, band.bottom), (left, y), (right, y), (right, band.bottom)]))
                y += LINE + 2
                self._write(flow, band.middle, y, y + LINE)
                y += len(flow.reason) * LINE + 6
                lowest = max(lowest, y)
        return lowest

    def _place_lanes(self, nodes: Mapping[str, Box], bands: Mapping[str, Box], frame_x: float, top: float) -> float:
        """Place the flows between what does not stand side by side, and return where the lowest ends."""
        placed = [flow for flow, _points in self.arrows]
        waiting = [flow for flow in self.flows if flow not in placed and self._needs_a_lane(flow)]
        y = top
        for number, flow in enumerate(waiting):
            y += LANE_HEIGHT
            step = LANE_STEP * (number % LANES_SIDE_BY_SIDE + 1)
            left, right = sorted((flow.source, flow.target), key=lambda end: self.columns.index(end) if end in bands else -1)
            points = self._lane_begins(left, nodes, bands, frame_x, step, y) + self._lane_ends(right, bands, step, y)
            self.arrows.append((flow, points if flow.source == left else points[::-1]))
            middle = (min(x for x, level in points if level == y) + max(x for x, level in points if level == y)) / 2
            self.words.append(Words("soft above", middle, y - 8, f"{flow.port}, {flow.why}"))
        return y

    def _needs_a_lane(self, flow: Flow) -> bool:
        """Tell whether a flow has an end on a host, and is not one of a tier with itself."""
        ends = {flow.source, flow.target}
        return not ends <= {*self.outside} and (len(ends) > 1 or ends == {EVERYBODY})

    def _lane_ends(self, end: str, bands: Mapping[str, Box], step: float, y: float) -> list[tuple[float, float]]:
        if end in bands:
            return [(bands[end].x + step, y), (bands[end].x + step, bands[end].bottom)]
        return [(bands[self.columns[-1]].right + FRAME_PADDING, y)]

    def _lane_begins(
        self, end: str, nodes: Mapping[str, Box], bands: Mapping[str, Box], frame_x: float, step: float, y: float
    ) -> list[tuple[float, float]]:
        if end in bands:
            x = bands[end].right - step
            return [(x, bands[end].bottom), (x, y)]
        if end in nodes:
            x = nodes[end].right + step / 2
            return [(nodes[end].right, nodes[end].bottom - step / 2), (x, nodes[end].bottom - step / 2), (x, y)]
        return [(frame_x, y)]


def _groups(tiers: Sequence[Sequence[Mapping[str, Any]]]) -> dict[tuple[int, int], list[Card]]:
    """Return the cards by the columns that they reach across, in the order of the inventory."""
    known: dict[str, dict[str, Any]] = {}
    columns: dict[str, list[int]] = {}
    for number, hosts in enumerate(tiers):
        for host in hosts:
            known[str(host["name"])] = {**known.get(str(host["name"]), {}), **host}
            columns.setdefault(str(host["name"]), []).append(number)
    found: dict[tuple[int, int], list[Card]] = {}
    for name, numbers in columns.items():
        for run in _runs(numbers):
            found.setdefault(run, []).append(_card(known[name]))
    return {run: _some(cards) for run, cards in found.items()}


def _seats(groups: Mapping[tuple[int, int], Sequence[Card]]) -> list[tuple[Card, int, int, int]]:
    """Return each card with its first and last column and its row, the widest ones on top."""
    filled: dict[int, int] = {}
    seats: list[tuple[Card, int, int, int]] = []
    for (first, last), cards in sorted(groups.items(), key=lambda group: group[0][0] - group[0][1]):
        for card in cards:
            row = max(filled.get(column, 0) for column in range(first, last + 1))
            filled |= dict.fromkeys(range(first, last + 1), row + 1)
            seats.append((card, first, last, row))
    return seats


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the stretches of neighbours: 0, 1, 3 are two of them."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _card(host: Mapping[str, Any]) -> Card:
    name, address = str(host["name"]), str(host["address"])
    weight = host.get("weight", 1)
    notes = [
        *([address] if address != name else []),
        *([f"weight {weight}"] if weight != 1 else []),
        *(note for note in ("backup", "drained") if host.get(note)),
    ]
    kind = KINDS.get(host.get("state", ""), "idle" if host.get("drained") or host.get("backup") else "host")
    told = ", ".join([name, *notes, *host.get("said", [])])
    # So that colour is not all that tells.
    marked = f"! {name}" if kind == "trouble" else name
    return Card(_short(marked, NAME_CHARACTERS), _short(", ".join(notes), DETAIL_CHARACTERS), kind, told)


def _some(cards: list[Card]) -> list[Card]:
    if len(cards) <= CARDS_AT_MOST:
        return cards
    rest = f"and {len(cards) - CARDS_AT_MOST + 1} more"
    return [*cards[: CARDS_AT_MOST - 1], Card(rest, kind="more", told=rest)]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _rows(count: int) -> float:
    return count * (CARD_HEIGHT + CARD_GAP) - CARD_GAP if count else 0


def _stack(flows: Sequence[Flow]) -> float:
    """Return the height of arrows below one another."""
    return sum(flow.height for flow in flows) + SLOT_GAP * max(0, len(flows) - 1)


def _room(flows: Sequence[Flow]) -> float:
    """Return the width of a gap with these flows in it."""
    return round(max([GAP_WIDTH_LEAST, *(flow.width + 2 * GAP_PADDING for flow in flows)]))
