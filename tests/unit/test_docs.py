"""What the documentation links to and names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# A path of the checkout, as running text names it.
PATH = re.compile(r"`(?P<path>(?:roles|plugins|playbooks|tests|docs|inventories|changelogs|lab|tools)/[\w./-]*)`")
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("roles/*/README.md"), *ROOT.glob(".github/**/*.md")})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_pages_and_headings_that_exist(page: Path) -> None:
    broken = [target for target in links(page) if not leads_somewhere(page, target)]

    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in seen:
            continue
        seen.add(page)
        ahead += [path for path in (where(page, target)[0] for target in links(page)) if path.suffix == ".md" and path.is_file()]

    assert sorted(path.name for path in ROOT.glob("docs/*.md") if path not in seen) == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_paths_that_are_named_exist(page: str) -> None:
    named = {found["path"] for found in PATH.finditer((ROOT / page).read_text(encoding="utf-8"))}

    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_every_playbook_is_in_the_table_of_verbs() -> None:
    verbs = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "operating.md").read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(verbs) == sorted(path.stem for path in ROOT.glob("playbooks/*.yml"))


def links(page: Path) -> Iterator[str]:
    """Yield the links of a page that stay in the repository."""
    for found in LINK.finditer(CODE.sub("", page.read_text(encoding="utf-8"))):
        if not found["target"].startswith(("http://", "https://", "mailto:")):
            yield found["target"]


def where(page: Path, target: str) -> tuple[Path, str]:
    """Return the file that a link of a page leads to, and the heading."""
    path, _, heading = target.partition("#")
    return ((page.parent / path).resolve() if path else page), heading


def leads_somewhere(page: Path, target: str) -> bool:
    """Return whether a link leads to a file that has its heading."""
    path, heading = where(page, target)
    return path.exists() and (not heading or heading in headings(path))


def headings(page: Path) -> set[str]:
    """Return how links name the headings of a page."""
    lines = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
