"""What hosts say to each other is encrypted, and each side knows who the other one is; whoever doesn't prove it gets nothing."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import pytest

from tests.behaviour.cluster.conftest import Fleet
from tests.behaviour.kit.confinement import assert_exposure
from tests.behaviour.kit.lab import Machine
from tests.load import constant_load, judge

ASKED = 24
# What a balancer's two threads and three hosts may still lack.
NEW_AT_MOST = 6
RELOADS = 6

# A certificate with the right name, of nobody whom the site's hosts trust.
FORGE = """
set -e; umask 077; mkdir -p {folder}; cd {folder}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout privkey.pem -out fullchain.pem \\
    -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name} 2>/dev/null
cat privkey.pem fullchain.pem > combined.pem
"""

# What a client gets from an application host: the status, or why there is none.
ASK = """
import http.client, ssl, sys
address, port, name, tls, certificate = sys.argv[1:]
try:
    if tls == "yes":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate)
        connection = http.client.HTTPSConnection(address, int(port), context=context, timeout=10)
    else:
        connection = http.client.HTTPConnection(address, int(port), timeout=10)
    connection.request("GET", "/version", headers={"Host": name})
    print(connection.getresponse().status)
except (OSError, http.client.HTTPException) as error:
    print("refused:", type(error).__name__, error)
"""

# What the site's own program gets from the database, with changes of its environment.
CONNECT = """
import os, psycopg
try:
    with psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=10) as connection:
        # The account may act for another one, which sees no connections but its own.
        connection.execute("set role none")
        print(*connection.execute("select ssl, version from pg_stat_ssl where pid = pg_backend_pid()").fetchone())
except psycopg.OperationalError as error:
    print("refused:", " ".join(str(error).split()))
