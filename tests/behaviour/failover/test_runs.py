"""What an operator runs on a cluster that is whole, that has failed over, or that lacks a member."""

from __future__ import annotations

import dataclasses

from tests.behaviour.failover.conftest import Fault, Trio, Writers
from tests.behaviour.kit.bare import bare_host
from tests.behaviour.kit.lab import Machine
from tests.load import constant_load, judge


def test_site_changes_nothing_wherever_the_primary_is(whole: Trio) -> None:
    for to in [machine.name for machine in whole.members if machine.name != whole.primary().name]:
        whole.play("switchover", switchover_to=to).must_succeed()
        whole.await_whole()
        assert whole.primary().name == to
        before, leader = whole.processes(), whole.primary().name
        run = whole.play("site").must_succeed()
        assert run.changed == 0, run
        assert (whole.processes(), whole.primary().name) == (before, leader)


def test_site_without_a_member_restarts_and_moves_nothing(whole: Trio, docker: Fault) -> None:
    gone = whole.others(whole.primary())[0]
    stay = [machine for machine in whole.members if machine.name != gone.name]
    docker("kill", gone)
    before, leader = whole.processes(*stay), whole.primary(stay[0]).name
    run, status = whole.play("site"), whole.play("status")
    docker("start", gone)
    assert run.says(f"{gone.name}", "unreachable"), run
    assert run.recap[leader]["failed"] == 0 and run.recap[leader]["changed"] == 0, run
    assert whole.processes(*stay) == before
    assert status.must_fail().says(f"{gone.name}: ", "leader, timeline", "has every commit"), status
    whole.await_whole()
    assert whole.primary().name == leader
    assert whole.play("status").must_succeed().says("leader, timeline", "has every commit", "follows, timeline")
    assert whole.play("site").must_succeed().changed == 0


def test_a_release_is_deployed_on_a_cluster(whole: Trio) -> None:
    whole.at("v2")
    whole.at("v1")


def test_a_switchover_to_a_stranger_is_refused(whole: Trio) -> None:
    before = whole.primary().name
    assert whole.play("switchover", switchover_to="web1").must_fail().says("switchover_to is web1", "db1, db2, db3")
    assert whole.primary().name == before


OLD = "/run/old-certificates"
# What a member answers to whoever shows a certificate that another authority has signed.
ASK = (
    "import ssl, sys, urllib.request; context = ssl.create_default_context(cafile='/etc/patroni/certificate/authority.pem');"
    "context.load_cert_chain(sys.argv[1] + '/fullchain.pem', sys.argv[1] + '/privkey.pem');"
    "print(urllib.request.urlopen('https://{address}:8008/health', context=context, timeout=10).status)"
)


def test_a_cluster_replaces_its_authorities_while_it_serves(whole: Trio, written: Writers) -> None:
    asks, asked = whole.members[0], whole.members[1]
    patroni = f'python3 -c "{ASK.format(address=asked.address)}"'
    etcd = f"etcdctl --endpoints=https://{asked.address}:2379 --cacert=/etc/etcd/certificate/authority.pem"
    health = "{etcd} --cert={folder}/fullchain.pem --key={folder}/privkey.pem endpoint health"
    asks.run(
        f"rm -rf {OLD}; mkdir -m 0700 {OLD}; "
        f"cp -aL /etc/patroni/certificate {OLD}/patroni; cp -aL /etc/etcd/certificate {OLD}/etcd"
    )
    before = {machine.name: servers(machine) for machine in whole.members}
    # Visitors, too, trust the authority: those of the second load trust both. nginx reloads, which may close a kept
    # connection on which a request is on its way, so that each has one of its own.
    for step in ("prepare", ""):
        plan = whole.load(rate=10, fresh_every=1)
        with constant_load(plan) as load:
            whole.play("rotate_certificates", rotate_only=step).must_succeed()
        verdict = judge(load.finish(), whole.stored_on_primary(plan))
        assert verdict.flawless, str(verdict)
    written.stop()

    rows = written.acknowledged()
    assert len(rows) > 100 and written.lost(rows) == []
    assert {machine.name: servers(machine) for machine in whole.members} == before, "a server or Patroni was restarted"
    assert asks.run(f"{patroni} /etc/patroni/certificate") == "200"
    assert asks.succeeds(health.format(etcd=etcd, folder="/etc/etcd/certificate"))
    # Nobody gets in by what the old authorities have signed.
    assert not asks.succeeds(f"{patroni} {OLD}/patroni")
    assert not asks.succeeds(health.format(etcd=etcd, folder=f"{OLD}/etcd"))
    whole.await_whole()
    assert whole.play("status").must_succeed().says("leader, timeline", "has every commit")
    assert whole.play("site").must_succeed().changed == 0


def servers(machine: Machine) -> str:
    """The server's process and Patroni's."""
    return machine.run("systemctl show --property=Id,MainPID 'patroni@*'; head -1 /var/lib/postgresql/*/main/postmaster.pid")


def test_an_application_host_joins_and_leaves_under_load(whole: Trio) -> None:
    """What is left of the site on the host that has left is nothing, the way to the database included."""
    with bare_host(whole.lab, "joins") as (bare, _inventory):
        # Its own inventory has it by itself.
        common = {name: value for name, value in whole.app.variables.items() if name.startswith("site_")}
        joins = dataclasses.replace(bare, name="app2", variables={**bare.variables, **common})
        whole.lab.machines[joins.name] = joins
        plan = whole.load(rate=10)
        try:
            with constant_load(plan) as load:
                whole.with_apps(joins.name).play("site").must_succeed()
                assert joins.succeeds(f"systemctl is-active --quiet {whole.name}-database.service")
                refused = whole.play("decommission", decommission_host=whole.members[0].name).must_fail()
                assert refused.says("a member of the database's cluster", "nothing was changed"), refused
                whole.play("decommission", decommission_host=joins.name).must_succeed()
                left = joins.run(
                    f"systemctl list-units --all --plain --no-legend '{whole.name}*'; ls -d /etc/hotclub/{whole.name}-database "
                    f"/etc/systemd/system/{whole.name}* 2>/dev/null || true"
                )
                rules = whole.members[0].run(f"cat /etc/postgresql/*/main/pg_hba.d/50-{whole.name}.conf; nft list ruleset")
                whole.with_apps().play("site").must_succeed()
            verdict = judge(load.finish(), whole.stored_on_primary(plan))
        finally:
            whole.with_apps()
            whole.lab.machines.pop(joins.name)
    assert verdict.flawless, str(verdict)
    assert left == ""
    assert joins.address not in rules
