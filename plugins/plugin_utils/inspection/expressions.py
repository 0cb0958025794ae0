# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Expressions of a project's settings: what they come to, and which environment variables they read on the way."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.values import (
    Dotted,
    Environment,
    Given,
    Method,
    Place,
    Read,
    Unknown,
    Wrapper,
    is_known,
    names_of,
    text_of,
)

# No settings have that many parts; what would have more was written to exhaust whoever reads it.
MOST_STEPS = 500_000
MOST_PARTS = 10_000
TRUE = {"true", "on", "ok", "y", "yes", "1", "t"}
ENVIRON = "os.environ"
READ_WITH_DEFAULT = {"os.environ.get", "os.getenv", "os.environ.pop", "os.environ.setdefault"}
READERS = {"environ.Env", "environ.FileAwareEnv", "environs.Env", "environs.FileAwareEnv"}
DECOUPLE = {"decouple.config", "prettyconf.config"}
# Methods of readers that are about one variable that has a name of its own.
BY_ITSELF = {
    **dict.fromkeys(("db", "db_url", "dj_db_url"), "DATABASE_URL"),
    **dict.fromkeys(("cache", "cache_url", "dj_cache_url"), "CACHE_URL"),
    **dict.fromkeys(("email", "email_url", "dj_email_url"), "EMAIL_URL"),
    **dict.fromkeys(("search_url",), "SEARCH_URL"),
    **dict.fromkeys(("channels", "channels_url"), "CHANNELS_URL"),
}
NO_VARIABLE = {"read_env", "read_envfile", "seal", "dump", "add_parser", "parser_for", "register", "unique_value", "get_value"}
NUMBERS = {"int", "float"}
TYPES = NUMBERS | {"bool", "str", "list", "tuple", "dict"}
PATHS = {"pathlib.Path", "pathlib.PurePath", "environ.Path"}
SAME_PLACE = {"os.path.abspath", "os.path.realpath", "os.path.normpath", "os.fspath", "environ.Path", "pathlib.Path"}


