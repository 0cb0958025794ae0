"""Makes the image from which lab hosts start: a plain Debian or Ubuntu with systemd and SSH, nothing of ours."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from lab import docker
from lab.commands import run, tail
from lab.errors import LabError
from lab.machine import apt_proxy_settings, find_command, install_packages
from lab.paths import LOGS, RECIPE_SETUP, RECIPE_TREE

REPOSITORY = "hotclub-lab"
SUITES = {
    "bookworm": "debian",
    "trixie": "debian",
    "noble": "ubuntu",
}
KEYRINGS = {"debian": "debian-archive-keyring", "ubuntu": "ubuntu-keyring"}
BUILDER = "hotclub-lab-build"
BUILD_SECONDS = 900


def ensure_image(suite: str) -> str:
    """Return the image of a suite; make it unless it is there and follows the present recipe."""
    if suite not in SUITES:
        raise LabError(f"No suite is called {suite}. The lab knows {', '.join(SUITES)}.")
    name = f"{REPOSITORY}:{suite}-{recipe_hash(suite)}"
    if not docker.image_exists(name):
        _make(suite, name)
    return name


def recipe_hash(suite: str) -> str:
    """Return a short hash of everything that shapes a suite's image."""
    digest = hashlib.sha256(f"{suite}\n{apt_proxy_settings()}".encode())
    digest.update(RECIPE_SETUP.read_bytes())
    for path in sorted(RECIPE_TREE.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(RECIPE_TREE)} {path.stat().st_mode & 0o777:o}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _make(suite: str, name: str) -> None:
    log = LOGS / f"image-{suite}.log"
    base = _plain_image(suite, log)
    docker.remove_container(BUILDER)
    with docker.told(f"make the image {name}"):
        docker.engine().containers.create(
            base,
            ["/bin/sh", "/host-setup.sh"],
            name=BUILDER,
            network=docker.ensure_network(),
            labels={docker.LABEL: docker.OWNER},
        )
    try:
        _copy_recipe()
        _run_builder(log)
        docker.commit(BUILDER, name, 'CMD ["/usr/local/sbin/lab-init"]')
    finally:
        docker.remove_container(BUILDER)


def _copy_recipe() -> None:
    with tempfile.TemporaryDirectory() as folder:
        sources = {"/": RECIPE_TREE, "/host-setup.sh": RECIPE_SETUP}
        settings = apt_proxy_settings()
        if settings:
            file = Path(folder) / "91lab-proxy"
            file.write_text(settings, encoding="utf-8")
            file.chmod(0o644)
            sources["/etc/apt/apt.conf.d/91lab-proxy"] = file
        docker.copy_into(BUILDER, sources)


def _run_builder(log: Path) -> None:
    """Have the recipe carried out, with all that it says in a file."""
    with docker.told("make the image"):
        builder = docker.existing(BUILDER)
        builder.start()
        code = builder.wait(timeout=BUILD_SECONDS)["StatusCode"]
        said = builder.logs().decode(errors="replace")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as stream:
        stream.write(said)
    if code != 0:
        raise LabError("The image could not be made.", detail=tail(said), log=log)


def _plain_image(suite: str, log: Path) -> str:
    """Return an image of nothing but the distribution: made on this machine where that works, else downloaded."""
    distribution = SUITES[suite]
    name = f"{REPOSITORY}-plain:{suite}"
    if docker.image_exists(name):
        return name
    if _can_be_made_here(distribution):
        install_packages({"mmdebstrap": "mmdebstrap"}, "Making images")
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder) / "root.tar"
            run(["mmdebstrap", "--variant=minbase", suite, archive], timeout=900, log=log)
            with docker.told(f"import {name}"):
                repository, _, tag = name.partition(":")
                docker.engine().api.import_image_from_file(str(archive), repository, tag, changes=[f"LABEL {docker.LABEL}=image"])
        return name
    with docker.told(f"download {distribution}:{suite}"):
        docker.engine().images.pull(distribution, suite)
    return f"{distribution}:{suite}"


def _can_be_made_here(distribution: str) -> bool:
    """Tell whether this machine has, or may install, the keys that sign the distribution's packages."""
    if os.geteuid() != 0 or not find_command("apt-get"):
        return False
    package = KEYRINGS[distribution]
    if run(["dpkg-query", "--show", package], check=False).returncode == 0:
        return True
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-q", "update"], timeout=300, check=False, environment=quiet)
    return run(["apt-get", "-q", "-y", "install", package], timeout=300, check=False, environment=quiet).returncode == 0
