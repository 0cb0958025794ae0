"""The page of messages: what the code says when something is wrong, with what to do, read from the code itself.

Texts are those of our exceptions and of failed results in Python, and of conditions, assertions and failures in YAML. What is
filled in when it is said stands between angle brackets.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

NOTE = "<!-- Written by tools/docs.py from the messages in the code. Change those, then run: make docs -->"
INTRODUCTION = """\
The words of the collection's own messages, with what to do. What stands between angle brackets is filled in: search for the
words around it. Many messages end with the output of the program that complained, and with a remedy that depends on it.
[When something fails](troubleshooting.md) says where else to look."""

# Which files speak of what; the first that fits.
SUBJECTS: Mapping[str, str] = {
    "Values of variables": r"plugins/plugin_utils/inventory/forms/",
    "The inventory": r"plugins/plugin_utils/inventory/",
    "The project, as inspect finds it": r"plugins/plugin_utils/inspection/|plugins/action/inspect_",
    "Variables of roles": r"roles/[^/]+/(vars|tasks)/",
    "Playbooks": r"playbooks/|plugins/filter/",
    "Status": r".*/(site_status|status|haproxy)\.py",
    "Secrets and the authority between hosts": r".*/secrets/|plugins/action/(secret|authority)_|.*/(secret_finger|host_cert)",
    "Certificates by ACME": r"roles/acme/|.*/acme",
    "Hosts that others use": r".*/(first_contact|listeners|other_\w+|others)\.py",
    "Balancers": r".*/(balancer_\w+|nginx_service|address_handover|addresses)\.py",
    "PostgreSQL": r".*/postgresql",
    "Releases": r"plugins/module_utils/release/|.*/(release_\w+|manage|media_move|site_\w+|lock\w*)\.py|roles/django/",
    "Hosts": r"",
}
RAISED = re.compile(r"^(Trouble|Refusal|Finding|Ansible\w+|PostgresqlError|AcmeError)$")
# Those whose second argument is the remedy.
WITH_REMEDY = ("Trouble", "Refusal", "Finding", "PostgresqlError")
# Functions whose texts are each a reason why something is refused, or a problem.
SPEAKING = re.compile(r"problem|trouble|reason|left_out|departure")
# What has fewer letters of its own can't be searched for.
FEWEST_LETTERS = 12
# Names in the code that say less than what they stand for.
SPOKEN = {"nodename": "host", "inventory_hostname": "host", "strerror": "error", "output": "output", "said": "output"}


@dataclass(frozen=True)
class Message:
    """A text that an operator may read.

    :param text: what is wrong.
    :param remedy: what to do, where the code says it.
    :param subject: under which heading it stands.
    """

    text: str
    remedy: str
    subject: str


def page(checkout: Path) -> str:
    """Return the page of all messages."""
    found = {message.text: message for message in messages(checkout)}
    lines = [NOTE, "", "# When it says X", "", INTRODUCTION]
    for subject in SUBJECTS:
        mine = [message for message in found.values() if message.subject == subject]
        mine.sort(key=lambda message: (alphabetical(message.text), message.text))
        lines += ["", f"## {subject}", "", *(line for message in mine for line in item(message))]
    return "\n".join([*lines, ""])


def item(message: Message) -> Iterator[str]:
    """Yield the lines of a message."""
    yield f"- {code(message.text)}" + ("\\" if message.remedy else "")
    if message.remedy:
        yield f"  {escaped(message.remedy)}"


def messages(checkout: Path) -> Iterator[Message]:
    """Yield the messages of all files."""
    sources = sorted(path for folder in ("plugins", "roles") for path in (checkout / folder).rglob("*.py"))
    files = {module_of(path.relative_to(checkout)): CodeFile(path.read_text(encoding="utf-8")) for path in sources}
    functions = {name: function for each in files.values() for name, function in each.functions.items()}
    for path, each in zip(sources, files.values(), strict=True):
        constants = each.constants | {
            name: files[module].constants[name]
            for module, name in each.imported
            if module in files and name in files[module].constants
        }
        yield from about(path, checkout, each.messages(functions, constants))
    patterns = ("playbooks/**/*.yml", "roles/*/vars/**/*.yml", "roles/*/tasks/*.yml")
    for path in sorted(path for pattern in patterns for path in checkout.glob(pattern)):
        yield from about(path, checkout, ((text, "") for text in said(yaml.safe_load(path.read_text(encoding="utf-8")))))


def about(path: Path, checkout: Path, texts: Iterator[tuple[str, str]]) -> Iterator[Message]:
    """Yield the messages of a file, each with its subject."""
    where = str(path.relative_to(checkout))
    subject = next(name for name, pattern in SUBJECTS.items() if re.match(pattern, where))
    for whole, remedy in texts:
        text, rest = parted(whole)
        if len(re.sub(r"<[^>]*>|\W", "", text)) >= FEWEST_LETTERS:
            yield Message(text, " ".join(part for part in (rest, one_line(remedy)) if part), subject)


def module_of(path: Path) -> str:
    """Return by what name other files of the collection import one."""
    return ".".join(["ansible_collections.hotclub.django", *path.with_suffix("").parts])


class CodeFile:
    """A file of Python."""

    def __init__(self, text: str) -> None:
        self.tree = ast.parse(text)

    @cached_property
    def constants(self) -> dict[str, list[ast.expr]]:
        """What its own names stand for."""
        return assigned(self.tree)

    @property
    def imported(self) -> Iterator[tuple[str, str]]:
        """What it takes from other files: module and name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom):
                yield from ((node.module or "", alias.name) for alias in node.names)

    @cached_property
    def functions(self) -> dict[str, ast.FunctionDef]:
        """Its functions by name."""
        return {node.name: node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef)}

    def messages(
        self, functions: Mapping[str, ast.FunctionDef], constants: Mapping[str, list[ast.expr]]
    ) -> Iterator[tuple[str, str]]:
        """Yield each text that is raised or returned as a failure, with its remedy."""
        for scope in [self.tree, *self.functions.values()]:
            reader = Reader({**constants, **assigned(scope)}, functions)
            for node in own_nodes(scope):
                match node:
                    case ast.Call():
                        reader.line = node.lineno
                        found = list(of_call(node, reader))
                        reader.since = node.lineno if found else reader.since
                        yield from found
                    case ast.Yield(value=ast.Tuple(elts=[wrong, remedy])):
                        yield from paired("<variable>", wrong, remedy, reader)
                    case ast.Yield(value=value) if speaks(scope):
                        yield from ((text, "") for text in reader.texts(value))
                    case ast.Return(value=ast.List(elts=values)) if speaks(scope):
                        yield from ((text, "") for value in values for text in reader.texts(value))


