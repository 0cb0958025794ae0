# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The status of a site as one page that needs no network and no script, for light and dark screens, wide and narrow ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from ansible_collections.hotclub.django.plugins.filter.topology_svg import topology_svg
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.tables import Table, tables, troubles, worth_knowing

# Nothing is loaded from anywhere, and nothing in it runs, whatever a host says of itself.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """\
:root {
  --page: #f6f8fa; --sheet: #ffffff; --ink: #1f2328; --soft: #57606a; --rule: #d0d7de;
  --well: #116329; --well-back: #dafbe1; --trouble: #a40e26; --trouble-back: #ffebe9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #010409; --sheet: #0d1117; --ink: #e6edf3; --soft: #9198a1; --rule: #30363d;
    --well: #7ee787; --well-back: #12261e; --trouble: #ffa198; --trouble-back: #2d1214;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2.5rem) 4rem; max-width: 90rem;
  background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.25rem 1.25rem; }
h1 { margin: 0; font-size: 1.9rem; }
h2 { margin: 0 0 0.75rem; font-size: 1.1rem; }
.verdict { margin: 0; padding: 0.15rem 0.8rem; border-radius: 1rem; font-weight: 600; }
.is-well { color: var(--well); background: var(--well-back); }
.is-trouble { color: var(--trouble); background: var(--trouble-back); }
.when { margin: 0; color: var(--soft); }
section {
  margin-top: 1.25rem; padding: 1rem 1.25rem;
  background: var(--sheet); border: 1px solid var(--rule); border-radius: 0.6rem;
}
section.attention { border-left: 0.35rem solid var(--trouble); }
ul { margin: 0; padding: 0; list-style: none; }
li { padding: 0.35rem 0; overflow-wrap: anywhere; }
li + li, tbody tr { border-top: 1px solid var(--rule); }
.scroll { overflow-x: auto; }
.scroll:focus-visible { outline: 2px solid var(--soft); outline-offset: 2px; }
.scroll svg { display: block; margin: 0 auto; max-width: 100%; min-width: 40rem; height: auto; }
table { border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.4rem 1.1rem 0.4rem 0; text-align: left; white-space: nowrap; vertical-align: top; }
thead th { color: var(--soft); font-size: 0.72rem; letter-spacing: 0.05em; }
td.long { white-space: normal; min-width: 22rem; }
.state { padding: 0.05rem 0.5rem; border-radius: 0.6rem; font-weight: 600; }
@media print { body { background: none; } section { break-inside: avoid; } }"""
STATE = "STATE"
STATES = {"well": "is-well", "in trouble": "is-trouble"}
# What is longer may be broken into lines.
LONG_CHARACTERS = 48


def status_page(
    statuses: Mapping[str, Mapping[str, Any]],
    site: str,
    now: datetime,
    flows: Iterable[Mapping[str, Any]],
    tiers: Mapping[str, Sequence[Mapping[str, Any]]],
    backups: str = "",
    obstacle: str = "",
) -> str:
    """Return the page: what needs attention first, then the drawing of the hosts and what is known of each subject.

    :param statuses: what ``site_status`` found, by host; an unreachable host has only ``problems``.
    :param site: name of the site.
    :param now: when the hosts were looked at, in UTC.
    :param flows: who talks to whom, as ``topology_svg`` takes it.
    :param tiers: the hosts of each tier, each with its name and address.
    :param backups: what backs it up, in the operator's words.
    :param obstacle: why the database has no backups, in a few words.
    """
    wrong = troubles(statuses, site)
    verdict = f"{site} is in trouble" if wrong else f"{site} is well"
    return "\n".join(
        [
            *_head(verdict),
            *_header(site, wrong, now, len(statuses)),
            "<main>",
            *(_list("Needs attention", wrong, "attention") if wrong else ()),
            *_drawing(topology_svg(flows, _with_states(tiers, statuses), site)),
            *(line for table in tables(statuses) for line in _section(_of_hosts(table, statuses))),
            *_list("Worth knowing", worth_knowing(statuses, site, backups, obstacle)),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _head(title: str) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield f"<title>{escape(title)}</title>"
    yield f"<style>\n{STYLE}\n</style>"
    yield "</head>"
    yield "<body>"


def _header(site: str, wrong: Sequence[str], now: datetime, hosts: int) -> Iterator[str]:
    count = "1 trouble" if len(wrong) == 1 else f"{len(wrong)} troubles"
    yield "<header>"
    yield f"<h1>{escape(site)}</h1>"
    kind, told = ("is-trouble", count) if wrong else ("is-well", "All is well")
    yield f'<p class="verdict {kind}">{told}</p>'
    moment = f'<time datetime="{now:%Y-%m-%dT%H:%M:%SZ}">{now:%Y-%m-%d %H:%M} UTC</time>'
    asked = "1 host" if hosts == 1 else f"{hosts} hosts"
    yield f'<p class="when">{asked}, looked at {moment}</p>'
    yield "</header>"


def _list(subject: str, lines: Sequence[str], kind: str = "") -> Iterator[str]:
    yield f'<section class="{kind}">' if kind else "<section>"
    yield f"<h2>{escape(subject)}</h2>"
    yield "<ul>"
    for line in lines:
        where, _colon, what = line.partition(": ")
        yield f"<li><strong>{escape(where)}</strong>: {escape(what)}</li>"
    yield "</ul>"
    yield "</section>"


def _drawing(svg: str) -> Iterator[str]:
    yield "<section>"
    yield "<h2>Hosts, and who talks to whom</h2>"
    # Whoever has no mouse gets to what is beyond the edge by the keyboard.
    yield f'<div class="scroll" tabindex="0" role="group" aria-label="Drawing of the hosts">\n{svg}</div>'
    yield "</section>"


def _section(rows: tuple[str, Sequence[Sequence[str]]]) -> Iterator[str]:
    subject, (names, *lines) = rows
    yield "<section>"
    yield f"<h2>{escape(subject)}</h2>"
    yield f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(subject)}">'
    yield "<table>"
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    yield f"<thead><tr>{heads}</tr></thead>"
    yield "<tbody>"
    for first, *cells in lines:
        rest = "".join(_cell(name, cell) for name, cell in zip(names[1:], cells, strict=True))
        yield f'<tr><th scope="row">{escape(first)}</th>{rest}</tr>'
    yield "</tbody>"
    yield "</table>"
    yield "</div>"
    yield "</section>"


def _cell(name: str, text: str) -> str:
    if name == STATE:
        return f'<td><span class="state {STATES[text]}">{text}</span></td>'
    return f"<td{' class=long' if len(text) > LONG_CHARACTERS else ''}>{escape(text)}</td>"


def _of_hosts(table: Table, statuses: Mapping[str, Mapping[str, Any]]) -> tuple[str, Sequence[Sequence[str]]]:
    """Return a table's subject and rows; where the rows are hosts, each with its state."""
    names, *rows = table.used()
    if names[0] != "HOST":
        return table.subject, [names, *rows]
    return table.subject, [(names[0], STATE, *names[1:]), *((host, _state(statuses[host]), *cells) for host, *cells in rows)]


def _state(status: Mapping[str, Any]) -> str:
    return "in trouble" if status.get("problems") else "well"


def _with_states(
    tiers: Mapping[str, Sequence[Mapping[str, Any]]], statuses: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the hosts of each tier, of those that were looked at with how they are."""
    known = {host: {"state": _state(status), "said": list(status.get("problems", []))} for host, status in statuses.items()}
    return {tier: [{**host, **known.get(str(host["name"]), {})} for host in hosts] for tier, hosts in tiers.items()}
