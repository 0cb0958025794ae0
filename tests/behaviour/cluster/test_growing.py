"""One server becomes a cluster by steps of its inventory, while visitors use the site; docs/growing.md says the same in words.

On hosts of the cluster that run no database yet: everything begins on the second balancer.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.behaviour.kit.database import Database
from tests.behaviour.kit.lab import ROOT, Lab, Machine
from tests.behaviour.kit.operator import Run
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import ENVIRON, Site, connection, own_database
from tests.behaviour.kit.visitor import Visitor
from tests.load import constant_load, judge

PAUSE_SECONDS_AT_MOST = 10
# A busy machine needs longer for all of the run, and for the pause with it.
PAUSE_SHARE_AT_MOST = 0.35
STORE_PORT = 5995
BUCKET = "growing-media"
FILES = {f"file{number}.png": bytes([number]) * 1000 * number for number in range(1, 6)}
Tiers = Mapping[str, Sequence[Machine]]


class Growing(Site):
    """A site whose hosts change from step to step."""

    tiers: Tiers

    def __init__(self, lab: Lab, folder: Path, tiers: Tiers, **variables: Any) -> None:
        self.tiers = tiers
        super().__init__(lab, ENVIRON, folder, site_name="growing", site_domain="growing.example", **variables)

    def become(self, tiers: Tiers | None = None, variables: Mapping[str, Any] | None = None) -> None:
        """Edit the inventory."""
        self.tiers = tiers or self.tiers
        self.variables = {**self.variables, **(variables or {})}
        self.write_inventory()

    def write_inventory(self, **more: Any) -> None:
        machines = {machine.name: machine for tier in self.tiers.values() for machine in tier}
        inventory = {
            "all": {
                "vars": {**self.variables, **more},
                "hosts": {name: own_database(connection(machine)) for name, machine in machines.items()},
                "children": {tier: {"hosts": {machine.name: {} for machine in hosts}} for tier, hosts in self.tiers.items()},
            }
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory, sort_keys=False), encoding="utf-8")

    @property
    def visitor(self) -> Visitor:
        return self.visitor_of(self.tiers["lb"][0])

    @property
    def database(self) -> Database:
        return Database(self.tiers["db"][0], self.name)

    def visitor_of(self, balancer: Machine) -> Visitor:
        return self.visitor_at(balancer.address)

    def under_load(self, *steps: Callable[[], Run]) -> list[Run]:
        """Take steps while visitors come, and lose none of them."""
        plan = self.load(rate=20)
        with constant_load(plan) as load:
            runs = [step().must_succeed() for step in steps]
        verdict = judge(load.finish(), self.stored(plan))
        assert verdict.flawless, f"{verdict}\n{runs[-1]!r}"
        return runs


@pytest.fixture(scope="module")
def store(lab: Lab) -> Iterator[dict[str, str]]:
    """An S3-compatible store outside of the hosts, at the address of the lab's own network."""
    address = lab.lb.run("ip route show default").split()[2]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", str(STORE_PORT)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://{address}:{STORE_PORT}"
        await_store(url)
        make_bucket(url)
        yield {
            "site_media_storage": "s3",
            "site_media_s3_endpoint_url": url,
            "site_media_s3_bucket": BUCKET,
            "site_media_s3_access_key_id": "growing",
            "site_media_s3_secret_access_key": "the-secret-of-the-store",
        }
    finally:
        server.terminate()
        server.wait()


def await_store(url: str) -> None:
    deadline = time.monotonic() + at_pace(30)
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=2).close()
            return
        assert time.monotonic() < deadline, "moto does not answer"
        time.sleep(0.2)