def speaks(scope: ast.AST) -> bool:
    """Return whether the texts of a function are messages."""
    return isinstance(scope, ast.FunctionDef) and SPEAKING.search(scope.name) is not None


def of_call(call: ast.Call, reader: Reader) -> Iterator[tuple[str, str]]:
    """Yield what a call says: an exception, a complaint about a variable, a failed result, a problem in the status."""
    name = named(call.func)
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "Complaint" and len(call.args) == 3:
        yield from paired(reader.placed(call.args[0]), call.args[1], call.args[2], reader)
    elif RAISED.match(name) and call.args:
        # What others have for a second argument is no remedy.
        second = (
            call.args[1]
            if len(call.args) > 1 and name in ("Trouble", "Refusal", "Finding", "PostgresqlError")
            else keywords.get("remedy")
        )
        remedies = reader.texts(second)
        yield from ((text, " ".join(dict.fromkeys(remedies))) for text in reader.texts(call.args[0]))
    elif "msg" in keywords:
        yield from ((text, "") for text in reader.texts(keywords["msg"]))
    elif ast.unparse(call.func).endswith("['problems'].append"):
        yield from ((text, "") for text in reader.texts(call.args[0]))


def paired(subject: str, wrong: ast.expr, remedy: ast.expr, reader: Reader) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a subject, with what to write instead."""
    texts, remedies = reader.texts(wrong), reader.texts(remedy)
    if len(remedies) != len(texts):
        remedies = (remedies if len(remedies) == 1 else [""]) * len(texts)
    yield from ((f"{subject}: {text}", remedy) for text, remedy in zip(texts, remedies, strict=True))


@dataclass
class Reader:
    """What expressions say, as far as it stands in the code.

    :param names: what local names and constants are assigned.
    :param functions: functions that may return a text.
    :param line: where the expression stands.
    :param since: where the message before it stands: what was assigned after that is meant.
    """

    names: Mapping[str, list[ast.expr]]
    functions: Mapping[str, ast.FunctionDef]
    line: int = 0
    since: int = 0

    def texts(self, node: ast.expr | None, deep: int = 2) -> list[str]:
        """Return the texts that an expression may be, none where the code doesn't tell."""
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr() | ast.BinOp(op=ast.Add()):
                return [self.placed(node)]
            case ast.IfExp(body=one, orelse=other):
                return [*self.texts(one, deep), *self.texts(other, deep)]
            case ast.Name(id=name) if name in self.names and deep:
                return [text for value in self.meant(name) for text in self.texts(value, deep - 1)]
            case ast.Call(func=function) if named(function) in self.functions and deep:
                found = self.functions[named(function)]
                inside = Reader(assigned(found), self.functions)
                returned = [each.value for each in own_nodes(found) if isinstance(each, ast.Return)]
                return [text for value in returned for text in inside.texts(value, deep - 1)]
        return []

    def meant(self, name: str) -> list[ast.expr]:
        """Return what a name may stand for here."""
        before = [value for value in self.names[name] if not self.line or value.lineno <= self.line]
        return [value for value in before if value.lineno > self.since] or before[-1:] or self.names[name]

    def placed(self, node: ast.expr) -> str:
        """Return a text with names between angle brackets for what is filled in."""
        match node:
            case ast.Constant(value=value):
                return str(value)
            case ast.JoinedStr(values=parts):
                return "".join(self.placed(part) for part in parts)
            case ast.FormattedValue(value=value, conversion=conversion):
                return f"'{self.placed(value)}'" if conversion == ord("r") else self.placed(value)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return self.placed(left) + self.placed(right)
            case ast.Name(id=name) if name.isupper() and isinstance(self.names.get(name, [None])[0], ast.Constant):
                return self.placed(self.names[name][0])
        return f"<{spoken(node)}>"


