"""The SSH server takes keys only, and closes root's login without ever locking the operator out."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab import docker as engine
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site

pytestmark = pytest.mark.about("ssh")

# What playbooks/site.yml does besides takes longer than all of this.
PLAYBOOK = "../tests/behaviour/kit/playbooks/ssh"
NAME = "harbour"
SETTINGS = "/etc/ssh/sshd_config.d"
FIRST_THERE = f"{SETTINGS}/05-provider.conf"
BROKEN_RULE = "/etc/sudoers.d/zz-broken"
GUESSER = "127.0.0.9"


def sign_in(
    machine: Machine, account: str, key: Path | str, *options: str, command: str = "true"
) -> subprocess.CompletedProcess[str]:
    """Sign in over a connection of its own, with this key and nothing else."""
    words = ["ssh", "-F", "none", "-i", str(key), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ControlPath=none"]
    words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5", *options]
    port = str(machine.variables.get("ansible_port", 22))
    return subprocess.run(
        [*words, "-p", port, f"{account}@{machine.address}", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=at_pace(30),
    )


@dataclasses.dataclass(frozen=True)
class Harbour:
    """A site whose administrator has the key of this controller."""

    site: Site

    @property
    def key(self) -> Path:
        return Path(self.machine.variables["ansible_ssh_private_key_file"])

    @property
    def machine(self) -> Machine:
        return self.site.app

    @property
    def administrators(self) -> list[dict[str, Any]]:
        return [{"name": NAME, "keys": [Path(f"{self.key}.pub").read_text().strip()]}]

    def run(self, as_root: bool = True, **variables: Any) -> Run:
        # The lab keeps its connections under one name whoever signs in.
        other = {"ansible_user": NAME, "ansible_control_path": f"~/.ansible/cp/{NAME}-{self.machine.address}"}
        return self.site.play(PLAYBOOK, **variables, **({} if as_root else other))

    def console(self, script: str) -> None:
        """Run a script as root without the SSH server, as at the host's console."""
        engine.output(self.machine.lab_host.container, "sh", "-c", script)

    def root_gets_in(self) -> bool:
        return sign_in(self.machine, "root", self.key).returncode == 0

    def gets_in(self) -> bool:
        return sign_in(self.machine, NAME, self.key, command="sudo -n true").returncode == 0


@pytest.fixture
def harbour(plain: Site) -> Iterator[Harbour]:
    """The plain site with an administrator; without one, and with root's login open, again afterwards."""
    harbour = Harbour(plain)
    plain.write_inventory(site_administrators=harbour.administrators)
    yield harbour
    written = [FIRST_THERE, BROKEN_RULE, f"/etc/sudoers.d/hotclub-{plain.name}", f"{SETTINGS}/10-hotclub.conf"]
    harbour.console(f"rm -f {' '.join(written)}; systemctl stop hotclub-ssh-guard.timer; systemctl reload ssh.service")
    harbour.console(f"userdel --force --remove {NAME} || true")
    plain.write_inventory()
    plain.play(PLAYBOOK).must_succeed()


def test_root_s_login_closes_once_runs_sign_in_as_somebody_else(harbour: Harbour) -> None:
    assert harbour.run().must_succeed().says("logins of root by key", f"set ansible_user: {NAME}, whose key works from here")
    assert harbour.root_gets_in() and harbour.gets_in()

    harbour.run(as_root=False).must_succeed()
    assert not harbour.root_gets_in(), "root still gets in"
    assert harbour.gets_in()
    again = harbour.run(as_root=False).must_succeed()
    assert again.changed == 0, again
    assert not again.says("still takes")


@pytest.mark.debian13
def test_an_administrator_who_does_not_get_in_closes_nothing(harbour: Harbour) -> None:
    harbour.run().must_succeed()
    # A folder that everybody may write makes the server mistrust the key in it.
    harbour.console(f"chmod 0777 /home/{NAME}")
    assert harbour.run().must_succeed().says("logins of root by key", f"none of {NAME} gets in from this controller")
    harbour.console(f"chmod 0700 /home/{NAME}; echo '{NAME} ALL=(ALL) PASSWD: ALL' > {BROKEN_RULE}")
    assert harbour.run().must_succeed().says(f"none of {NAME} gets in from this controller with a key and becomes root")
    harbour.run(as_root=False).must_fail()
    assert harbour.root_gets_in()


@pytest.mark.debian13
def test_settings_that_would_lock_out_are_refused_or_return(harbour: Harbour) -> None:
    harbour.run(ssh_settings={"PermitRotLogin": "no"}).must_fail().says("PermitRotLogin", "The server goes on as before")
    assert harbour.root_gets_in()

    harbour.console(f"echo PasswordAuthentication yes > {FIRST_THERE}")
    refused = harbour.run().must_fail()
    assert refused.says(f"{FIRST_THERE} has the first word on passwordauthentication"), refused
    harbour.console(f"rm {FIRST_THERE}")

    # What the server takes, and what nobody gets in with.
    locked = harbour.run(ssh_settings={"AllowUsers": "nobody-at-all"}, ssh_trial_seconds=5).must_fail()
    assert locked.says("failed with the new settings of its SSH server", "The settings before return within 5 seconds"), locked
    # The server makes whoever failed wait, for each failure a little longer.
    deadline = time.monotonic() + at_pace(90)
    time.sleep(5)
    while not harbour.root_gets_in():
        assert time.monotonic() < deadline, "the settings before did not return"
        # A failure every five seconds is no guessing.
        time.sleep(5)


def test_passwords_and_weak_algorithms_are_not_taken(plain: Site, app: Machine) -> None:
    key = app.variables["ansible_ssh_private_key_file"]
    by_password = sign_in(app, "root", "/dev/null", "-o", "PreferredAuthentications=password,keyboard-interactive")
    assert "Permission denied (publickey)" in by_password.stderr, by_password.stderr
    for option in ("KexAlgorithms=ecdh-sha2-nistp256", "KexAlgorithms=diffie-hellman-group14-sha256"):
        assert "no matching key exchange" in sign_in(app, "root", key, "-o", option).stderr, option
    # With a cipher that needs a code of its own.
    sha1 = sign_in(app, "root", key, "-o", "Ciphers=aes256-ctr", "-o", "MACs=hmac-sha1")
    assert "no matching MAC" in sha1.stderr, sha1.stderr


def test_who_guesses_gets_few_tries(plain: Site, app: Machine) -> None:
    script = (
        "import socket\n"
        "waiting = [socket.create_connection(('127.0.0.1', 22), 5, ('{source}', 0)) for _ in range(12)]\n"
        "print(sum(connection.recv(8) == b'SSH-2.0-' for connection in waiting))\n"
    )
    greeted = int(app.run(f"python3 -c {shlex.quote(script.format(source=GUESSER))}"))
    assert 1 <= greeted <= 8, f"{greeted} of 12 connections at once from one address were let wait for a login"
    if app.codename == "bookworm":  # whose server knows no penalties
        return
    # A client without any key gives up before it has guessed.
    app.run("rm -f /run/guess*; ssh-keygen -q -t ed25519 -N '' -f /run/guess")
    options = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    guess = f"ssh -b {GUESSER} -i /run/guess {options} root@127.0.0.1 true"
    told = app.run(f"for try in $(seq 20); do {guess} 2>&1 | tail -1; done; rm -f /run/guess*").splitlines()
    assert "Permission denied" in told[0], told
    assert "Permission denied" not in told[-1], f"the twentieth wrong guess in a row was listened to: {told}"
