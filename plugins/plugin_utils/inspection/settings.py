# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A project's settings, worked out from their text as far as that says: values, and the environment variables that they read."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.code import UNREADABLE, module_file, parsed
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.expressions import Evaluator
from ansible_collections.hotclub.django.plugins.plugin_utils.inspection.values import (
    Dotted,
    Environment,
    Place,
    Read,
    Unknown,
    Wrapper,
    is_known,
)

MOST_MODULES = 100
SPLIT_INCLUDE = {"split_settings.tools.include", "split_settings.tools.optional"}
# Errors by which code finds out that a variable, or a module, is not there.
CAUGHT = {"", "KeyError", "ImportError", "ModuleNotFoundError", "Exception", "ImproperlyConfigured", "UndefinedValueError"}


@dataclass
class Settings:
    """What the text of settings says.

    :param values: the settings, by name.
    :param lines: where each is said, as file:line.
    :param reads: the environment variables that they read, by name.
    :param files: the files that were read.
    :param unreadable: the files that could not be, with the reason.
    :param outside: modules whose settings are taken over and that the source doesn't have.
    :param classes: they are classes of django-configurations.
    :param asked: what functions of the project are asked for, which make the variables' names out of it themselves.
    :param maybe: settings that are said only under conditions which nobody can know here.
    """

    values: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    reads: dict[str, Read] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    classes: bool = False
    maybe: set[str] = field(default_factory=set)
    asked: dict[str, list[str]] = field(default_factory=dict)

    def list_of(self, name: str) -> list[str]:
        """Return the texts in a setting that is a list."""
        value = self.values.get(name)
        return [str(each) for each in value if isinstance(each, str)] if isinstance(value, (list, tuple)) else []

    def text(self, name: str) -> str:
        """Return a setting that is a text; empty where it isn't, or not known."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def dict_of(self, name: str) -> dict[str, Any]:
        """Return a setting that is a dictionary; empty where it isn't, or not known."""
        value = self.values.get(name)
        return {str(key): each for key, each in value.items()} if isinstance(value, dict) else {}


def read(module: str, source: Path, project: Path, given: Mapping[str, Any]) -> Settings:
    """Read a settings module.

    :param module: its dotted name.
    :param source: top of the source.
    :param project: folder of ``manage.py``.
    :param given: the environment that the site gets; a value of None is not known.
    """
    settings = Settings()
    path = module_file(module, (project, source))
    if path is None:
        settings.outside.append(module)
        return settings
    reader = Reader(source, project, given, settings)
    scope = reader.module(path, module)
    settings.values = {name: value for name, value in scope.items() if name.isupper()}
    settings.asked = reader.evaluator.asked
    return settings


