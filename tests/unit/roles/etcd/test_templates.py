"""What etcd is told."""

from __future__ import annotations

from collections.abc import Callable


def test_a_member_listens_at_its_address_and_wants_certificates(render: Callable[..., str]) -> None:
    text = render("etcd", "etc/default/etcd.j2", etcd_name="db1", etcd_address="fd00::31", etcd_heartbeat_ms="300")
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))

    assert told["ETCD_LISTEN_CLIENT_URLS"] == "https://[fd00::31]:2379" and told["ETCD_ELECTION_TIMEOUT"] == "3000"
    assert told["ETCD_CLIENT_CERT_AUTH"] == told["ETCD_PEER_CLIENT_CERT_AUTH"] == "true"
    # Whoever has lost its data joins the others, and never begins anew by itself.
    assert told["ETCD_INITIAL_CLUSTER_STATE"] == "existing" and "ETCD_INITIAL_CLUSTER" not in told
