"""The measurements that the documentation names are there, and what they count is what happened."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench import checkouts, hosts, peer
from bench.__main__ import CLUSTERS, KNOWN, SERVERS, parse
from bench.measure import Spent, by_turns, compared, spent

ROOT = Path(__file__).resolve().parents[3]
COMMAND = re.compile(r"python -m bench([^`\n]*)")


def documented() -> list[str]:
    pages = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
    return [match[1] for page in pages for match in COMMAND.finditer(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("words", documented())
def test_each_documented_command_is_one(words: str) -> None:
    parse(shlex.split(words, comments=True))


def test_an_unknown_measurement_is_refused_with_those_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["nothing"])
    said = capsys.readouterr().err
    assert [name for name in KNOWN if name not in said] == []


def test_a_short_form_of_each_measurement_runs_with_the_tests() -> None:
    on_servers = (ROOT / "tests/behaviour/single/test_bench.py").read_text(encoding="utf-8")
    on_clusters = (ROOT / "tests/behaviour/cluster/test_bench.py").read_text(encoding="utf-8")
    assert [name for name in KNOWN if f'"{name}"' not in on_servers + on_clusters] == []


def test_every_host_that_a_measurement_needs_is_in_an_inventory() -> None:
    needed = {which for one in SERVERS.values() for which in one.hosts}
    assert {which for which in needed if not (hosts.INVENTORIES / which / "hosts.yml").exists()} == set()
    eight = yaml.safe_load((hosts.INVENTORIES / hosts.EIGHT / "hosts.yml").read_text(encoding="utf-8"))["all"]["children"]
    assert sum(len(tier["hosts"]) for tier in eight.values()) == 8
    assert CLUSTERS["joining"].apps == 4


def test_each_way_is_first_in_some_rounds() -> None:
    order: list[str] = []

    def way(name: str, value: int) -> int:
        order.append(name)
        return value

    found = by_turns(2, {name: lambda number, name=name: way(name, number) for name in "abc"})  # type: ignore[misc]
    assert order == ["a", "b", "c", "c", "b", "a"]
    assert found == {"a": [0, 1], "b": [0, 1], "c": [0, 1]}


def test_the_cpu_of_a_program_that_has_ended_is_counted() -> None:
    taken = spent(lambda: subprocess.run([sys.executable, "-SIc", "sum(range(3_000_000))"], check=True))
    assert 0.01 < taken.cpu <= taken.seconds * 2


def test_a_comparison_says_both_what_the_clock_and_what_the_cores_say() -> None:
    rows = compared("a run", [Spent(2.0, 1.0)], [Spent(8.0, 5.0)], "another")
    assert [(row.what, row.ratio) for row in rows] == [("a run: by the clock", 0.25), ("a run: this machine's CPU", 0.2)]


def test_what_pyinfra_has_changed_is_read_from_its_results() -> None:
    results = (
        "    Operation      Hosts   Success   Error   No Change\n    \x1b[1mThe file /a\x1b[0m    1       1         -       -\n"
    )
    assert peer.changed(f"{results}    Grand total    25      -         -       25\n") == 0
    assert peer.changed(f"{results}    Grand total    25      3         -       22\n") == 3
    assert peer.changed("nothing") is None


def test_an_earlier_commit_gets_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "one"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.setattr(checkouts, "ROOT", tmp_path)
    monkeypatch.setattr(checkouts, "CHECKOUTS", tmp_path / "checkouts")
    folder = checkouts.checkout("HEAD")
    assert (folder / ".git").exists() and folder == checkouts.checkout("HEAD")
    assert checkouts.checkout(".") == tmp_path
    with pytest.raises(SystemExit, match="git fetch origin 1234567"):
        checkouts.checkout("1234567")
