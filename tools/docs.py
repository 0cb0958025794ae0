"""Write the roles' reference and the tables in their READMEs from the argument specs, and the page of messages from the code.

python tools/docs.py          writes docs/reference/, the tables and docs/messages.md
python tools/docs.py --check  exits with 1, and names the files, when they differ from what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).parents[1]
sys.path.insert(0, str(CHECKOUT))
from tools import messages  # noqa: E402 - found wherever this is started from

BEGIN, END = "<!-- options -->", "<!-- /options -->"
NOTE = "<!-- Written by tools/docs.py from the argument specs. Change those, then run: make docs -->"


@dataclass(frozen=True)
class Role:
    """What a role's own files say about it."""

    folder: Path
    spec: dict[str, Any]
    defaults: dict[str, Any]

    @property
    def name(self) -> str:
        """The role's name without the collection's."""
        return self.folder.name

    @property
    def options(self) -> dict[str, dict[str, Any]]:
        """Its public variables, in the order of the spec."""
        return self.spec.get("options") or {}


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say which files differ")
    check: bool = parser.parse_args().check

    stale = [path for path, text in pages(CHECKOUT).items() if not path.is_file() or path.read_text() != text]
    if check:
        for path in stale:
            print(f"{path.relative_to(CHECKOUT)} differs from what the code says. Run: make docs", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages(CHECKOUT)[path])
        print(f"wrote {path.relative_to(CHECKOUT)}")
    return 0


def pages(checkout: Path) -> dict[Path, str]:
    """Return every file that is written, with its text."""
    roles = list(read_roles(checkout))
    reference = checkout / "docs" / "reference"
    texts = {reference / "README.md": index(roles), checkout / "docs" / "messages.md": messages.page(checkout)}
    for role in roles:
        texts[reference / f"{role.name}.md"] = reference_page(role)
        texts[role.folder / "README.md"] = with_table(role)
    return texts


def read_roles(checkout: Path) -> Iterator[Role]:
    """Yield the roles of the collection by name."""
    for path in sorted((checkout / "roles").glob("*/meta/argument_specs.yml")):
        folder = path.parents[1]
        defaults = folder / "defaults" / "main.yml"
        yield Role(
            folder,
            next(iter(yaml.safe_load(path.read_text())["argument_specs"].values())),
            (yaml.safe_load(defaults.read_text()) or {}) if defaults.is_file() else {},
        )


def index(roles: list[Role]) -> str:
    """Return the list of all roles."""
    rows = [f"| [{role.name}]({role.name}.md) | {role.spec['short_description']} |" for role in roles]
    return "\n".join([NOTE, "", "# Reference", "", "| Role | |", "| --- | --- |", *rows, ""])


def reference_page(role: Role) -> str:
    """Return everything about a role's variables."""
    lines = [
        NOTE,
        "",
        f"# hotclub.django.{role.name}",
        "",
        f"{sentence(role.spec['short_description'])} {prose(role.spec.get('description', ''))}".strip(),
        "",
    ]
    for name, option in role.options.items():
        lines += [f"## {name}", "", prose(option["description"]), "", *facts(role, name, option), ""]
    return "\n".join(lines)


def facts(role: Role, name: str, option: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each thing that a spec says about an option."""
    yield f"- Type: {kind(option)}"
    yield f"- Default: {default(role, name, option)}"
    if "choices" in option:
        yield f"- Choices: {', '.join(code(choice) for choice in option['choices'])}"
    if option.get("no_log"):
        yield "- Secret: never shown"
    if option.get("options"):
        yield "- Keys:"
        yield from nested(option["options"], "  ")


def nested(options: dict[str, dict[str, Any]], indent: str) -> Iterator[str]:
    """Yield a line for each key of a dictionary."""
    for key, option in options.items():
        extra = [
            kind(option),
            *(["required"] if option.get("required") else []),
            *([f"default {code(option['default'])}"] if "default" in option else []),
        ]
        if "choices" in option:
            extra.append(f"one of {', '.join(code(choice) for choice in option['choices'])}")
        yield f"{indent}- `{key}` ({', '.join(extra)}): {prose(option['description'])}"
        if option.get("options"):
            yield from nested(option["options"], indent + "  ")


def with_table(role: Role) -> str:
    """Return a role's README with its table renewed."""
    path = role.folder / "README.md"
    text = path.read_text() if path.is_file() else ""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(
            f"{path} needs one line {BEGIN} and, after it, one line {END}: the table of variables goes between them."
        )
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table(role)}\n{END}{after}"


def table(role: Role) -> str:
    """Return the variables of a role as a table."""
    rows = [
        f"| `{name}` | {cell(default(role, name, option))} | {cell(prose(option['description']))} |"
        for name, option in role.options.items()
    ]
    return "\n".join(["| Variable | Default | Meaning |", "| --- | --- | --- |", *rows])


def default(role: Role, name: str, option: dict[str, Any]) -> str:
    """Return an option's default as it is written in the role."""
    if option.get("required"):
        return "required"
    return code(role.defaults[name]) if name in role.defaults else "none"


def kind(option: dict[str, Any]) -> str:
    """Return an option's type in words."""
    names = {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "true or false",
        "dict": "dictionary",
        "path": "path",
        "list": "list",
        "raw": "anything",
    }
    plural = {"str": "texts", "int": "whole numbers", "dict": "dictionaries", "path": "paths", "list": "lists"}
    name: str = option.get("type", "str")
    if name == "list" and "elements" in option:
        return f"list of {plural.get(option['elements'], option['elements'])}"
    return names.get(name, name)


def code(value: Any) -> str:
    """Return a value as it is written in YAML, in code."""
    if isinstance(value, str) and value and "\n" not in value.strip():
        return f"`{value.strip()}`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def cell(text: str) -> str:
    """Return text as it stands in a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def prose(description: str | list[str]) -> str:
    """Return a description as one paragraph."""
    paragraphs = [description] if isinstance(description, str) else description
    return " ".join(sentence(paragraph) for paragraph in paragraphs if paragraph)


def sentence(text: str) -> str:
    """Return text that ends as a sentence does."""
    stripped = " ".join(text.split())
    return stripped if stripped.endswith((".", "!", "?", ":")) else f"{stripped}."


if __name__ == "__main__":
    sys.exit(main())
