"""The demo: one lab host with the demo project on it, and the verbs that show what the collection does."""

from __future__ import annotations

import hashlib
import http.client
import sys
from collections.abc import Iterator
from pathlib import Path

from lab import docker, engine, hosts, image, playbooks, repository
from lab.errors import LabError
from lab.hosts import LabHost
from lab.inventory import Lab, open_lab
from lab.paths import ROOT
from lab.steps import step
from lab.workflow import bring_up

SUITE = "trixie"
# What a provisioned host depends on: a change of any of these is worth another run.
SOURCES = ("roles", "plugins", "playbooks", "inventories/single", "demo")


def demo_lab() -> Lab:
    """Return the lab of the inventory that the demo uses."""
    return open_lab("single", "")


def demo() -> None:
    """Bring the demo up, or make sure that it is."""
    lab = demo_lab()
    _say("The demo: one server with the guest book of demo/ on it.\n")
    bring_up(lab, SUITE)
    stamp = lab.folder / "provisioned"
    wanted = _fingerprint(lab)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and _answers(_web(lab)):
        with step("Provision the host") as line:
            line.result = "up to date"
    else:
        playbooks.play(lab, "site")
        stamp.write_text(wanted, encoding="utf-8")
    with step("Ask the site for its page") as line:
        line.result = _prove(_web(lab))
    _say(_closing(_web(lab)))


def deploy(version: str) -> None:
    """Deploy a version of the demo; without one, a new edition."""
    lab = _running_lab()
    if not version:
        with step("Commit a new edition of the demo") as line:
            line.result = f"version {repository.add_edition()}"
    playbooks.play(lab, "deploy", {"site_version": version or repository.BRANCH})
    _say(f"\n  {_web(lab).url}  serves the new release. Back again: make rollback\n")


def rollback(release: str) -> None:
    """Return the demo to its previous release, or to a named one."""
    lab = _running_lab()
    playbooks.play(lab, "rollback", {"rollback_release": release} if release else {})
    _say(f"\n  {_web(lab).url}  serves the older release.\n")


def status() -> int:
    """Show how the demo does."""
    return playbooks.show(_running_lab(), "status")


def url() -> None:
    """Print the demo's address and nothing else."""
    _say(f"{_web(_running_lab()).url}\n")


def clean(caches: bool = False) -> None:
    """Remove this checkout's lab hosts, and the images and volumes if wanted; stop the engine that the lab started."""
    if not engine.answers():
        _say("No Docker engine answers, so no lab host runs.\n")
        return
    for name in sorted({host.lab for host in hosts.hosts()}):
        with step(f"Remove the hosts of {name}") as line:
            line.result = ", ".join(hosts.remove_named(name))
    docker.remove_network()
    if caches:
        with step("Remove the lab's images and volumes"):
            image.remove_all()
            docker.remove_volumes()
    with step("Stop the Docker engine") as line:
        line.result = engine.stop()


def _running_lab() -> Lab:
    lab = demo_lab()
    running = [host for host in hosts.hosts(lab) if host.state == "running"] if engine.answers() else []
    if not running or not lab.overlay.exists():
        raise LabError("The demo does not run. Start it first: make demo")
    return lab


def _web(lab: Lab) -> LabHost:
    return next(host for host in hosts.hosts(lab) if host.port)


def _fingerprint(lab: Lab) -> str:
    """Return a hash of what the hosts were, or would be, provisioned from."""
    digest = hashlib.sha256()
    for host in hosts.hosts(lab):
        digest.update(f"{host.container} {host.identity}\n".encode())
    digest.update(lab.overlay.read_bytes())
    for path in _source_files():
        digest.update(f"{path.relative_to(ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files() -> Iterator[Path]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _answers(host: LabHost) -> bool:
    try:
        _prove(host)
    except LabError:
        return False
    return True


def _prove(host: LabHost) -> str:
    """Return the status that a browser would get for the page."""
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"The site does not answer at {host.url} ({error}). Look at it with: make status") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise LabError(f"The site answers {answer.status} {answer.reason} at {host.url}. Look at it with: make status")
    return f"{answer.status} {answer.reason}"


def _closing(host: LabHost) -> str:
    return f"""
  The site:   {host.url}

  What runs where, on {host.container} (Debian, {host.suite}):
    nginx         port 80 of the host, {host.port} of 127.0.0.1; static files and uploads straight from disk
    gunicorn      a systemd unit for each release, behind a socket that stays open while releases change
    PostgreSQL    the site's own database and account; reachable from this host alone
    a shell       python3 -m lab ssh {host.container.removeprefix("hotclub-")}

  Try next:
    make deploy     a new release, without losing a request: sign the guest book, deploy, reload
    make rollback   back to the release before
    make status     which release serves, since when, and how it does
"""


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
