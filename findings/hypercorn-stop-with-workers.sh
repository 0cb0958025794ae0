#!/bin/sh
# Stopped with several workers, hypercorn cuts off requests as soon as the first of the workers has nothing to do.
#
# What:      hypercorn 0.18.0, `--workers 2 --graceful-timeout 30`, a request that takes four seconds, SIGTERM after one. The worker
#            that is idle ends at once; then the other is terminated in the middle of its work. The visitor gets an empty answer,
#            which a proxy makes a 502. With one worker, or none beside the main process, the request is finished. ASGI and WSGI alike.
# Expected:  hypercorn's reference: graceful_timeout is the time to wait after SIGTERM for requests that remain.
# Hurt:      every site with more than one worker, at each deploy: what was being paid or uploaded then is cut off, and the longer
#            timeout that one sets against it changes nothing. A trial with one worker shows no fault.
# Instead:   several instances of one worker each behind the proxy; or take the instance out of the proxy first, and stop it later.
. "$(dirname "$0")/common.sh"
begin 10
install hypercorn==0.18.0

cat >application.py <<'CODE'
import asyncio
import time


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        raise ValueError("no lifespan")
    if scope["path"] == "/slow":
        await asyncio.sleep(4)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})


def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(4)
    start_response("200 OK", [("Content-Length", "4")])
    return [b"done"]
CODE
cat >visit.py <<'CODE'
"""Begin a request, stop the server, and tell what became of the request."""

import http.client, os, signal, sys, time

port, server = map(int, sys.argv[1:])


def ask(path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    return connection


ask("/").getresponse().read()
# The others have started by then as well.
time.sleep(2)
slow = ask("/slow")
time.sleep(1)
begun = time.monotonic()
os.kill(server, signal.SIGTERM)
try:
    print("answer:", slow.getresponse().read().decode())
except (http.client.RemoteDisconnected, ConnectionResetError):
    print("cut off" + " at once" * (time.monotonic() - begun < 2.5))
CODE

for interface in asgi wsgi; do
    for workers in 0 1 2 4; do
        # shellcheck disable=SC2046
        set -- $(ports 1)
        beside hypercorn --workers $workers --graceful-timeout 30 --bind "127.0.0.1:$1" "$interface:application:$interface"
        server=$!
        await "$1"
        observe $interface-$workers python visit.py "$1" $server
        if [ $workers -lt 2 ]; then
            is $interface-$workers '^answer: done$'
        else
            is $interface-$workers '^cut off at once$'
        fi
    done
done
finish
