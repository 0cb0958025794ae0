#!/bin/sh
# Patroni's REST interface, told to reload, takes in no further authority, unless its own certificate has changed as well.
#
# What:      Patroni 4.1.5 (and 4.0.4, Debian 13's) with restapi.verify_client. A second authority is put into the file that
#            restapi.cafile names, and Patroni gets SIGHUP. A client with a certificate of the second authority is refused as before: the
#            interface looks only whether the serial number of restapi.certfile is another one. With a new certificate of the same
#            authority, the same SIGHUP takes in both files.
# Expected:  that SIGHUP takes in what the files hold by then, as it does for restapi.certfile since 2.1, and as PostgreSQL does for ssl_ca_file.
# Hurt:      whoever replaces an authority step by step, as one must: first all are to trust both. The reload succeeds and says nothing, and
#            the first host with a certificate of the new one is refused by all others, HAProxy's question for the primary among them.
# Instead:   issue each member's certificate anew whenever the authorities change, then reload; or restart Patroni while it is paused.
. "$(dirname "$0")/common.sh"
begin 10
install patroni==4.1.5 "psycopg[binary]==3.2.13" trustme==1.2.1

cat >reload.py <<'CODE'
"""The REST interface alone, and the part of a SIGHUP that concerns it."""

import pathlib
import ssl
import sys
import types
import urllib.request

import trustme
from patroni.__main__ import Patroni
from patroni.api import RestApiServer

port = int(sys.argv[1])
old, new = trustme.CA(), trustme.CA()
trusted, shown = pathlib.Path("trusted.pem"), pathlib.Path("shown.pem")


def show() -> None:
    issued = old.issue_cert("127.0.0.1")
    shown.write_bytes(issued.private_key_pem.bytes() + issued.cert_chain_pems[0].bytes())


def trust(*authorities: trustme.CA) -> None:
    trusted.write_bytes(b"".join(authority.cert_pem.bytes() for authority in authorities))


def answer(authority: trustme.CA) -> str:
    context = ssl.create_default_context()
    old.configure_trust(context)
    authority.issue_cert("client.example").configure_cert(context)
    try:
        return str(urllib.request.urlopen(f"https://127.0.0.1:{port}/liveness", context=context, timeout=10).status)
    except OSError:
        # An alert, or the end of the connection that comes with it.
        return "refused"


class Member(Patroni):
    """A member of which nothing else runs."""

    def __init__(self) -> None:
        said = {"listen": f"127.0.0.1:{port}", "certfile": "shown.pem", "cafile": "trusted.pem", "verify_client": "required"}
        self.config = {"restapi": said, "postgresql": {}}
        self.watchdog = types.SimpleNamespace(reload_config=lambda *_: None)
        self.postgresql = types.SimpleNamespace(reload_config=lambda *_: None, role="replica")
        self.dcs = types.SimpleNamespace(reload_config=lambda *_: None, ttl=30)
        self.ha = types.SimpleNamespace(is_paused=lambda: True)
        self.api = RestApiServer(self, said)
        self.api.start()


show()
trust(old)
member = Member()
print("before:", answer(old), answer(new))
trust(old, new)
member.reload_config(sighup=True)
print("another authority:", answer(old), answer(new))
show()
member.reload_config(sighup=True)
print("and a new certificate:", answer(old), answer(new))
member.api.shutdown()
CODE

# shellcheck disable=SC2046
set -- $(ports 1)
observe reload python reload.py "$1"
is reload '^before: 200 refused$'
is reload '^another authority: 200 refused$'
is reload '^and a new certificate: 200 200$'
finish
