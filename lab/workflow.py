"""What the verbs have in common: the way from nothing to hosts that Ansible reaches."""

from __future__ import annotations

from lab import engine, hosts, repository
from lab.image import REPOSITORY, ensure_image
from lab.inventory import Lab, read_members
from lab.machine import ensure_inotify, index_url, install_packages
from lab.steps import step

TOOLS = {"ssh": "openssh-client", "ssh-keygen": "openssh-client", "git": "git"}


def bring_up(lab: Lab, suite: str, tag: str = "") -> None:
    """Start an inventory's hosts and write the overlay inventory for them."""
    members = read_members(lab.inventory)
    with step("Start the Docker engine") as line:
        line.result = engine.start()
        install_packages(TOOLS, "The lab")
        remark = ensure_inotify(len(members))
        line.result = remark or line.result
    with step("Commit demo/ to a git repository") as line:
        line.result = f"version {repository.ensure_demo()}"
    with step(f"Make the {suite} image"):
        image = f"{REPOSITORY}:{tag}" if tag else ensure_image(suite)
    with step(f"Start {', '.join(lab.container(member.name) for member in members)}"):
        hosts.start(lab, members, image, suite)
        hosts.connect(lab, overlay_variables(lab))


def overlay_variables(lab: Lab) -> dict[str, object]:
    """Return what differs between a lab host and the server that an inventory describes."""
    variables: dict[str, object] = {
        # The hosts share the machine's memory, and its kernel's swap.
        "postgresql_memory_mb": 512,
        "os_swap_mb": 0,
        "site_secrets_path": str(lab.secrets),
        # The tests' sites share the hosts, and with them a database server, which shows one certificate.
        "site_database_authority_path": str(lab.folder / "database-authority"),
        "site_database_authority_passphrase": "lab",
        # No public authority reaches a lab host.
        "site_tls_mode": "internal",
        "site_source": "file:///srv/git/demo.git",
        "site_aliases": ["127.0.0.1", "localhost"],
        **hosts.certificate_variables(),
    }
    index = index_url()
    if index:
        variables["site_package_index_url"] = index
    return variables