def named(function: ast.expr) -> str:
    """Return the last part of a function's name."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def spoken(node: ast.expr) -> str:
    """Return what a person would call that which is filled in."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return SPOKEN.get(name, name.strip("_").replace("_", " ").lower())
        case ast.Call(func=ast.Attribute(attr="join"), args=[ast.Name() | ast.Attribute() as parts]):
            return spoken(parts)
        case ast.Call(func=ast.Attribute(value=value, attr="strip" | "tail")) | ast.Subscript(value=value):
            return spoken(value)
        case ast.BoolOp(values=[first, *_]) | ast.BinOp(left=first):
            return spoken(first)
    return "…"


def assigned(scope: ast.AST) -> dict[str, list[ast.expr]]:
    """Return what names are assigned in a function, or in a file."""
    found: dict[str, list[ast.expr]] = {}
    for node in own_nodes(scope):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(names) == len(values):
                for target, value in zip(names, values, strict=True):
                    found.setdefault(named(target), []).append(value)
    return found


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield what is in a function, or in a file, and in no function inside it."""
    for node in ast.iter_child_nodes(scope):
        if not isinstance(node, ast.FunctionDef):
            yield node
            yield from own_nodes(node)


def said(node: Any) -> Iterator[str]:
    """Yield the messages in a file of YAML: of conditions, of assertions, of failures."""
    if isinstance(node, list):
        for each in node:
            yield from said(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and (key == "fail_msg" or (key == "msg" and "that" in node)):
                yield filled(value)
            elif key == "ansible.builtin.fail" and isinstance(value, dict) and "msg" in value:
                yield filled(value["msg"])
            else:
                yield from said(value)


def filled(template: str) -> str:
    """Return a template with names between angle brackets for its expressions."""

    def expression(match: re.Match[str]) -> str:
        simple = re.match(r"\w[\w.]*(?=\s*(\||$))", match[1])
        name = simple[0].rpartition(".")[2] if simple else "…"
        # A public variable is shown as it is called.
        return f"<{SPOKEN.get(name, name.strip('_').replace('_', ' ') if name.startswith('__') else name)}>"

    return re.sub(r"\{\{\s*(.*?)\s*\}\}", expression, template, flags=re.DOTALL)


def parted(whole: str) -> tuple[str, str]:
    """Return the first sentence of a message, and the others without lines that are filled in as a whole."""
    first, _, rest = whole.strip().partition("\n")
    sentences = re.split(r"(?<=[a-z0-9B%\])'\"`>][.!?]) +(?=[A-Z<\"'])", first.strip(), maxsplit=1)
    others = [*sentences[1:], *(line for line in rest.splitlines() if not re.fullmatch(r"\s*(<[^>]*>\s*)*", line))]
    return one_line(sentences[0]), one_line(" ".join(others))


def one_line(text: str) -> str:
    """Return text without line breaks."""
    return " ".join(text.split())


def code(text: str) -> str:
    """Return text as code, whatever is in it."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def escaped(text: str) -> str:
    """Return prose whose angle brackets and asterisks are read as such, outside of its code."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"(<|\*|__)", r"\\\1", part) for part in parts)


def alphabetical(text: str) -> str:
    """Return what a text is sorted by: its words without what is filled in."""
    return re.sub(r"<[^>]*>|[^a-z0-9 ]", "", text.lower()).strip()
