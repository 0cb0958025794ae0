"""The demo: the demo project on one lab host or on a cluster of them, and the verbs that show what the collection does."""

from __future__ import annotations

import hashlib
import http.client
import ssl
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab import docker, engine, growing, hosts, playbooks, repository
from lab.errors import LabError
from lab.hosts import LabHost
from lab.inventory import Lab, open_lab
from lab.paths import ROOT
from lab.steps import step
from lab.workflow import bring_up

SUITE = "trixie"
# Each is the name of an inventory, too.
TOPOLOGIES = SINGLE, CLUSTER = ("single", "cluster")
# What a provisioned host depends on, besides its inventory: a change of any of these is worth another run.
SOURCES = ("roles", "plugins", "playbooks", "demo")


def demo(topology: str = "") -> None:
    """Bring the demo up, or make sure that it is; let it grow where a cluster is wanted and one server is there."""
    wanted = choose(topology)
    lab = open_lab(wanted, "")
    _say(f"The demo: {'a cluster' if wanted == CLUSTER else 'one server'} with the guest book of demo/ on it.\n")
    bring_up(lab, SUITE)
    if wanted == CLUSTER:
        _become_cluster(lab)
    _provision(lab)
    with step("Ask the site for its page") as line:
        line.result = _prove_all(lab)
    balancers = _webs(lab)
    _say((_closing_cluster(balancers) if wanted == CLUSTER else _closing(balancers[0])) + _trust(lab, balancers[0]))


def choose(topology: str) -> str:
    """Return the topology that is meant: the one that is named, else the one that there is.

    :raises LabError: there is no such topology, or the demo would have to shrink.
    """
    if topology and topology not in TOPOLOGIES:
        raise LabError(f"No topology is called {topology}. The demo knows {' and '.join(TOPOLOGIES)}.")
    present = CLUSTER if growing.stage_of(open_lab(CLUSTER, "")) else SINGLE
    if topology == SINGLE and present == CLUSTER:
        raise LabError("The demo is a cluster, and does not shrink. To begin again with one server: make clean, then make demo")
    return topology or present


def demo_lab() -> Lab:
    """Return the lab of the inventory that the demo uses now."""
    single, cluster = open_lab(SINGLE, ""), open_lab(CLUSTER, "")
    return growing.lab_at(single, cluster) if growing.stage_of(cluster) else single


def _become_cluster(cluster: Lab) -> None:
    """Grow from the single server if there is one, and go on where an earlier run was interrupted."""
    single = open_lab(SINGLE, "")
    if growing.stage_of(cluster) in ("", growing.JOIN):
        growing.begin(cluster, growing.JOIN if hosts.hosts(single) else growing.WHOLE)
    if growing.stage_of(cluster) != growing.WHOLE:
        wanted = _fingerprint(cluster)
        growing.grow(single, cluster, SUITE)
        _stamp(cluster).write_text(wanted, encoding="utf-8")
        _say("\n")


def _provision(lab: Lab) -> None:
    """Run the playbook unless nothing has changed since it ran, and the site answers."""
    wanted = _fingerprint(lab)
    if _stamp(lab).exists() and _stamp(lab).read_text(encoding="utf-8") == wanted and _answers(lab):
        with step("Provision the hosts") as line:
            line.result = "up to date"
    else:
        playbooks.play(lab, "site")
        _stamp(lab).write_text(wanted, encoding="utf-8")


def _stamp(lab: Lab) -> Path:
    return lab.folder / "provisioned"


def deploy(version: str) -> None:
    """Deploy a version of the demo; without one, a new edition."""
    lab = _running_lab()
    if not version:
        with step("Commit a new edition of the demo") as line:
            line.result = f"version {repository.add_edition()}"
    playbooks.play(lab, "deploy", {"site_version": version or repository.BRANCH})
    _say(f"\n  {_webs(lab)[0].url}  serves the new release. Back again: make rollback\n")


def rollback(release: str) -> None:
    """Return the demo to its previous release, or to a named one."""
    lab = _running_lab()
    playbooks.play(lab, "rollback", {"rollback_release": release} if release else {})
    _say(f"\n  {_webs(lab)[0].url}  serves the older release.\n")


def status() -> int:
    """Show how the demo does."""
    return playbooks.show(_running_lab(), "status")


def url() -> None:
    """Print the demo's address and nothing else."""
    _say(f"{_webs(_running_lab())[0].url}\n")


