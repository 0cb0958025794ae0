"""Runs ansible-core's own checks, `ansible-test sanity`, on what users install: all of them, without exceptions.

They run with the ansible-core of .venv, or with other versions, each in a virtual environment of its own. Some versions want
a newer Python than this machine's: a lab host with Debian 13 has one.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import sysconfig
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import docker, hosts
from lab.commands import hand_over, run
from lab.errors import LabError
from lab.hosts import CA_PATH, LabHost
from lab.machine import ca_bundle, index_url, private_ca
from lab.paths import LOGS, ROOT, STATE, VENV
from lab.steps import step

FOLDER = STATE / "sanity"
# Of ansible-test alone, so that its virtual environments outlive a run and nobody else's settings count.
HOME = FOLDER / "home"
PYTHON = ".".join(map(str, sys.version_info[:2]))
SECONDS = 3600
# ansible-test would download a script that puts pip into a new virtual environment. Here, the machine's own pip does that,
# which knows the reader's package index, and which is there where Debian's python3-venv is missing.
BOOTSTRAP = """\
import subprocess, sys
packages = [word for word in sys.argv[1:] if "==" in word]
sys.exit(subprocess.call([sys._base_executable, "-m", "pip", "--python", sys.executable, "install", "--quiet", *packages]))
"""
PIP_VERSION = re.compile(r"\bpip='([0-9.]+)'")
# What tells a finding, or that ansible-test could not go on, in its output.
TOLD = re.compile(r"(ERROR|FATAL): ")
CHECKOUT_IN_HOST = "/srv/sanity"


@dataclass(frozen=True)
class Core:
    """An ansible-core and where it is installed."""

    name: str
    venv: Path

    def command(self, program: str) -> str:
        """Return the path of one of its commands."""
        return str(self.venv / "bin" / program)

    @property
    def requirements(self) -> Path:
        """The file that says which pip ansible-test wants."""
        packages = sysconfig.get_path("purelib", "venv", {"base": str(self.venv)})
        return Path(packages) / "ansible_test" / "_internal" / "python_requirements.py"


def sanity(versions: Sequence[str], host: str = "") -> None:
    """Check the collection with these versions of ansible-core; with none named, with that of the virtual environment.

    :param host: a lab host, where there is one that is to do it.
    """
    if host:
        _check_in(hosts.find(host), versions)
        return
    for core in [_installed(version) for version in versions] or [_of_checkout()]:
        with step(f"Check the collection as {core.name} does"):
            check(core)


def check(core: Core) -> None:
    """Build the collection and check it.

    :raises LabError: shows what was found.
    """
    log = LOGS / "sanity.log"
    log.unlink(missing_ok=True)
    settings = {"HOME": str(HOME), "ANSIBLE_TEST_CONTENT_ROOT": str(_unpacked(core)), "LC_ALL": "C.UTF-8"}
    _prepare_home(core)
    path = f"{core.venv / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    command = [core.command("ansible-test"), "sanity", "--python", PYTHON, "--color", "no"]
    done = run(command, timeout=SECONDS, environment={**settings, "PATH": path}, check=False, log=log)
    if done.returncode != 0:
        raise LabError(f"{core.name} has found what is to be corrected.", detail=findings(done.stdout + done.stderr), log=log)


def findings(output: str) -> str:
    """Return what ansible-test found: the lines that say so, and what follows one that ended it."""
    lines = output.splitlines()
    told = [line for line in lines if TOLD.match(line)]
    fatal = next((place for place, line in enumerate(lines) if line.startswith("FATAL: ")), len(lines))
    return "\n".join([*told[: len(told) - (fatal < len(lines))], *lines[fatal:]])


def wanted_pip(requirements: str) -> str:
    """Return the version of pip that ansible-test looks for, from its own source.

    :raises LabError: it says so in another way.
    """
    found = PIP_VERSION.search(requirements)
    if found is None:
        raise LabError("This ansible-test doesn't say which pip it wants where it did before: PIP_VERSION in lab/sanity.py.")
    return found[1]


def pip_settings(index: str, bundle: str) -> str:
    """Return a pip.conf: ansible-test keeps the reader's environment from pip."""
    settings = {"index-url": index, "cert": bundle, "disable-pip-version-check": "true"}
    return "[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items() if value)


def _of_checkout() -> Core:
    return Core("ansible-test", VENV)


def _installed(version: str) -> Core:
    """Return an ansible-core of its own, such as the newest 2.21."""
    core = Core(f"ansible-test of {version}", FOLDER / f"core-{version}-python-{PYTHON}")
    marker = core.venv / ".complete"
    if not marker.exists():
        with step(f"Install ansible-core {version}"):
            python = Path(sys.executable).resolve()
            shutil.rmtree(core.venv, ignore_errors=True)
            run([python, "-m", "venv", "--without-pip", core.venv])
            wanted = f"ansible-core=={version}.*" if version.count(".") == 1 else f"ansible-core=={version}"
            run([python, "-m", "pip", "--python", core.command("python"), "install", "--quiet", wanted], timeout=600)
            marker.touch()
    return core


def _unpacked(core: Core) -> Path:
    """Return a folder with what users install, in the place that ansible-test wants it."""
    place = FOLDER / "ansible_collections" / "hotclub" / "django"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    built = FOLDER / "built"
    shutil.rmtree(built, ignore_errors=True)
    run([core.command("ansible-galaxy"), "collection", "build", ROOT, "--output-path", built])
    run(["tar", "-xzf", next(built.glob("*.tar.gz")), "-C", place])
    return place


def _prepare_home(core: Core) -> None:
    version = wanted_pip(core.requirements.read_text(encoding="utf-8"))
    bundle = ca_bundle()
    texts = {
        f".ansible/test/cache/get_pip_{version.replace('.', '_')}.py": BOOTSTRAP,
        ".config/pip/pip.conf": pip_settings(index_url(), str(bundle or "")),
    }
    for name, text in texts.items():
        path = HOME / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _check_in(host: LabHost, versions: Sequence[str]) -> None:
    """Check the collection on a lab host, which needs nothing but Python and pip."""
    with step(f"Bring the checkout to {host.container}"):
        known = run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]).stdout
        FOLDER.mkdir(parents=True, exist_ok=True)
        packed = FOLDER / "checkout.tar"
        with tarfile.open(packed, "w") as archive:
            for name in filter(None, known.split("\0")):
                archive.add(ROOT / name, name)
        docker.copy_into(host.container, {"/srv/sanity.tar": packed})
        script = (
            f"apt-get -qq update && apt-get -qq -y --no-install-recommends install python3-pip >/dev/null"
            f" && mkdir -p {CHECKOUT_IN_HOST} && tar -xf /srv/sanity.tar -C {CHECKOUT_IN_HOST}"
        )
        docker.output(host.container, "sh", "-c", script)
    index = index_url()
    variables = {
        **({"PIP_INDEX_URL": index} if index else {}),
        **({"PIP_CERT": CA_PATH} if private_ca() else {}),
    }
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    command = ["python3", "-m", "lab", "sanity", *versions]
    code = hand_over(["docker", "exec", "--workdir", CHECKOUT_IN_HOST, *given, host.container, *command])
    if code != 0:
        raise LabError(f"{host.container} has found what is to be corrected.")
