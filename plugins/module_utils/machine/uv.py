# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The program uv in a folder of its own, and interpreters that uv brings: what is there, and how the rest comes."""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Run

CAUSES = {
    r"DO NOT MATCH THE HASHES|Hashes are required": (
        "It is not the file that was expected. Another version needs its own hashes in python_uv_hashes; "
        "if you have not chosen another one, find out who has changed the file before you go on."
    ),
    r"CERTIFICATE_VERIFY_FAILED|invalid peer certificate|UnknownIssuer": (
        "Its certificate is not trusted. Name a file with your network's certificate authority in site_ca_bundle_path."
    ),
    r"No space left on device": "The disk is full. Make room (df -h shows where), then run this again.",
    r"NewConnectionError|ConnectTimeout|Name or service not known|dns error|timed out|Network is unreachable|client error": (
        "It can't be reached from the host. Give the host access, or name a mirror."
    ),
    r"\b(401|403)\b|Unauthorized|Forbidden": "It wants other credentials.",
}


@dataclass(frozen=True)
class Tools:
    """Where uv and its interpreters are, and how this host runs programs."""

    uv_folder: str
    python_folder: str
    run: Run
    environment: Mapping[str, str]
    root: str = "/"

    @property
    def uv(self) -> str:
        """The program."""
        return f"{self.uv_folder}/bin/uv"

    def python(self, version: str) -> str:
        """An interpreter by its version."""
        return f"{self.python_folder}/bin/python{version}"


@dataclass(frozen=True)
class Step:
    """Something that is to be installed."""

    name: str
    take: Callable[[], None]


def steps_of(
    tools: Tools, uv_version: str, python_version: str, hashes: Sequence[str] = (), newest: bool = False
) -> Iterator[Step]:
    """Return what is missing.

    :param hashes: SHA-256 of the files of that version of uv, of which one is installed; with none, any file will do.
    :param newest: whether an interpreter that uv has brought follows its patch releases.
    """
    if version_of(tools) != uv_version:
        yield Step(f"uv {uv_version}", lambda: install_uv(tools, uv_version, hashes))
    if python_version and not works(tools, tools.python(python_version)):
        yield Step(f"python {python_version}", lambda: provide_python(tools, python_version))
    elif newest and python_version and (known := newer_known(tools, tools.python(python_version))):
        yield Step(f"python {known}", lambda: renew_python(tools, python_version, known))


def version_of(tools: Tools) -> str:
    """Return the version of the uv that is there, nothing when there is none."""
    if not os.path.exists(tools.uv):
        return ""
    answer = re.match(r"uv (\S+)", tools.run([tools.uv, "--version"]).stdout)
    return answer.group(1) if answer else ""


def works(tools: Tools, python: str) -> bool:
    """Say whether an interpreter is there and runs."""
    return os.path.exists(python) and tools.run([python, "-c", ""]).code == 0


def install_uv(tools: Tools, version: str, hashes: Sequence[str] = ()) -> None:
    """Install uv beside the one that is there, and let it take its place in one moment."""
    fresh, former, asked = (f"{tools.uv_folder}.{name}" for name in ("new", "old", "txt"))
    for leftover in (fresh, former):
        shutil.rmtree(leftover, ignore_errors=True)
    os.makedirs(os.path.dirname(asked), exist_ok=True)
    # Pip takes hashes from a file alone.
    with open(asked, "w", encoding="utf-8") as requirements:
        requirements.write(" ".join([f"uv=={version}", *(f"--hash=sha256:{each}" for each in hashes)]) + "\n")
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--timeout=15", "--retries=2"]
    command = ["/usr/bin/python3", pip(tools), "install", *quiet, "--no-deps", "--target", fresh, "-r", asked]
    try:
        done = tools.run(command, environment=tools.environment)
        if done.code:
            what = f"uv {version} can't be installed from the package index"
            raise Trouble(explained(what, done.output, "site_package_index_url and python_uv_version"))
        with suppress(FileNotFoundError):
            os.rename(tools.uv_folder, former)
        os.rename(fresh, tools.uv_folder)
    finally:
        for leftover in (fresh, former):
            shutil.rmtree(leftover, ignore_errors=True)
        os.unlink(asked)