class Reader:
    """Goes through modules statement by statement."""

    def __init__(self, source: Path, project: Path, given: Mapping[str, Any], settings: Settings) -> None:
        self.source = source.resolve()
        self.folders = (project, source)
        self.settings = settings
        self.evaluator = Evaluator(given, settings.reads)
        self._modules: dict[Path, dict[str, Any]] = {}
        self._depth = 0

    def module(self, path: Path, name: str, scope: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the names of a module, or go on with those of another one that includes it."""
        if scope is None and path in self._modules:
            return self._modules[path]
        names: dict[str, Any] = scope if scope is not None else {}
        if len(self._modules) >= MOST_MODULES:
            return names
        self._modules.setdefault(path, names)
        shown = self._shown(path)
        outer = (self.evaluator.scope, self.evaluator.file, self.evaluator.optional)
        names["__file__"] = Place(PurePosixPath(shown))
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        try:
            tree = parsed(path)
            self.settings.files.append(path)
            self.evaluator.scope, self.evaluator.file = names, shown
            self._statements(tree.body, package)
        except UNREADABLE as error:
            self.settings.unreadable.append(f"{shown}: {type(error).__name__}: {error}")
        finally:
            self.evaluator.scope, self.evaluator.file, self.evaluator.optional = outer
        return names

    def _shown(self, path: Path) -> str:
        resolved = path.resolve()
        return str(resolved.relative_to(self.source)) if resolved.is_relative_to(self.source) else path.name

    def _statements(self, statements: Sequence[ast.stmt], package: str) -> None:
        for statement in statements:
            self._statement(statement, package)

    def _statement(self, statement: ast.stmt, package: str) -> None:
        work: Callable[[Any, str], None] | None = getattr(self, f"_{type(statement).__name__.lower()}", None)
        if work is not None:
            work(statement, package)

    def _import(self, statement: ast.Import, _package: str) -> None:
        for alias in statement.names:
            bound = alias.asname or alias.name.partition(".")[0]
            self.evaluator.scope[bound] = Dotted(alias.name if alias.asname else bound)

    def _functiondef(self, statement: ast.FunctionDef, _package: str) -> None:
        self.evaluator.scope[statement.name] = wrapper(statement)

    def _assert(self, statement: ast.Assert, _package: str) -> None:
        self.evaluator.value(statement.test)

    def _for(self, statement: ast.For, package: str) -> None:
        self.evaluator.value(statement.iter)
        self.evaluator.bind(statement.target, Unknown())
        with self.evaluator.perhaps():
            self._statements(statement.body, package)

    def _while(self, statement: ast.While, package: str) -> None:
        with self.evaluator.perhaps():
            self._statements(statement.body, package)

    def _assign(self, statement: ast.Assign | ast.AnnAssign | ast.AugAssign, _package: str) -> None:
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            self._note(path_of(target), statement.lineno)
        if statement.value is None:
            return
        with self.evaluator.below(*path_of(targets[0])):
            value = self.evaluator.value(statement.value)
        for target in targets:
            if isinstance(statement, ast.AugAssign):
                value = self.evaluator.added(self.evaluator.value(target), value)
            self.evaluator.bind(target, value)

    _annassign = _augassign = _assign

    def _note(self, path: tuple[str, ...], line: int) -> None:
        """Take note of where a setting, or a part of one, is said."""
        if not path or not path[0].isupper():
            return
        if not self.evaluator.optional:
            self.settings.maybe.discard(path[0])
        elif path[0] not in self.evaluator.scope or len(path) > 1:
            self.settings.maybe.add(path[0])
        self.settings.lines[path[0]] = f"{self.evaluator.file}:{line}"

    def _expr(self, statement: ast.Expr, package: str) -> None:
        node = statement.value
        if isinstance(node, ast.Call):
            called = self.evaluator.value(node.func)
            if isinstance(called, Dotted) and called.name in SPLIT_INCLUDE:
                self._include(node, package)
                return
        self.evaluator.value(node)

    def _include(self, node: ast.Call, package: str) -> None:
        """Go on with what django-split-settings includes."""
        here = (self.source / self.evaluator.file).parent
        for argument in node.args:
            wrapped = argument.args[0] if isinstance(argument, ast.Call) and argument.args else argument
            if isinstance(wrapped, ast.Constant) and isinstance(wrapped.value, str) and not wrapped.value.startswith("/"):
                for path in sorted(here.glob(wrapped.value))[:MOST_MODULES]:
                    if path.suffix == ".py" and path.resolve().is_relative_to(self.source):
                        self.module(path, f"{package}.{path.stem}", self.evaluator.scope)

    def _if(self, statement: ast.If, package: str) -> None:
        test = self.evaluator.value(statement.test)
        if is_known(test):
            self._statements(statement.body if test else statement.orelse, package)
            return
        with self.evaluator.perhaps():
            self._statements(statement.orelse, package)
            self._statements(statement.body, package)

    def _try(self, statement: ast.Try, package: str) -> None:
        caught = [handler for handler in statement.handlers if CAUGHT & names_caught(handler)]
        # What fails there with words of its own fails all the same.
        if any(not isinstance(handler.body[-1], ast.Raise) for handler in caught):
            with self.evaluator.perhaps():
                self._statements(statement.body, package)
        else:
            self._statements(statement.body, package)
        for handler in statement.handlers:
            with self.evaluator.perhaps():
                self._statements([each for each in handler.body if self._adds(each)], package)
        self._statements([*statement.orelse, *statement.finalbody], package)

    def _adds(self, statement: ast.stmt) -> bool:
        """Say whether a statement of a handler says something that what was tried didn't."""
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        return not any(isinstance(target, ast.Name) and target.id in self.evaluator.scope for target in targets)

    def _with(self, statement: ast.With, package: str) -> None:
        for item in statement.items:
            value = self.evaluator.value(item.context_expr)
            if item.optional_vars is not None:
                self.evaluator.bind(item.optional_vars, value if isinstance(value, Environment) else Unknown())
        with self._prefixed(statement):
            self._statements(statement.body, package)

    @contextmanager
    def _prefixed(self, statement: ast.With) -> Iterator[None]:
        """Let environs' ``with env.prefixed(...)`` count for the reader itself."""
        name, prefix = "", ""
        match statement.items[0].context_expr:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=name), attr="prefixed"), args=[ast.Constant(value=str(prefix))]
            ) if isinstance(self.evaluator.scope.get(name), Environment):
                kept = self.evaluator.scope[name]
                self.evaluator.scope[name] = Environment(kept.defaults, kept.prefix + prefix)
                try:
                    yield
                finally:
                    self.evaluator.scope[name] = kept
            case _:
                yield

    def _classdef(self, statement: ast.ClassDef, _package: str) -> None:
        bases = [base.name for base in map(self.evaluator.value, statement.bases) if isinstance(base, Dotted)]
        if any(base.startswith("configurations.") for base in bases):
            self.settings.classes = True
        if any(base.endswith(".BaseSettings") for base in bases):
            self.evaluator.model(statement)
        self.evaluator.scope[statement.name] = Unknown()

    def _importfrom(self, statement: ast.ImportFrom, package: str) -> None:
        module = statement.module or ""
        if statement.level:
            parts = package.split(".") if package else []
            kept = parts[: len(parts) - statement.level + 1]
            module = ".".join([*kept, *filter(None, [module])])
        for alias in statement.names:
            self._import_name(module, alias, bool(statement.level))

    def _import_name(self, module: str, alias: ast.alias, relative: bool) -> None:
        scope, bound = self.evaluator.scope, alias.asname or alias.name
        path = module_file(module, self.folders) if module else None
        inner = module_file(f"{module}.{alias.name}".lstrip("."), self.folders) if alias.name != "*" else None
        if path is not None and not (inner is not None and path.name == "__init__.py" and inner != path):
            found = self.module(path, module)
            if alias.name == "*":
                scope.update({name: value for name, value in found.items() if not name.startswith("_")})
            else:
                scope[bound] = found.get(alias.name, Unknown())
        elif alias.name == "*":
            if not self.evaluator.optional and (relative or not module.startswith("django.")):
                self.settings.outside.append(module)
        else:
            scope[bound] = Dotted(f"{module}.{alias.name}")