def clean(caches: bool = False) -> None:
    """Remove this checkout's lab hosts, and the images and volumes if wanted; stop the engine that the lab started."""
    if not docker.answers():
        _say("No Docker engine answers, so no lab host runs.\n")
        return
    for name in sorted({host.lab for host in hosts.hosts()}):
        with step(f"Remove the hosts of {name}") as line:
            line.result = ", ".join(hosts.remove_named(name))
    docker.remove_network()
    if caches:
        with step("Remove the lab's images and volumes"):
            docker.remove_images()
            docker.remove_volumes()
    with step("Stop the Docker engine") as line:
        line.result = engine.stop()


def _running_lab() -> Lab:
    lab = demo_lab()
    running = [host for host in hosts.hosts(lab) if host.state == "running"] if docker.answers() else []
    if not running or not lab.overlay.exists():
        raise LabError("The demo does not run. Start it first: make demo")
    return lab


def _webs(lab: Lab) -> list[LabHost]:
    """Return the hosts that visitors reach, those that run first."""
    found = sorted((host for host in hosts.hosts(lab) if host.port), key=lambda host: host.state != "running")
    if not found:
        raise LabError("No host of the demo is there for visitors. Look at the hosts with: python3 -m lab ps")
    return found


def _fingerprint(lab: Lab) -> str:
    """Return a hash of what the hosts were, or would be, provisioned from."""
    digest = hashlib.sha256()
    for host in hosts.hosts(lab):
        digest.update(f"{host.container} {host.identity}\n".encode())
    digest.update(lab.overlay.read_bytes())
    for path in _source_files(lab):
        digest.update(f"{path.relative_to(ROOT)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _source_files(lab: Lab) -> Iterator[Path]:
    for folder in (*SOURCES, f"inventories/{lab.inventory.name}"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def _answers(lab: Lab) -> bool:
    try:
        _prove_all(lab)
    except LabError:
        return False
    return True


def _prove_all(lab: Lab) -> str:
    """Return the status that a browser would get for the page, from each host that visitors reach."""
    answers = {host.member: _prove(host, lab.authority) for host in _webs(lab)}
    return ", ".join(answers.values() if len(answers) == 1 else (f"{name} {answer}" for name, answer in answers.items()))


def _prove(host: LabHost, authority: Path) -> str:
    """Return the status that a browser would get for the page, one that trusts the site's authority and no other."""
    try:
        trust = ssl.create_default_context(cafile=authority)
    except OSError as error:
        raise LabError(
            f"The site's authority {authority} can't be read ({error}). Make it anew: make clean, then make demo"
        ) from error
    connection = http.client.HTTPSConnection("127.0.0.1", host.port, timeout=30, context=trust)
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
    nginx         port 443 of the host, {host.port} of 127.0.0.1; static files and uploads straight from disk
    gunicorn      a systemd unit for each release, behind a socket that stays open while releases change
    PostgreSQL    the site's own database and account; reachable from this host alone
    a shell       python3 -m lab ssh {host.container.removeprefix("hotclub-")}

  Try next:
    make deploy     a new release, without losing a request: sign the guest book, deploy, reload
    make rollback   back to the release before
    make status     which release serves, since when, and how it does
"""


def _trust(lab: Lab, host: LabHost) -> str:
    return f"""
  The site's certificate is signed by an authority of its own, which no browser knows:
    {lab.authority}
  Trust it:   curl --cacert {lab.authority} {host.url}
              a browser: import it where it keeps its authorities (Firefox: Settings, Certificates, Authorities;
              Chrome: Settings, Security, Manage certificates), or accept the warning once
"""


def _closing_cluster(balancers: Sequence[LabHost]) -> str:
    sites = "\n".join(
        f"  {'The site:' if number == 0 else '':11} {each.url}   by {each.member}" for number, each in enumerate(balancers)
    )
    return f"""
{sites}

  What runs where (Debian, {balancers[0].suite}; the containers have hotclub- before the name):
    lb1, lb2          nginx for visitors and static files; HAProxy behind it shares the requests, and checks who may get any
    app1, app2, app3  gunicorn, a systemd unit for each release; the page names the host that answered
    db1               PostgreSQL, reached from the application hosts alone
    a shell           python3 -m lab ssh app1

  Try next:
    docker kill hotclub-app2      and reload: the others answer. Back again: python3 -m lab restart app2
    docker kill hotclub-lb1       and use the other address. Back again: python3 -m lab restart lb1
    make deploy                   a new release, host by host, without losing a request
    make rollback                 back to the release before, on all of them
    make status                   which release serves where, and how each balancer sees each host
"""


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
