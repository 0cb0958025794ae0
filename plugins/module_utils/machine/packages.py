# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Debian packages: which are there, and apt to install those that are not."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Refusal, Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.files import put
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import Outcome, run

DPKG_LIST = "/var/lib/dpkg/status"
LISTS = Path("/var/lib/apt/lists")
# Debian asks this program before it starts or stops a service of a package that is installed.
POLICY = Path("/usr/sbin/policy-rc.d")
# What a run that was killed has left of it.
OURS = "# Written by hotclub.django while packages are installed."
LISTS_SECONDS = 3600
LOCK_SECONDS = 300
ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    # Ubuntu's restarts services after each installation, whatever the policy says. One too old to be suspended lists them.
    "NEEDRESTART_SUSPEND": "1",
    "NEEDRESTART_MODE": "l",
}
OPTIONS = (
    "--quiet",
    "--yes",
    "--no-install-recommends",
    # Nothing is removed to make room for another package.
    "--no-remove",
    # Its output is for a message, not for a screen.
    "--option=Dpkg::Use-Pty=0",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    f"--option=DPkg::Lock::Timeout={LOCK_SECONDS}",
)
# What old or missing package lists lead to.
LISTS_DO_NOT_FIT = re.compile(r"404 +Not Found|Unable to locate package|has no installation candidate|Couldn't find any package")
# The disk, or another program, is in the way of any package.
HOPELESS = re.compile(r"No space left|enough free space|Could not get lock|Unable to acquire the dpkg frontend lock")
HALF_INSTALLED = "dpkg has packages that are only half installed"
UNFINISHED = re.compile(r"^Status: \S+ \S+ (half-installed|half-configured|unpacked)$", re.MULTILINE)
REMOVAL = re.compile(r"Packages need to be removed but remove is disabled", re.IGNORECASE)


def installed(status: str) -> Iterator[str]:
    """Return the packages that dpkg's list tells to be installed and configured."""
    for paragraph in status.split("\n\n"):
        if "\nStatus: install ok installed\n" in paragraph or "\nStatus: hold ok installed\n" in paragraph:
            yield paragraph.lstrip().split("\n", 1)[0].removeprefix("Package: ")


def missing(names: Iterable[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    with open(DPKG_LIST, encoding="utf-8", errors="replace") as file:
        there = set(installed(file.read()))
    return [name for name in names if name not in there]


def unfinished(status: str) -> Iterator[str]:
    """Return the packages that dpkg's list tells to be neither there nor away, each with how far it is."""
    for paragraph in status.split("\n\n"):
        if found := UNFINISHED.search(paragraph):
            yield f"{paragraph.lstrip().split(chr(10), 1)[0].removeprefix('Package: ')} ({found[1]})"


def is_as_packaged(path: Path, status: str) -> bool:
    """Say whether a configuration file is as its package has brought it, by the digest in dpkg's list."""
    if not path.is_file():
        return False
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return f"\n {path} {digest}\n" in f"{status}\n"


def failure(done: Outcome) -> Trouble:
    """Return what apt has said; a refusal where no other installation on this host would fare better."""
    with open(DPKG_LIST, encoding="utf-8", errors="replace") as file:
        found = list(unfinished(file.read()))
    if found:
        return Refusal(f"{HALF_INSTALLED}: {', '.join(found)}.", detail=done.tail())
    return Refusal(done.tail()) if HOPELESS.search(done.output) else Trouble(done.tail())


def install(names: Sequence[str], held: Sequence[str]) -> None:
    """Install packages in one transaction.

    :param held: those of them whose services don't start yet.
    :raises Trouble: apt refuses; says what it said.
    """
    if lists_are_old():
        read_lists()
    with services_held(held):
        done = apt("install", *names)
        if done.code and LISTS_DO_NOT_FIT.search(done.output):
            read_lists()
            done = apt("install", *names)
    if done.code:
        raise failure(done)


def rehearse(names: Sequence[str]) -> None:
    """See whether packages could be installed.

    Reads the package lists of a host that has none, for nothing could be looked up otherwise.

    :raises Trouble: they could not.
    """
    done = apt("--simulate", "install", *names)
    if done.code and LISTS_DO_NOT_FIT.search(done.output):
        read_lists()
        done = apt("--simulate", "install", *names)
    if done.code:
        raise Trouble(done.tail())


def apt(*words: str) -> Outcome:
    """Call apt-get."""
    return run(["apt-get", *OPTIONS, *words], environment=ENVIRONMENT)


def lists_are_old() -> bool:
    """Say whether the package lists are older than an hour, or not there."""
    if not any(LISTS.glob("*_Packages*")):
        return True
    return time.time() - LISTS.stat().st_mtime > LISTS_SECONDS


def read_lists() -> None:
    """Read the package lists anew.

    :raises Trouble: no server answers.
    """
    done = run(["apt-get", "--quiet", f"--option=DPkg::Lock::Timeout={LOCK_SECONDS}", "update"], environment=ENVIRONMENT)
    if done.code:
        raise Trouble(f"Failed to update the package lists: {done.tail()}")
    os.utime(LISTS)


@contextlib.contextmanager
def services_held(packages: Sequence[str]) -> Iterator[None]:
    """Have the services of some packages not start while they are installed; the host's own policy decides on all others."""
    if not packages:
        yield
        return
    aside = POLICY.with_suffix(".before-hotclub")
    if POLICY.exists() and OURS not in POLICY.read_text(errors="replace"):
        os.replace(POLICY, aside)
    put(POLICY, policy(packages, aside), 0o755)
    try:
        yield
    finally:
        if aside.exists():
            os.replace(aside, POLICY)
        else:
            POLICY.unlink()


def policy(packages: Sequence[str], aside: Path) -> str:
    """Return the program that Debian asks: 101 is its word for no."""
    # postgresql-17 brings postgresql@17-main, etcd-server etcd, valkey-server a service of its name, certbot a timer.
    names = sorted({*packages, *(re.sub(r"-(?:server|[0-9.]+)$", "", package) for package in packages)})
    patterns = "|".join(pattern for name in names for pattern in (name, f"{name}.*", f"{name}@*"))
    return f'#!/bin/sh\n{OURS}\ncase "$1" in {patterns}) exit 101;; esac\n[ ! -x {aside} ] || exec {aside} "$@"\nexit 0\n'
