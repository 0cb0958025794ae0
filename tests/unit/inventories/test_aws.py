"""The inventory from Amazon EC2, by the plugin itself, against a server that answers as AWS would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.unit.conftest import CHECKOUT

INVENTORY = CHECKOUT / "inventories" / "aws"
REGION = "eu-central-1"
IMAGE = "ami-12c6146b"


@pytest.fixture(scope="module")
def cloud() -> Iterator[dict[str, str]]:
    """The environment in which the tools of AWS ask a server of this machine alone."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "example",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    server.stop()


@pytest.fixture(scope="module")
def launch(cloud: Mapping[str, str]) -> Callable[..., str]:
    ec2 = boto3.client(
        "ec2",
        region_name=REGION,
        endpoint_url=cloud["AWS_ENDPOINT_URL"],
        aws_access_key_id="example",
        aws_secret_access_key="example",
    )
    network = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=network, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]

    def launch(site: str, tiers: str, address: str, state: str = "running") -> str:
        # Balancers alone can be reached from everywhere.
        ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": "lb" in tiers})
        tags = [{"Key": "hotclub_site", "Value": site}, {"Key": "hotclub_tiers", "Value": tiers}]
        [machine] = ec2.run_instances(
            ImageId=IMAGE,
            MinCount=1,
            MaxCount=1,
            SubnetId=subnet,
            PrivateIpAddress=address,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )["Instances"]
        name = str(machine["InstanceId"])
        if state == "stopped":
            ec2.stop_instances(InstanceIds=[name])
        elif state == "terminated":
            ec2.terminate_instances(InstanceIds=[name])
        return name

    return launch


@pytest.fixture(scope="module")
def fleet(launch: Callable[..., str]) -> dict[str, str]:
    return {
        "front": launch("shop", "lb app", "10.0.0.11"),
        "app": launch("shop", "app", "10.0.0.21"),
        "db": launch("shop", "db", "10.0.0.31"),
        "watch": launch("shop", "backup  monitoring", "10.0.0.41"),
        "stopped": launch("shop", "app", "10.0.0.22", "stopped"),
        "terminated": launch("shop", "app", "10.0.0.23", "terminated"),
        "of another site": launch("blog", "lb app db", "10.0.0.99"),
    }


def ansible(program: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # What this account has set for itself at home must not decide.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ANSIBLE_"))}
    return subprocess.run(
        [program, "--inventory", str(INVENTORY), *words],
        env={**kept, **environment},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def plain(value: Any) -> Any:
    """A value as a run has it: the listing marks what came from outside."""
    return value["__ansible_unsafe"] if isinstance(value, dict) and set(value) == {"__ansible_unsafe"} else value


def test_tags_say_which_hosts_are_of_the_site_and_what_they_do(cloud: Mapping[str, str], fleet: Mapping[str, str]) -> None:
    listed = ansible("ansible-inventory", "--list", **cloud)
    assert listed.returncode == 0, listed.stderr
    said: dict[str, Any] = json.loads(listed.stdout)
    found = {group: set(said[group]["hosts"]) for group in said if group != "_meta" and "hosts" in said[group]}
    front, app, db, watch = fleet["front"], fleet["app"], fleet["db"], fleet["watch"]
    assert {group: found.get(group) for group in ("lb", "app", "db", "backup", "monitoring", "worker")} == {
        "lb": {front},
        "app": {front, app},
        "db": {db},
        "backup": {watch},
        "monitoring": {watch},
        "worker": None,
    }
    assert set().union(*found.values()) == {front, app, db, watch}
    inside, outside = ({name: plain(value) for name, value in said["_meta"]["hostvars"][host].items()} for host in (app, front))
    assert (inside["private_address"], inside["ansible_host"], inside["ansible_user"]) == ("10.0.0.21", "10.0.0.21", "admin")
    # Whatever address it is reached by, others of the site use the private one.
    assert (outside["private_address"], outside["ansible_host"]) == ("10.0.0.11", outside["ec2_public_ip_address"])


def test_the_collection_checks_it(cloud: Mapping[str, str], fleet: Mapping[str, str]) -> None:
    checked = ansible("ansible-playbook", "playbooks/check.yml", **cloud)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_fewer_hosts_than_there_must_be_stop_every_run(cloud: Mapping[str, str], fleet: Mapping[str, str]) -> None:
    least = json.dumps({"site_minimum_hosts": {"app": 3}})
    checked = ansible("ansible-playbook", "playbooks/check.yml", "--extra-vars", least, **cloud)
    assert checked.returncode != 0
    assert "the group app has 3 hosts at least, and the inventory has 2" in " ".join(checked.stdout.split())


def test_a_provider_that_gives_no_answer_is_no_empty_inventory(cloud: Mapping[str, str]) -> None:
    # Nothing listens there.
    away = {**cloud, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    listed = ansible("ansible-inventory", "--list", **away)
    assert listed.returncode != 0, listed.stdout
