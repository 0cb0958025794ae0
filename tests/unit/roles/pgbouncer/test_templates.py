"""The pool of database connections: who may use it, how it logs in, and how many connections it has."""

from __future__ import annotations

import configparser
from collections.abc import Callable
from typing import Any

Render = Callable[..., str]
FOLDER = "etc/hotclub/_site_-pool/_pool_"
POOL: dict[str, Any] = {
    "pgbouncer_site_name": "shop",
    "pgbouncer_name": "transaction-shop_owner",
    "pgbouncer_mode": "transaction",
    "pgbouncer_client": "shop",
    "pgbouncer_database": "shop_data",
    "pgbouncer_user": "shop_owner",
    "pgbouncer_password": 'a"b',
    "pgbouncer_server_address": "10.0.0.31",
    "ansible_managed": "managed",
}


def configuration(render: Render, **more: Any) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(render("pgbouncer", f"{FOLDER}/pgbouncer.ini.j2", **{**POOL, **more}))
    return parser


def test_it_listens_on_a_socket_alone_and_for_the_sites_account(render: Render) -> None:
    settings = configuration(render)["pgbouncer"]

    assert settings["listen_addr"] == ""
    assert settings["unix_socket_dir"] == "/run/shop-pool/transaction-shop_owner"
    lines = render("pgbouncer", f"{FOLDER}/hba.conf.j2", **POOL).splitlines()
    assert [line.split() for line in lines if not line.startswith("#")] == [["local", "shop_data", "shop", "peer"]]


def test_one_account_logs_in_so_that_its_size_bounds_all_connections(render: Render) -> None:
    parser = configuration(render, pgbouncer_size=7)

    assert parser["databases"]["shop_data"] == "host=10.0.0.31 port=5432 user=shop_owner"
    assert parser["pgbouncer"]["default_pool_size"] == parser["pgbouncer"]["max_db_connections"] == "7"


def test_the_password_is_written_as_pgbouncer_reads_it_and_nowhere_else(render: Render) -> None:
    users = render("pgbouncer", f"{FOLDER}/userlist.txt.j2", **POOL).splitlines()

    assert users == ['"shop" ""', '"shop_owner" "a""b"']
    assert render("pgbouncer", f"{FOLDER}/userlist.txt.j2", **{**POOL, "pgbouncer_user": "shop"}) == '"shop" "a""b"\n'
    assert 'a"b' not in render("pgbouncer", f"{FOLDER}/pgbouncer.ini.j2", **POOL)


def test_a_server_elsewhere_is_verified_and_shown_a_certificate(render: Render) -> None:
    here = configuration(render)["pgbouncer"]
    elsewhere = configuration(render, pgbouncer_certificate_name="shop_owner")["pgbouncer"]

    assert here["server_tls_sslmode"] == "disable" and "server_tls_key_file" not in here
    assert elsewhere["server_tls_sslmode"] == "verify-full"
    assert elsewhere["server_tls_cert_file"].startswith("/etc/hotclub/shop-pool/transaction-shop_owner/certificate/")


def test_it_stops_when_the_server_has_answered(render: Render) -> None:
    unit = render("pgbouncer", "etc/systemd/system/_site_-pool@.service.j2", **POOL).splitlines()

    assert "KillSignal=SIGINT" in unit and "ExecReload=/bin/kill -HUP $MAINPID" in unit
    assert "User=shop-pool" in unit and "NoNewPrivileges=yes" in unit


def test_what_serves_starts_after_the_pools_and_stops_before_them(render: Render) -> None:
    pool = render("pgbouncer", "etc/systemd/system/_site_-pool@.service.j2", **POOL).splitlines()
    instance = instance_unit(render, ["shop-pools.target"])

    assert "Before=shop-pools.target" in pool
    assert "After=shop-pools.target" in instance and "Wants=shop-pools.target" in instance
    # It would hold a restart of the pool back while an instance is stopping.
    assert not [line for line in instance if "shop-pool@" in line]


def test_a_site_without_a_pool_waits_for_none(render: Render) -> None:
    ordered = [line for line in instance_unit(render, []) if line.startswith(("After=", "Wants="))]

    assert ordered == ["After=network.target postgresql.service"]


def instance_unit(render: Render, units: list[str]) -> list[str]:
    """The unit of an instance of the site, without its sandbox."""
    known = {"gunicorn_site_name": "shop", "gunicorn_needed_units": units, "__gunicorn_sandbox": "", "ansible_managed": "managed"}
    return render("gunicorn", "etc/systemd/system/_site_@.service.j2", **known).splitlines()