"""


@pytest.fixture
def stranger(fleet: Fleet) -> Iterator[str]:
    """A folder on each host with a certificate of an authority that nobody knows, made out to the right name."""
    folder = "/root/stranger"
    named = ((fleet.lab.lb, fleet.lab.lb.name), (fleet.app, fleet.name), (fleet.apps[2], fleet.apps[2].name))
    for machine, name in named:
        machine.run(FORGE.format(folder=folder, name=name))
    yield folder
    for machine, _ in named:
        machine.run(f"rm -rf {folder}")


def from_application(fleet: Fleet, account: str = "", **changes: str) -> str:
    """Connect to the database as the site does, or as another account of the host."""
    given = " ".join(f"{name}={value}" for name, value in changes.items())
    environment = f"$(sed 's/\"//g' {fleet.root}/etc/environment | grep -E '^(DATABASE_URL|PGSSL)')"
    python = f"{fleet.root}/current/venv/bin/python"
    command = f"runuser -u {account or fleet.name} -- env {environment} {given} {python} -"
    return fleet.app.run(f"cd /; {command} <<'END'\n{CONNECT}END")


def from_host(machine: Machine, fleet: Fleet, tls: bool = True, certificate: str = "") -> str:
    """Ask the first application host for a page, as a balancer does."""
    address, _, port = fleet.views(fleet.lab.lb)[fleet.app.name]["addr"].rpartition(":")
    words = f"{address} {port} {fleet.domain} {'yes' if tls else 'no'} '{certificate}'"
    return machine.run(f"python3 - {words} <<'END'\n{ASK}END")


def test_the_database_takes_the_site_over_tls(fleet: Fleet) -> None:
    assert from_application(fleet) == "True TLSv1.3"
    unencrypted = "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) WHERE client_addr IS NOT NULL AND NOT ssl"
    assert fleet.database.value(unencrypted) == "0"


def test_the_database_takes_nobody_who_does_not_prove_who_he_is(fleet: Fleet, stranger: str) -> None:
    assert "no encryption" in from_application(fleet, PGSSLMODE="disable")
    assert "requires a valid client certificate" in from_application(fleet, PGSSLCERT="/nonexistent")
    forged = from_application(fleet, "root", PGSSLCERT=f"{stranger}/fullchain.pem", PGSSLKEY=f"{stranger}/privkey.pem")
    assert forged.startswith("refused:") and "unknown ca" in forged, forged
    # The other site of these hosts, whose certificate the same authority has issued.
    other = fleet.app.run(f"ls -d /srv/*/etc/certificate | grep -v {fleet.root}/ | head -1")
    fleet.app.run(f"cat {other}/privkey.pem > {stranger}/privkey.pem")
    neighbour = from_application(fleet, "root", PGSSLCERT=f"{other}/fullchain.pem", PGSSLKEY=f"{stranger}/privkey.pem")
    assert f'authentication failed for user "{fleet.database_login}"' in neighbour, neighbour


def test_the_site_believes_no_false_database(fleet: Fleet, stranger: str) -> None:
    answer = from_application(fleet, "root", PGSSLROOTCERT=f"{stranger}/fullchain.pem")
    assert "certificate verify failed" in answer, answer


def test_only_the_site_reads_the_key_with_which_it_goes_to_the_database(fleet: Fleet) -> None:
    key = f"{fleet.root}/etc/certificate/privkey.pem"
    assert fleet.app.succeeds(f"runuser -u {fleet.name} -- test -r {key}")
    for account in ("nobody", f"{fleet.name}-build", "www-data", "haproxy"):
        assert not fleet.app.succeeds(f"runuser -u {account} -- test -r {key}"), account
    assert not fleet.app.succeeds(f"runuser -u {fleet.name} -- test -r /etc/hotclub/{fleet.name}/certificate/privkey.pem")
    # Whom to trust is not for the site to say.
    for name in ("authority.pem", "fullchain.pem"):
        assert not fleet.app.succeeds(f"runuser -u {fleet.name} -- test -w {fleet.root}/etc/certificate/{name}"), name


def test_what_ends_tls_on_application_hosts_is_confined(fleet: Fleet) -> None:
    assert_exposure(fleet.app, f"{fleet.name}-tls.service", 2.0)
    assert fleet.app.run(f"ps -o user= -p $(systemctl show -P MainPID {fleet.name}-tls.service)") == "haproxy"


def test_an_application_host_answers_balancers_alone(fleet: Fleet, stranger: str) -> None:
    first, second = fleet.lab.tier("lb")
    own = f"/etc/haproxy/certificates/{fleet.name}/combined.pem"
    application_host = f"/etc/hotclub/{fleet.name}/certificate/combined.pem"
    assert from_host(first, fleet, certificate=own) == "200"
    for what, answer in {
        "without TLS": from_host(first, fleet, tls=False),
        "without a certificate": from_host(first, fleet),
        "with a stranger's certificate": from_host(first, fleet, certificate=f"{stranger}/combined.pem"),
        "with an application host's": from_host(fleet.apps[1], fleet, certificate=application_host),
    }.items():
        assert answer.startswith("refused:"), f"{what}: {answer}"
    # A certificate of the same authority, for a host that is no balancer of this site any more.
    configuration, unit = f"/etc/hotclub/{fleet.name}/tls.cfg", f"{fleet.name}-tls.service"
    try:
        fleet.app.run(f"sed -i.kept 's/ {second.name} }}/ }}/' {configuration}; systemctl reload {unit}")
        assert from_host(second, fleet, certificate=own).startswith("refused:")
        assert from_host(first, fleet, certificate=own) == "200"
    finally:
        fleet.app.run(f"mv {configuration}.kept {configuration}; systemctl reload {unit}")
    assert from_host(second, fleet, certificate=own) == "200"


def test_balancers_pass_no_visitor_to_a_false_application_host(fleet: Fleet, stranger: str) -> None:
    false, folder = fleet.apps[2], f"/etc/hotclub/{fleet.name}/certificate"
    try:
        false.run(
            f"mv {folder}/combined.pem {folder}/combined.pem.kept; cp {stranger}/combined.pem {folder}/; "
            f"chgrp haproxy {folder}/combined.pem; chmod 640 {folder}/combined.pem; systemctl reload {fleet.name}-tls.service"
        )
        for balancer in fleet.lab.tier("lb"):
            fleet.await_view(balancer, false.name, "DOWN", 15)
        assert {fleet.visitor.get("/version").status for _ in range(12)} == {200}
    finally:
        false.run(f"mv {folder}/combined.pem.kept {folder}/combined.pem; systemctl reload {fleet.name}-tls.service")
    for balancer in fleet.lab.tier("lb"):
        fleet.await_view(balancer, false.name, "UP", 15)


def connections(fleet: Fleet, ask: Callable[[], object]) -> tuple[int, int]:
    """How many connections to application hosts a balancer opens while visitors ask, and how often it uses a kept one."""
    before = fleet.views(fleet.lab.lb)
    ask()
    after = fleet.views(fleet.lab.lb)
    opened, kept = (sum(int(after[name][what]) - int(before[name][what]) for name in after) for what in ("connect", "reuse"))
    return opened, kept


def test_what_changes_nothing_goes_by_kept_connections_and_each_change_by_its_own(whole: Fleet) -> None:
    def look() -> None:
        assert {whole.visitor.get("/version").status for _ in range(ASKED)} == {200}

    def change() -> None:
        path = whole.project.entries_path
        answers = [whole.visitor.post(path, {"text_id": f"kept-{time.monotonic_ns()}"}).status for _ in range(ASKED)]
        assert max(answers) < 300, answers

    look()
    opened, kept = connections(whole, look)
    assert opened <= NEW_AT_MOST and kept >= ASKED - NEW_AT_MOST, f"{opened} opened, {kept} times a kept one"
    assert connections(whole, change) == (ASKED, 0)


def test_no_request_is_lost_while_what_ends_tls_on_application_hosts_is_reloaded(whole: Fleet) -> None:
    plan = whole.load(rate=20)
    with constant_load(plan) as load:
        for _ in range(RELOADS):
            for machine in whole.apps:
                machine.run(f"systemctl reload {whole.name}-tls.service")
            time.sleep(0.5)
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, str(verdict)


def test_what_ends_tls_is_killed_and_no_page_is_lost_nor_anything_stored_twice(whole: Fleet) -> None:
    plan = whole.load(rate=20)
    with constant_load(plan) as load:
        for machine in whole.apps:
            machine.run(f"systemctl kill --signal KILL {whole.name}-tls.service")
            for balancer in whole.lab.tier("lb"):
                whole.await_view(balancer, machine.name, "UP", 15)
            time.sleep(2)
    verdict = judge(load.finish(), whole.stored(plan))
    assert [outcome for outcome in verdict.failed if outcome.method == "GET"] == [], str(verdict)
    assert not verdict.stored_twice and not verdict.acknowledged_not_stored, str(verdict)


def test_a_change_that_meets_a_host_which_is_gone_goes_to_another_one_though_connections_are_kept(whole: Fleet) -> None:
    """No packet reaches the host any more: on a kept connection, the request would leave and nobody knew what became of it."""
    whole.await_full_shares(whole.lab.lb)
    assert {whole.visitor.get("/version").status for _ in range(ASKED)} == {200}
    gone, before = whole.apps[2], whole.views(whole.lab.lb)
    plan = dataclasses.replace(whole.load(rate=100), post_every=1, requests_at_most=len(whole.apps))
    rule = f"tcp dport {before[gone.name]['addr'].rpartition(':')[2]} drop"
    gone.run(f"echo 'table inet gone {{ chain input {{ type filter hook input priority -300; {rule}; }}; }}' | nft --file -")
    try:
        # One for each host, all of them before anybody has noticed.
        with constant_load(plan) as load:
            time.sleep(3)
        verdict = judge(load.finish(), whole.stored(plan))
        met = int(whole.views(whole.lab.lb)[gone.name]["wredis"]) - int(before[gone.name]["wredis"])
    finally:
        gone.run("nft delete table inet gone")
    assert met > 0, "no request met the host"
    assert verdict.flawless, str(verdict)
    for balancer in whole.lab.tier("lb"):
        whole.await_view(balancer, gone.name, "UP", 15)


def test_headers_as_long_as_the_web_server_takes_reach_the_project(whole: Fleet) -> None:
    """nginx takes four parts of 8 KiB, of which the request's first line begins one."""
    long = {f"X-Long-{number}": "x" * 7900 for number in range(3)}
    assert whole.visitor.get("/version", headers=long).status == 200