def pip(tools: Tools) -> str:
    """Return the pip that Debian packs for virtualenvs: it runs out of its wheel, without one being made."""
    wheels = sorted(glob.glob(os.path.join(tools.root, "usr/share/python-wheels/pip-*.whl")))
    if not wheels:
        raise Trouble("This host has no pip in /usr/share/python-wheels. Install its package python3-pip-whl.")
    return f"{wheels[-1]}/pip"


def provide_python(tools: Tools, version: str) -> None:
    """Use the distribution's interpreter when it has that version; else let uv bring one."""
    own = os.path.join(tools.root, f"usr/bin/python{version}")
    os.makedirs(os.path.dirname(tools.python(version)), mode=0o755, exist_ok=True)
    with suppress(FileNotFoundError):
        os.unlink(tools.python(version))
    if os.path.exists(own):
        os.symlink(own, tools.python(version))
        return
    places = {
        "UV_NO_CACHE": "1",
        "UV_PYTHON_INSTALL_DIR": tools.python_folder,
        "UV_PYTHON_BIN_DIR": os.path.dirname(tools.python(version)),
    }
    done = tools.run([tools.uv, "python", "install", "--no-progress", version], environment={**tools.environment, **places})
    if done.code or not works(tools, tools.python(version)):
        what = f"Python {version} is not part of this distribution, and uv can't bring it"
        raise Trouble(
            explained(
                what, done.output, "python_version (uv python list --all-versions names what there is) and python_mirror_url"
            )
        )


def patch_release(run: Run, python: str) -> str:
    """Return the version of an interpreter, such as 3.12.5; nothing when it doesn't run."""
    return run([python, "-c", "import platform; print(platform.python_version())"]).stdout.strip()


def is_brought(tools: Tools, python: str) -> bool:
    """Say whether uv has brought an interpreter; the distribution's own is upgraded by apt."""
    return os.path.realpath(python).startswith(f"{os.path.realpath(tools.python_folder)}/")


def newer_known(tools: Tools, python: str) -> str:
    """Return the newest patch release that uv knows of an interpreter that it has brought; nothing when that one is there.

    Asks nobody: a version of uv knows what there was when it was published.
    """
    if not is_brought(tools, python):
        return ""
    here = patch_release(tools.run, python)
    minor = here.rpartition(".")[0]
    listed = tools.run([tools.uv, "python", "list", "--only-downloads", "--output-format", "json", f"cpython-{minor}"])
    try:
        known = [each["version"] for each in json.loads(listed.stdout or "[]") if each["variant"] == "default"]
        return max((each for each in known if numbers(each) > numbers(here)), key=numbers, default="")
    except ValueError:  # no answer, or none that has numbers alone
        return ""


def numbers(version: str) -> tuple[int, ...]:
    """Return a version in a form that can be compared."""
    return tuple(map(int, version.split(".")))


def renew_python(tools: Tools, version: str, known: str) -> None:
    """Bring a newer patch release, and let it take its name; the former one stays for releases that were built with it."""
    places = {"UV_NO_CACHE": "1", "UV_PYTHON_INSTALL_DIR": tools.python_folder}
    command = [tools.uv, "python", "install", "--no-progress", "--no-bin", known]
    done = tools.run(command, environment={**tools.environment, **places})
    brought = glob.glob(f"{tools.python_folder}/cpython-{known}-*/bin/python{version}")
    if done.code or not brought or not works(tools, brought[0]):
        raise Trouble(explained(f"Python {known} can't be brought by uv", done.output, "python_mirror_url"))
    link = f"{tools.python(version)}.new"
    with suppress(FileNotFoundError):
        os.unlink(link)
    os.symlink(brought[0], link)
    os.replace(link, tools.python(version))


def explained(what: str, output: str, variables: str) -> str:
    """Return what could not be installed, the last words of the tool, and what to look at."""
    words = "\n".join([line for line in output.strip().splitlines() if "WARNING: Retrying" not in line][-6:])
    cause = next((cause for pattern, cause in CAUSES.items() if re.search(pattern, output)), "")
    return "\n".join(filter(None, [f"{what}:", words, cause, f"Check {variables}."]))