def path_of(target: ast.expr) -> tuple[str, ...]:
    """Return what an assignment is to: ("DATABASES", "default") for ``DATABASES["default"]``."""
    match target:
        case ast.Name(id=name):
            return (name,)
        case ast.Subscript(value=inner, slice=ast.Constant(value=str(key))):
            return (*path_of(inner), key)
    return ()


def names_caught(handler: ast.ExceptHandler) -> set[str]:
    """Return the names of what a handler catches; an empty one for everything."""
    if handler.type is None:
        return {""}
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {kind.id if isinstance(kind, ast.Name) else kind.attr if isinstance(kind, ast.Attribute) else "?" for kind in kinds}


def wrapper(function: ast.FunctionDef) -> Wrapper | Unknown:
    """Return a function that reads the environment variable that it is given, as tutorials have one; else something unknown."""
    if not function.args.args:
        return Unknown()
    first, reads = function.args.args[0].arg, False
    for node in ast.walk(function):
        match node:
            case ast.Subscript(value=ast.Attribute(attr="environ"), slice=ast.Name(id=name)) if name == first:
                return Wrapper(function.name, needed=not function.args.defaults)
            case ast.Call(func=ast.Attribute(attr="getenv" | "get"), args=[ast.Name(id=name), *_]) if name == first:
                return Wrapper(function.name, needed=not function.args.defaults and raises(function))
            case ast.Attribute(attr="environ" | "getenv") | ast.Name(id="environ" | "getenv"):
                reads = True
    return Wrapper(function.name, exact=False) if reads else Unknown()


def raises(function: ast.FunctionDef) -> bool:
    """Say whether a function may raise an error of its own."""
    return any(isinstance(node, ast.Raise) for node in ast.walk(function))