class Evaluator:
    """Works out expressions.

    :param given: the environment that the site gets; a value of None is not known.
    :param reads: is filled with the variables that are read.
    """

    def __init__(self, given: Mapping[str, Any], reads: dict[str, Read]) -> None:
        self.given = given
        self.reads = reads
        self.scope: dict[str, Any] = {}
        self.file = ""
        # What is read now may not be read at all, or its absence is provided for.
        self.optional = False
        self.asked: dict[str, list[str]] = {}
        self._path: tuple[str, ...] = ()
        self._steps = 0

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """Look at what may not happen."""
        before, self.optional = self.optional, True
        try:
            yield
        finally:
            self.optional = before

    @contextmanager
    def below(self, *path: str) -> Iterator[None]:
        """Look at a part of a setting."""
        before, self._path = self._path, self._path + path
        try:
            yield
        finally:
            self._path = before

    def bind(self, target: ast.expr, value: Any) -> None:
        """Give a name, or a part of something, its value."""
        match target:
            case ast.Name(id=name):
                self.scope[name] = value
            case ast.Tuple(elts=targets) | ast.List(elts=targets):
                values = list(value) if isinstance(value, (list, tuple)) and len(value) == len(targets) else []
                for place, each in enumerate(targets):
                    self.bind(each, values[place] if values else Unknown())
            case ast.Subscript(value=inner, slice=key):
                holder, name = self.value(inner), self.value(key)
                if isinstance(holder, dict) and isinstance(name, (str, int)):
                    holder[name] = value

    def value(self, node: ast.expr) -> Any:
        """Return what an expression comes to, or something unknown."""
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise ValueError("more code than settings have")
        work: Callable[[Any], Any] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if work is not None:
            return work(node)
        return Unknown(names_of([self.value(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]))

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        return self.scope.get(node.id, Dotted(node.id))

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> Any:
        found: list[Any] = []
        for each in node.elts:
            value = self.value(each.value if isinstance(each, ast.Starred) else each)
            if isinstance(each, ast.Starred) and isinstance(value, (list, tuple)) and len(found) + len(value) < MOST_PARTS:
                found += value
            else:
                found.append(value)
        return found

    _tuple = _set = _list

    def _dict(self, node: ast.Dict) -> Any:
        found: dict[Any, Any] = {}
        for key, each in zip(node.keys, node.values, strict=True):
            name = self.value(key) if key is not None else ""
            with self.below(*([name] if key is not None and isinstance(name, str) else [])):
                value = self.value(each)
            if key is None:
                found.update(value if isinstance(value, dict) else {})
            elif isinstance(name, (str, int)):
                found[name] = value
        return found

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.Add):
            return self.added(left, right)
        if isinstance(node.op, ast.Div) and isinstance(left, Place) and isinstance(right, (str, Place)):
            return Place(left.path / str(right))
        if isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict):
            return {**left, **right}
        return Unknown(names_of([left, right]))

    def added(self, left: Any, right: Any) -> Any:
        """Return the sum of two values."""
        if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)) and len(left) + len(right) <= MOST_PARTS:
            return [*left, *right]
        if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) <= MOST_PARTS:
            return left + right
        return Unknown(names_of([left, right]), (text_of(left) + text_of(right))[:MOST_PARTS])

    def _joinedstr(self, node: ast.JoinedStr) -> Any:
        parts = [self.value(each.value if isinstance(each, ast.FormattedValue) else each) for each in node.values]
        text = "".join(map(text_of, parts))[:MOST_PARTS]
        return text if all(isinstance(part, (str, int)) for part in parts) else Unknown(names_of(parts), text)

    def _boolop(self, node: ast.BoolOp) -> Any:
        values = []
        for each in node.values:
            value = self.value(each)
            values.append(value)
            if is_known(value) and bool(value) == isinstance(node.op, ast.Or) and all(map(is_known, values)):
                return value
        return values[-1] if all(map(is_known, values)) else Unknown(names_of(values))

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        return not value if isinstance(node.op, ast.Not) and is_known(value) else Unknown(names_of([value]))

    def _compare(self, node: ast.Compare) -> Any:
        left, right = self.value(node.left), self.value(node.comparators[0])
        if isinstance(right, Dotted) and right.name == ENVIRON and isinstance(left, str):
            return left in self.given if left in self.given or left in ("PORT",) else Unknown(frozenset({left}))
        if len(node.ops) == 1 and isinstance(left, (str, int)) and is_known(right):
            match node.ops[0]:
                case ast.Eq():
                    return isinstance(right, (str, int)) and left == right
                case ast.NotEq():
                    return not (isinstance(right, (str, int)) and left == right)
                case ast.In() if isinstance(right, (list, tuple, str)):
                    return str(left) in [str(each) for each in right] if not isinstance(right, str) else str(left) in right
        if len(node.ops) == 1 and isinstance(node.ops[0], (ast.Is, ast.IsNot)) and is_known(left):
            return (left is right) == isinstance(node.ops[0], ast.Is)
        return Unknown(names_of([left, right]))

    def _ifexp(self, node: ast.IfExp) -> Any:
        test = self.value(node.test)
        if is_known(test):
            return self.value(node.body if test else node.orelse)
        with self.perhaps():
            found = [self.value(node.body), self.value(node.orelse)]
        return Unknown(names_of([test, *found]))

    def _subscript(self, node: ast.Subscript) -> Any:
        of, key = self.value(node.value), self.value(node.slice)
        if isinstance(of, Dotted) and of.name == ENVIRON and isinstance(key, str):
            return self.read(key, node, needed=True)
        if isinstance(of, (Environment,)) and isinstance(key, str):
            return self.read(of.prefix + key, node, needed=True)
        if isinstance(of, dict) and isinstance(key, (str, int)):
            return of.get(key, Unknown())
        if isinstance(of, (list, tuple)) and isinstance(key, int) and -len(of) <= key < len(of):
            return of[key]
        if isinstance(of, Method) and of.name == "parents" and isinstance(of.of, Place) and isinstance(key, int):
            return Place([*of.of.path.parents, PurePosixPath()][min(key, len(of.of.path.parents))])
        return Unknown(names_of([of]))

    def _attribute(self, node: ast.Attribute) -> Any:
        of = self.value(node.value)
        if isinstance(of, Dotted):
            return Dotted(f"{of.name}.{node.attr}")
        if isinstance(of, Place) and node.attr == "parent":
            return Place(of.path.parent)
        return Method(of, node.attr)

    def _call(self, node: ast.Call) -> Any:
        called = self.value(node.func)
        if isinstance(called, Dotted):
            return self._call_library(called.name, node)
        if isinstance(called, Environment):
            return self._variable(called, "", node)
        if isinstance(called, Wrapper) and not called.exact:
            return self._ask(called, node)
        if isinstance(called, Wrapper):
            return self._first_read(node, needed=called.needed and len(node.args) + len(node.keywords) < 2)
        if isinstance(called, Method):
            return self._call_method(called, node)
        values = self._arguments(node)
        return Unknown(names_of(values))

    def _ask(self, called: Wrapper, node: ast.Call) -> Any:
        values = self._arguments(node)
        if values and isinstance(values[0], str):
            found = self.asked.setdefault(called.name, [])
            found += [values[0]] if values[0] not in found else []
        return Unknown(names_of(values))

    def _arguments(self, node: ast.Call) -> list[Any]:
        words = [each.value if isinstance(each, ast.Starred) else each for each in node.args]
        return [self.value(each) for each in [*words, *(keyword.value for keyword in node.keywords)]]

    def _first_read(self, node: ast.Call, needed: bool, default: Any = None) -> Any:
        name = self.value(node.args[0]) if node.args else None
        for each in node.args[1:]:
            self.value(each)
        return self.read(name, node, needed, default) if isinstance(name, str) else Unknown()

    def _call_library(self, name: str, node: ast.Call) -> Any:
        if name in READ_WITH_DEFAULT:
            default = self._default(node, 1)
            return self._first_read(node, needed=False, default=None if default is MISSING else default)
        if name in READERS:
            return Environment({each.arg: self._declared(each.value) for each in node.keywords if each.arg})
        if name in DECOUPLE:
            return self._first_decoupled(node)
        if name in {"decouple.AutoConfig", "decouple.Config"}:
            return Dotted("decouple.config")
        if name == "dj_database_url.config":
            return self._database_url(node)
        return self._function(name, self._arguments(node))

    def _function(self, name: str, values: list[Any]) -> Any:
        """Return what a function of Python, or of its library, comes to."""
        if name == "bool" and len(values) == 1:
            return self._truth(values[0])
        if name in TYPES and len(values) == 1:
            return self._converted(name, values[0])
        if name in SAME_PLACE and values and isinstance(values[0], Place):
            return values[0]
        if name in PATHS or name == "os.path.join":
            return joined(values)
        if name == "os.path.dirname" and values and isinstance(values[0], Place):
            return Place(values[0].path.parent)
        return Unknown(names_of(values), next((value.text for value in values if isinstance(value, Unknown) and value.text), ""))

    def _declared(self, node: ast.expr) -> Any:
        value = self.value(node)
        return value[1] if isinstance(value, (list, tuple)) and len(value) == 2 else MISSING

    def _first_decoupled(self, node: ast.Call) -> Any:
        default = self._default(node, 1)
        cast = next((self.value(each.value) for each in node.keywords if each.arg == "cast"), None)
        value = self._first_read(node, default is MISSING, None if default is MISSING else default)
        return self._converted(cast.name, value) if isinstance(cast, Dotted) else value

    def _database_url(self, node: ast.Call) -> Any:
        named = next((self.value(each.value) for each in node.keywords if each.arg == "env"), "DATABASE_URL")
        default = self._default(node, 1 if len(node.args) > 1 else 0)
        return self.read(str(named), node, needed=False, default=None if default is MISSING else default)

    def _default(self, node: ast.Call, place: int) -> Any:
        """Return the default that a call gives; MISSING where it gives none."""
        for keyword in node.keywords:
            if keyword.arg == "default":
                return self.value(keyword.value)
        return self.value(node.args[place]) if len(node.args) > place else MISSING

    def _variable(self, reader: Environment, method: str, node: ast.Call) -> Any:
        """Return what a reader of django-environ or environs says of a variable."""
        if method in NO_VARIABLE:
            return Unknown()
        name = self.value(node.args[0]) if node.args else BY_ITSELF.get(method)
        name = next((self.value(each.value) for each in node.keywords if each.arg in ("var", "name")), name)
        if not isinstance(name, str):
            return Unknown()
        default = self._default(node, 1)
        if isinstance(default, Dotted) and default.name in TYPES:
            default = self.value(node.args[2]) if len(node.args) > 2 else MISSING
        if default is MISSING:
            default = reader.defaults.get(name, MISSING)
        is_missing = default is MISSING or (isinstance(default, Dotted) and default.name.endswith("NOTSET"))
        value = self.read(reader.prefix + name, node, is_missing, None if is_missing else default)
        return self._converted(method, value) if method in {"bool", "int", "float", "list", "tuple"} else value

    def _call_method(self, called: Method, node: ast.Call) -> Any:
        of = called.of
        if isinstance(of, Environment):
            if called.name == "prefixed" and node.args:
                return Environment(of.defaults, of.prefix + str(self.value(node.args[0])))
            return self._variable(of, called.name, node)
        values = self._arguments(node)
        if isinstance(of, Unknown):
            if of.absent:
                # None has no such method.
                self._need(of.names)
            if called.name == "split":
                self._split(of.names, values)
            return Unknown(of.names | names_of(values), of.text)
        if isinstance(of, (list, dict)):
            return self._changed(of, called.name, values)
        if isinstance(of, str) and called.name in {"lower", "upper", "strip", "split"}:
            return getattr(of, called.name)(*[value for value in values if isinstance(value, str) and value])
        if isinstance(of, Place):
            return joined([of, *values]) if called.name in {"joinpath", "path"} else of
        return Unknown(names_of(values))

    def _changed(self, of: Any, method: str, values: list[Any]) -> Any:
        match method, of, values:
            case "append", list(), [value] if len(of) < MOST_PARTS:
                of.append(value)
            case "insert", list(), [int(place), value] if len(of) < MOST_PARTS:
                of.insert(place, value)
            case "extend", list(), [list() | tuple() as more] if len(of) + len(more) < MOST_PARTS:
                of.extend(more)
            case "update", dict(), [dict() as more]:
                of.update(more)
            case "get", dict(), [str(key), *default]:
                return of.get(key, default[0] if default else None)
            case "copy", _, _:
                return of.copy()
        return Unknown()

    def _converted(self, kind: str, value: Any) -> Any:
        """Return a value as another type."""
        if isinstance(value, Unknown):
            if kind in NUMBERS:
                for name in value.names & self.reads.keys():
                    self.reads[name].number = True
                if value.absent:
                    self._need(value.names)
            return Unknown(value.names, value.text)
        if not isinstance(value, (str, int)):
            return value if is_known(value) else Unknown()
        if kind == "bool":
            return value.strip().lower() in TRUE if isinstance(value, str) else bool(value)
        if kind in NUMBERS:
            if isinstance(value, Given):
                self.reads[value.variable].number = True
            return int(value) if str(value).isdigit() and len(str(value)) < 10 else Unknown()
        return value.split(",") if kind in {"list", "tuple"} and isinstance(value, str) else value

    def _truth(self, value: Any) -> Any:
        """Return whether something counts as true, as Python itself says it."""
        names = frozenset({value.variable}) if isinstance(value, Given) else names_of([value])
        for name in names & self.reads.keys():
            self.reads[name].truth = True
        return bool(value) if is_known(value) else Unknown(names)

    def read(self, name: str, node: ast.AST, needed: bool, default: Any = None) -> Any:
        """Take note of a variable, and return its value as far as it is known."""
        found = self.reads.setdefault(name, Read(name))
        found.needed |= needed and not self.optional
        found.default = default if found.default is None else found.default
        place = f"{self.file}:{getattr(node, 'lineno', 0)}"
        if place not in found.places:
            found.places.append(place)
        if self._path and self._path not in found.paths:
            found.paths.append(self._path)
        value = self.given.get(name)
        if value is None and name not in self.given and is_known(default):
            value = default
        if isinstance(value, str):
            value = Given(value)
            value.variable = name
        if value is not None:
            return value
        text = default.text if isinstance(default, Unknown) else ""
        absent = not needed and default is None and name not in self.given and not self.optional
        return Unknown(frozenset({name}), text or f"{{{name}}}", absent)

    def _need(self, names: frozenset[str]) -> None:
        for name in names & self.reads.keys():
            self.reads[name].needed = True

    def _split(self, names: frozenset[str], values: list[Any]) -> None:
        for name in names & self.reads.keys():
            self.reads[name].split = values[0] if values and isinstance(values[0], str) else " "

    def model(self, statement: ast.ClassDef) -> None:
        """Take note of the variables of a pydantic model."""
        prefix = model_prefix(statement)
        for each in statement.body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                name, needed, default = each.target.id, each.value is None, None
                if isinstance(each.value, ast.Call):
                    words = {keyword.arg: keyword.value for keyword in each.value.keywords}
                    needed = not each.value.args and not {"default", "default_factory"} & words.keys()
                    alias = words.get("validation_alias", words.get("alias", words.get("env")))
                    named = self.value(alias) if alias is not None else ""
                    name, prefix_here = (named, "") if isinstance(named, str) and named else (name, prefix)
                else:
                    prefix_here = prefix
                    default = self.value(each.value) if each.value is not None else None
                with self.below(each.target.id.upper()):
                    self.read(f"{prefix_here}{name}".upper(), each, needed, default if is_known(default) else None)


MISSING = Dotted("<missing>")


def joined(values: list[Any]) -> Any:
    """Return a path out of its parts."""
    if values and isinstance(values[0], Place) and all(isinstance(each, str) for each in values[1:]):
        return Place(values[0].path.joinpath(*values[1:]))
    if values and all(isinstance(each, str) for each in values):
        return str(PurePosixPath(*values))
    return Unknown(names_of(values))


def model_prefix(statement: ast.ClassDef) -> str:
    """Return what the names of a pydantic model's variables begin with."""
    for node in ast.walk(statement):
        match node:
            case ast.keyword(arg="env_prefix", value=ast.Constant(value=str(prefix))):
                return prefix
            case ast.Assign(targets=[ast.Name(id="env_prefix")], value=ast.Constant(value=str(prefix))):
                return prefix
    return ""
