"""Hosts that leave for good, while visitors use the site."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.behaviour.cluster.conftest import Fleet, Shared
from tests.behaviour.kit.lab import Machine
from tests.load import constant_load, judge

Fault = Callable[[str, Machine], None]


def access_rules(fleet: Fleet) -> str:
    return fleet.lab.db.run(f"cat /etc/postgresql/*/main/pg_hba.d/50-{fleet.name}.conf")


def admitted(fleet: Fleet, machine: Machine) -> str:
    """Whom the firewall of a host lets in for the site; others are on the same hosts."""
    return machine.run(f"cat /etc/hotclub/firewall/sites/{fleet.name}.nft")


def traces(fleet: Fleet, machine: Machine) -> str:
    """What is left of the site on a host: units, files, processes; none of it is uploaded files."""
    name = fleet.name
    return machine.run(
        f"systemctl list-units --plain --no-legend --all '{name}.*' '{name}-*' '{name}@*' | cut -d' ' -f1; "
        f"ls -d /etc/systemd/system/{name}[.@-]* /etc/systemd/system/*.wants/{name}[.@-]* 2>/dev/null; "
        f"find /srv/{name} -mindepth 1 -maxdepth 1 -not -name shared 2>/dev/null; "
        f"ls -d /etc/nginx/*/{name}.conf /etc/haproxy/sites/{name}.cfg /var/www/{name} /etc/ssl/hotclub/{name} "
        f"/etc/hotclub/firewall/sites/{name}.nft 2>/dev/null; "
        f"ls -d /etc/keepalived/sites/{name}.conf 2>/dev/null; "
        f"pgrep --list-full --uid {name} || true"
    )


def other_sites(fleet: Fleet, machine: Machine) -> str:
    """What runs of other sites on a host, since when, and which files they have."""
    return machine.run(
        "for unit in $(systemctl list-units --plain --no-legend --state=active '*@2*.service' '*.socket' | cut -d' ' -f1 "
        f"| grep -v '^{fleet.name}[.@-]'); do systemctl show --property Id,ActiveEnterTimestamp $unit; done; "
        f"find /etc/nginx /etc/haproxy /etc/systemd/system -type f -not -name '{fleet.name}*' -not -path '*/{fleet.name}*' "
        "-printf '%p %T@\\n' | sort"
    )


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("", ("No host was named", "-e decommission_host=")),
        ("app9", ("decommission_host is app9", "no such host", "app3")),
        ("db1", ("db1 keeps the database", "move_database.yml -e move_database_from=db1")),
    ],
)
def test_a_host_that_cannot_leave_is_refused_before_anything_changes(whole: Fleet, host: str, words: tuple[str, ...]) -> None:
    run = whole.play("decommission", **({"decommission_host": host} if host else {})).must_fail()
    assert run.says("nothing was changed", *words), run
    assert run.changed == 0, run


def test_the_last_host_of_a_tier_cannot_leave(whole: Fleet) -> None:
    first, *others = whole.lab.tier("lb")
    whole.write_inventory(without=[machine.name for machine in others])
    run = whole.play("decommission", decommission_host=first.name).must_fail()
    assert run.says(f"{first.name} is the last host of the group lb", "Put another host into the group lb"), run
    assert run.changed == 0, run


def test_hosts_leave_under_load_and_come_back_as_new_ones(whole: Fleet, held_by_second: Shared) -> None:
    """An application host, then the balancer that has the virtual address; both are brought back by the inventory."""
    app, balancer = whole.apps[2], whole.lab.tier("lb")[1]
    neighbours = other_sites(whole, app)
    taken = held_by_second.times_taken(whole.lab.lb)
    plan = held_by_second.load(rate=20)
    with constant_load(plan) as load:
        run = whole.play("decommission", decommission_host=app.name).must_succeed()
        again = whole.play("decommission", decommission_host=app.name).must_succeed()
        whole.write_inventory(without=[app.name])
        whole.play("decommission", decommission_host=balancer.name).must_succeed()
    verdict = judge(load.finish(), whole.stored(plan))
    assert verdict.flawless, str(verdict)
    assert run.says(f"Take {app.name} out of the inventory"), run
    assert again.changed == 0, again
    for machine in (app, balancer):
        assert traces(whole, machine) == ""
    assert held_by_second.holder == whole.lab.lb
    assert other_sites(whole, app) == neighbours
    assert app.address not in access_rules(whole)
    assert f" {app.address} " not in admitted(whole, whole.lab.db)
    assert f" {balancer.address} " not in admitted(whole, whole.apps[0])
    assert set(whole.views(whole.lab.lb)) == {"app1", "app2"}
    trusted = whole.apps[0].run(f"grep forwarded_allow_ips {whole.root}/etc/gunicorn.conf.py")
    assert balancer.address not in trusted and whole.lab.lb.address in trusted, trusted

    whole.write_inventory()
    whole.play("site").must_succeed()
    assert whole.current_on(app) == whole.current()
    for machine in whole.lab.tier("lb"):
        whole.await_view(machine, app.name, "UP", seconds=10)
    assert app.address in access_rules(whole)
    # Neither losing its only peer nor having one again makes a balancer drop the address, not even for a moment.
    assert held_by_second.times_taken(whole.lab.lb) == taken + 1, held_by_second.story()


@pytest.mark.long_on_slow
@pytest.mark.about("decommission", "haproxy")
def test_a_dead_host_leaves_as_well(whole: Fleet, docker: Fault) -> None:
    """What is left is what the inventory without it makes, so that taking it out there comes to the same."""
    dead = whole.apps[2]
    docker("kill", dead)
    run = whole.play("decommission", decommission_host=dead.name).must_succeed()
    assert run.says(f"{dead.name} did not answer", f"Take {dead.name} out of the inventory"), run
    assert dead.address not in access_rules(whole)
    for balancer in whole.lab.tier("lb"):
        assert dead.name not in whole.views(balancer)
    whole.write_inventory(without=[dead.name])
    assert whole.play("site").must_succeed().changed == 0


@pytest.mark.long_on_slow
@pytest.mark.about("decommission", "haproxy")
def test_a_host_that_was_dead_is_taken_in_by_the_inventory(whole: Fleet) -> None:
    whole.play("site").must_succeed()
    for balancer in whole.lab.tier("lb"):
        for machine in whole.apps:
            whole.await_view(balancer, machine.name, "UP", seconds=10)
    assert whole.apps[2].address in access_rules(whole)
