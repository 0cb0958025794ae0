# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A drawing of the tiers, their hosts and who talks to whom, for light and dark pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.plugin_utils.drawing.placement import Box, Card, Flow, Layout, lay_out

STYLE = """\
  <style>
    .frame { fill: none; stroke: #8c959f; stroke-dasharray: 2 4; }
    .band { fill: #f6f8fa; stroke: #d0d7de; }
    .host { fill: #ffffff; stroke: #57606a; } .idle, .more { fill: #ffffff; stroke: #8c959f; stroke-dasharray: 5 4; }
    .node { fill: #ddf4ff; stroke: #0969da; }
    .well { fill: #dafbe1; stroke: #1a7f37; } .trouble { fill: #ffebe9; stroke: #cf222e; stroke-width: 2; }
    .line { fill: none; stroke: #57606a; stroke-width: 1.6; marker-end: url(#arrow); } .tip { fill: #57606a; }
    text { fill: #1f2328; text-anchor: middle; } .head { font-weight: 600; } .soft { fill: #57606a; font-size: 13px; }
    .first { text-anchor: start; } .last { text-anchor: end; } .above { stroke: #ffffff; stroke-width: 6; paint-order: stroke; }
    @media (prefers-color-scheme: dark) {
      .frame { stroke: #6e7681; } .band { fill: #161b22; stroke: #30363d; }
      .host { fill: #0d1117; stroke: #8b949e; } .idle, .more { fill: #0d1117; stroke: #6e7681; }
      .node { fill: #121d2f; stroke: #58a6ff; }
      .well { fill: #12261e; stroke: #3fb950; } .trouble { fill: #2d1214; stroke: #f85149; }
      .line { stroke: #8b949e; } .tip { fill: #8b949e; }
      text { fill: #e6edf3; } .soft { fill: #8b949e; } .above { stroke: #0d1117; }
    }
  </style>
  <defs>
    <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">
      <path class="tip" d="M0 0 8 4 0 8z"/>
    </marker>
  </defs>"""

BAND_TEXT = 26
BASELINE = 5
# So that the tip of an arrow touches nothing.
TIP = 2


def topology_svg(flows: Iterable[Mapping[str, Any]], tiers: Mapping[str, Sequence[Mapping[str, Any]]], site: str) -> str:
    """Return an SVG image of who talks to whom.

    :param flows: each with ``from``, ``to``, ``port``, ``protocol`` and ``why``; an end that is no tier stands outside.
    :param tiers: the hosts of each tier, each with its name and address; where somebody has looked at it, with its ``state``
        (``well`` or ``in trouble``) and with what is ``said`` of it.
    :param site: name of the site, for the title.
    """
    if not isinstance(tiers, Mapping):
        raise AnsibleFilterError("topology_svg is used as: site_flows | hotclub.django.topology_svg(site_tiers, site_name)")
    if not any(tiers.values()):
        raise AnsibleFilterError(f"{site} has no host to draw: the groups {', '.join(tiers)} are empty. Put hosts into them.")
    told = list(flows)
    layout = lay_out(told, tiers)
    return "\n".join([*_head(layout, told, tiers, site), *_body(layout, tiers, site), "</svg>", ""])


def _head(layout: Layout, flows: Sequence[Mapping[str, Any]], tiers: Mapping[str, Sequence[Any]], site: str) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.width:g} {layout.height:g}" width="{layout.width:g}"'
        f' height="{layout.height:g}" role="img" aria-labelledby="title words"'
        ' font-family="system-ui, sans-serif" font-size="15">',
        f'  <title id="title">{escape(site)}: who talks to whom</title>',
        f'  <desc id="words">{escape(" ".join(_words(flows, tiers)))}</desc>',
        STYLE,
    ]


def _words(flows: Sequence[Mapping[str, Any]], tiers: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Yield the drawing as sentences."""
    counts = ", ".join(f"{tier} ({_count(hosts)})" for tier, hosts in tiers.items() if hosts)
    yield f"The tiers, from left to right: {counts}."
    for flow in flows:
        port = f" port {flow['port']}" if int(flow["port"]) else ""
        yield f"{flow['from']} to {flow['to']}, {flow['protocol']}{port}: {flow['why']}."


def _body(layout: Layout, tiers: Mapping[str, Sequence[Mapping[str, Any]]], site: str) -> Iterator[str]:
    everybody = {host["name"] for hosts in tiers.values() for host in hosts}
    yield _rectangle("frame", layout.frame, 12)
    yield _text("first head", layout.frame.x + 16, layout.frame.y + BAND_TEXT - 2, site)
    yield _text("last soft", layout.frame.right - 16, layout.frame.y + BAND_TEXT - 2, _count(everybody))
    for tier, band in layout.bands.items():
        yield _rectangle("band", band, 8)
        yield _text("first head", band.x + 16, band.y + BAND_TEXT, tier)
        yield _text("last soft", band.right - 16, band.y + BAND_TEXT, _count(tiers[tier]))
    for card, box in layout.cards:
        yield from _host(card, box)
    for node, box in layout.nodes.items():
        yield _rectangle("node", box, 8)
        yield _text("head", box.middle, box.y + box.height / 2 + BASELINE, node)
    for flow, points in layout.arrows:
        yield _arrow(flow, points)
    for words in layout.words:
        yield _text(words.kind, words.x, words.y, words.text)


def _host(card: Card, box: Box) -> Iterator[str]:
    yield f"  <g><title>{escape(card.told)}</title>"
    yield _rectangle(card.kind, box, 6)
    middle = box.y + box.height / 2 + BASELINE
    if card.detail:
        yield _text("head", box.middle, middle - 9, card.name)
        yield _text("soft", box.middle, middle + 11, card.detail)
    else:
        yield _text("soft" if card.kind == "more" else "head", box.middle, middle, card.name)
    yield "  </g>"


def _arrow(flow: Flow, points: Sequence[tuple[float, float]]) -> str:
    (before_x, before_y), (x, y) = points[-2:]
    tip = (x - TIP * _sign(x - before_x), y - TIP * _sign(y - before_y))
    path = " ".join(f"{x:g} {y:g}" for x, y in [*points[:-1], tip])
    told = escape(f"{flow.source} to {flow.target}: {flow.port}, {flow.why}")
    return f'  <path class="line" d="M{path}"><title>{told}</title></path>'


def _rectangle(kind: str, box: Box, radius: int) -> str:
    size = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
    return f'  <rect class="{kind}" {size} rx="{radius}"/>'


def _text(kind: str, x: float, y: float, words: str) -> str:
    return f'  <text class="{kind}" x="{x:g}" y="{y:g}">{escape(words)}</text>'


def _count(hosts: Iterable[Any]) -> str:
    number = len(list(hosts))
    return "1 host" if number == 1 else f"{number} hosts"


def _sign(difference: float) -> int:
    return (difference > 0) - (difference < 0)


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"topology_svg": topology_svg}