def make_bucket(url: str) -> None:
    """Make a bucket whose objects everybody may read."""
    import boto3

    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any")
    client.create_bucket(Bucket=BUCKET)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/*"}
    client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


@pytest.fixture(scope="module")
def first(lab: Lab) -> Machine:
    return lab.tier("lb")[1]


@pytest.fixture(scope="module")
def second(lab: Lab) -> Machine:
    return lab.tier("app")[2]


@pytest.fixture(scope="module")
def growing(lab: Lab, workspace: Path, repositories: Path, first: Machine, second: Machine) -> Growing:
    """A single server with rows and files."""
    for machine in (first, second):
        forget(machine)
    site = Growing(lab, workspace / "growing", {"lb": [first], "app": [first], "db": [first]})
    site.play("site").must_succeed()
    for name, content in FILES.items():
        assert site.visitor.upload("/pictures", {"text_id": name}, name, content).status == 201
    return site


def forget(machine: Machine) -> None:
    """Remove what an earlier run of these tests has left on a host."""
    machine.run(
        "systemctl stop 'growing*' 2>/dev/null; rm -rf /srv/growing /etc/systemd/system/growing* "
        "/etc/systemd/system/*.wants/growing*; systemctl daemon-reload; "
        "for version in $(ls /etc/postgresql 2>/dev/null); do pg_dropcluster --stop $version main; done; true"
    )


def served(site: Growing, balancer: Machine) -> dict[str, bytes | int]:
    """Each file as a visitor gets it from one of the balancers, or the status that came instead."""
    answers = {name: site.visitor_of(balancer).get(f"/media/pictures/{name}") for name in FILES}
    return {name: answer.body if answer.status == 200 else answer.status for name, answer in answers.items()}


# The steps, in their order.


def test_files_move_to_a_bucket_under_load(growing: Growing, store: dict[str, str], first: Machine) -> None:
    growing.become(variables=store)
    runs = growing.under_load(
        lambda: growing.play("deploy"),
        lambda: growing.play("move_media"),
        lambda: growing.play("site"),
        lambda: growing.play("move_media"),
    )
    assert runs[1].says(f"{len(FILES)} files with {sum(map(len, FILES.values()))} bytes"), runs[1]
    assert runs[3].says("0 of them with 0 bytes copied now"), runs[3]
    growing.play("move_media", move_media_remove=True).must_succeed()
    assert first.run("find /srv/growing/shared/media -type f") == ""
    assert served(growing, first) == FILES


def test_hosts_join_under_load(growing: Growing, first: Machine, second: Machine) -> None:
    growing.become({"lb": [first], "app": [first, second], "db": [first]})
    growing.under_load(lambda: growing.play("site"))
    assert served(growing, first) == FILES
    with growing.visitor.web_socket("/echo") as web_socket:
        assert web_socket.is_open, web_socket.handshake
        web_socket.send("through the balancer")
        assert web_socket.receive() == "through the balancer"
    assert growing.play("site").must_succeed().changed == 0


def test_a_site_that_serves_never_begins_with_an_empty_database(growing: Growing, first: Machine, second: Machine) -> None:
    growing.become({"lb": [first], "app": [first, second], "db": [second]})
    rows = growing.visitor.get("/entries").json["entries"]
    run = growing.play("site").must_fail()
    assert run.says("move_database.yml -e move_database_from="), run
    assert growing.visitor.get("/entries").json["entries"] == rows


def test_the_database_moves_under_load(growing: Growing, first: Machine, second: Machine, figure: Callable[[str], None]) -> None:
    growing.become({"lb": [first], "app": [first, second], "db": [second]})
    [run] = growing.under_load(lambda: growing.play("move_database", move_database_from=first.name))
    waited = re.search(r"Requests waited for ([\d.]+) s", run.message)
    assert waited, run
    figure(f"moving the database: requests waited for {waited[1]} s")
    assert float(waited[1]) < max(at_pace(PAUSE_SECONDS_AT_MOST), PAUSE_SHARE_AT_MOST * run.seconds)
    assert not first.succeeds("pg_lsclusters --no-header | grep -q online"), "the old server still runs"
    assert growing.database.rows("SELECT rolname FROM pg_roles WHERE rolreplication AND rolname <> 'postgres'") == []
    again = growing.play("move_database", move_database_from=first.name).must_succeed()
    assert again.changed == 0 and again.says("nothing was done"), again
    assert growing.play("site").must_succeed().changed == 0


SHOWN_BY_SECOND = ("/etc/postgresql/*/main/certificate", "/srv/growing/etc/certificate", "/etc/hotclub/growing/certificate")
SHOWN_BY_FIRST = ("/etc/haproxy/certificates/growing", *SHOWN_BY_SECOND[1:])


def shown_by(machine: Machine, folders: Sequence[str]) -> list[str]:
    """The certificates of the site on a host."""
    chains = " ".join(f"{folder}/fullchain.pem" for folder in folders)
    return machine.run(f"for chain in {chains}; do openssl x509 -in $chain -noout -fingerprint -sha256; done").splitlines()


def test_all_certificates_are_replaced_under_load(growing: Growing, first: Machine, second: Machine) -> None:
    before = shown_by(first, SHOWN_BY_FIRST) + shown_by(second, SHOWN_BY_SECOND)
    trusted = second.run("cat /srv/growing/etc/certificate/authority.pem")
    refusal = growing.play("rotate_certificates", "--limit", second.name).must_fail()
    assert refusal.says("leaves out", first.name), refusal
    # Visitors who are to trust the new one as well have the time between the first step and the others to learn of it.
    growing.under_load(lambda: growing.play("rotate_certificates", rotate_only="prepare"))
    growing.under_load(lambda: growing.play("rotate_certificates"))
    after = shown_by(first, SHOWN_BY_FIRST) + shown_by(second, SHOWN_BY_SECOND)
    assert len(set(after)) == 6 and not set(after) & set(before), f"{before}\n{after}"
    assert trusted not in second.run("cat /srv/growing/etc/certificate/authority.pem")
    # New connections to the database, which the load may not have needed.
    growing.database.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'growing'")
    assert {growing.visitor.get("/entries").status for _ in range(12)} == {200}
    assert growing.play("site").must_succeed().changed == 0


def test_the_first_server_leaves(growing: Growing, first: Machine, second: Machine) -> None:
    rows = growing.database.value("SELECT count(*) FROM pictures_picture")
    growing.become({"lb": [first, second], "app": [first, second], "db": [second]})
    growing.play("site").must_succeed()
    growing.play("decommission", decommission_host=first.name).must_succeed()
    growing.become({"lb": [second], "app": [second], "db": [second]})
    growing.play("site").must_succeed()
    assert served(growing, second) == FILES
    assert growing.visitor.get("/entries").json["entries"] == int(rows)
