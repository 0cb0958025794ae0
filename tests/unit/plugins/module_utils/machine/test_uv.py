"""The step that installs uv and another Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome
from ansible_collections.hotclub.django.plugins.module_utils.machine.uv import Tools, steps_of
from ansible_collections.hotclub.django.plugins.module_utils.steps.uv import environment_of


class Host:
    """A host on which pip and uv do in a folder what they would do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.failure = ""
        self.asked = ""
        self.known = ["3.12.5"]
        self.python_versions: dict[str, str] = {}
        self.environment: dict[str, str] = {}
        wheel = root / "usr/share/python-wheels/pip-25.1-py3-none-any.whl"
        wheel.parent.mkdir(parents=True)
        wheel.touch()
        (root / "usr/bin").mkdir()
        self.tools = Tools(str(root / "opt/uv"), str(root / "opt/python"), self.run, {"PIP_CERT": "/ca.pem"}, str(root))

    def run(self, command: list[str], environment: Mapping[str, str] = MappingProxyType({})) -> Outcome:
        if "--version" in command:
            return Outcome(0, f"uv {Path(command[0]).read_text()} (x86_64-unknown-linux-gnu)\n")
        if "-c" in command:
            return Outcome(0, self.python_versions.get(str(Path(command[0]).resolve()), "3.12.5") + "\n")
        if "list" in command:
            return Outcome(0, json.dumps([{"version": each, "variant": "default"} for each in self.known]))
        self.environment = dict(environment)
        if self.failure:
            return Outcome(1, self.failure)
        if "--target" in command:
            program = Path(command[command.index("--target") + 1], "bin/uv")
            program.parent.mkdir(parents=True)
            self.asked = Path(command[command.index("-r") + 1]).read_text()
            program.write_text(self.asked.split()[0].split("==")[1])
        elif "--no-bin" in command:
            brought = self.root / f"opt/python/cpython-{command[-1]}-linux-x86_64-gnu/bin/python3.12"
            brought.parent.mkdir(parents=True)
            brought.touch()
            self.python_versions[str(brought.resolve())] = command[-1]
        else:
            Path(environment["UV_PYTHON_BIN_DIR"], f"python{command[-1]}").touch()
        return Outcome(0, "")

    def bring(self, uv_version: str, python_version: str = "", newest: bool = False) -> list[str]:
        taken = []
        for step in steps_of(self.tools, uv_version, python_version, newest=newest):
            step.take()
            taken.append(step.name)
        return taken


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_uv_is_installed_once(host: Host) -> None:
    assert host.bring("0.13.9") == ["uv 0.13.9"]
    assert host.bring("0.13.9") == []
    assert host.environment == {"PIP_CERT": "/ca.pem"}


def test_only_a_known_file_is_installed(host: Host) -> None:
    for step in steps_of(host.tools, "0.13.9", "", ["aa11", "bb22"]):
        step.take()

    assert host.asked == "uv==0.13.9 --hash=sha256:aa11 --hash=sha256:bb22\n"


def test_another_version_takes_its_place_and_leaves_nothing_behind(host: Host) -> None:
    host.bring("0.13.8")

    assert host.bring("0.13.9") == ["uv 0.13.9"]
    assert sorted(path.name for path in (host.root / "opt").iterdir()) == ["uv"]


def test_a_failed_installation_leaves_the_former_version(host: Host) -> None:
    host.bring("0.13.8")
    host.failure = "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED]\nERROR: No matching distribution"

    with pytest.raises(
        Trouble, match=r"(?s)uv 0.13.9 can't be installed.*not trusted.*site_ca_bundle_path.*Check site_package_index_url"
    ):
        host.bring("0.13.9")

    assert Path(host.tools.uv).read_text() == "0.13.8"
    assert sorted(path.name for path in (host.root / "opt").iterdir()) == ["uv"]


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("Failed to establish a new connection: NewConnectionError", "can't be reached"),
        ("HTTP error 401 while getting https://index.example.org", "other credentials"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "python_uv_hashes"),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
    ],
)
def test_failures_tell_their_cause(host: Host, output: str, cause: str) -> None:
    host.failure = output

    with pytest.raises(Trouble, match=cause):
        host.bring("0.13.9")


def test_a_host_without_pip_names_the_package(host: Host) -> None:
    next((host.root / "usr/share/python-wheels").iterdir()).unlink()

    with pytest.raises(Trouble, match="python3-pip-whl"):
        host.bring("0.13.9")


def test_the_distribution_s_own_interpreter_is_used_where_it_has_the_version(host: Host) -> None:
    (host.root / "usr/bin/python3.13").touch()

    assert host.bring("0.13.9", "3.13") == ["uv 0.13.9", "python 3.13"]
    assert Path(host.tools.python("3.13")).resolve() == (host.root / "usr/bin/python3.13").resolve()
    assert host.bring("0.13.9", "3.13") == []


def test_uv_brings_any_other(host: Host) -> None:
    assert host.bring("0.13.9", "3.12") == ["uv 0.13.9", "python 3.12"]
    assert host.environment["UV_PYTHON_INSTALL_DIR"] == host.tools.python_folder
    assert host.bring("0.13.9", "3.12") == []


def test_only_what_is_said_reaches_the_tools() -> None:
    given = {"index_url": "https://user:word@index.example.org/simple", "ca_bundle_path": "", "python_mirror_url": ""}

    assert environment_of(given) == {"PIP_INDEX_URL": "https://user:word@index.example.org/simple"}


def test_an_interpreter_that_uv_has_brought_follows_its_patch_releases(host: Host) -> None:
    host.bring("0.13.9", "3.12")
    host.known = ["3.12.10", "3.12.9", "3.12.5"]

    assert host.bring("0.13.9", "3.12") == []
    assert host.bring("0.13.9", "3.12", newest=True) == ["python 3.12.10"]
    assert "cpython-3.12.10-" in str(Path(host.tools.python("3.12")).resolve())
    assert host.bring("0.13.9", "3.12", newest=True) == []


def test_the_former_interpreter_goes_on_where_the_newer_one_cannot_be_brought(host: Host) -> None:
    host.bring("0.13.9", "3.12")
    host.known, host.failure = ["3.12.10"], "client error (Connect)"

    with pytest.raises(Trouble, match=r"(?s)Python 3.12.10 can't be brought.*can't be reached.*python_mirror_url"):
        host.bring("0.13.9", "3.12", newest=True)
    assert Path(host.tools.python("3.12")).exists()


def test_the_distribution_s_own_interpreter_is_apt_s_business(host: Host) -> None:
    (host.root / "usr/bin/python3.13").touch()
    host.bring("0.13.9", "3.13")
    host.known = ["3.13.99"]

    assert host.bring("0.13.9", "3.13", newest=True) == []
