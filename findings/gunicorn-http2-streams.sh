#!/bin/sh
# HTTP/2 takes the threads of gunicorn's gthread worker away from each visitor: one request of a connection at a time.
#
# What:      gunicorn 27.0.1, `--worker-class gthread --threads 4 --http-protocols h2,h1`. A connection stays with one thread, and
#            that thread answers its streams one after another. Four requests that a browser sends together over HTTP/2 never run
#            beside each other; over HTTP/1.1, where a browser opens several connections, they do. The asgi worker runs them
#            beside each other in both. gthread all the same tells its visitors that they may have 100 streams open at once.
# Expected:  gunicorn's guide on HTTP/2 promises multiplexed streams, recommends gthread with four threads for them, and says
#            of the sync worker that being single-threaded it can't.
# Hurt:      sites that turn HTTP/2 on to be faster, directly or behind a proxy that keeps few HTTP/2 connections: one slow page
#            or one long download holds up everything else of that visitor, or of that proxy.
# Instead:   HTTP/1.1 between proxy and gthread, HTTP/2 between visitor and proxy; or the asgi worker.
. "$(dirname "$0")/common.sh"
begin 10
install gunicorn==27.0.1 h2==4.4.1

cat >application.py <<'CODE'
"""Answers after a moment with how many requests ran beside this one at most, this one included."""

import asyncio
import threading
import time

lock = threading.Lock()
running = 0


def application(environ, start_response):
    global running
    with lock:
        running += 1
    most = 0
    for _ in range(20):
        time.sleep(0.05)
        most = max(most, running)
    with lock:
        running -= 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(most).encode()]


async def threads(scope, receive, send):
    """The same for the asgi worker, each request in a thread of its own."""
    if scope["type"] == "http":
        (answer,) = await asyncio.to_thread(application, {}, lambda *words: None)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": answer})
CODE
cat >visit.py <<'CODE'
"""Send four requests together, as a browser does, and print the most that ran at once."""

import http.client, socket, sys
from concurrent.futures import ThreadPoolExecutor

import h2.config, h2.connection, h2.events


def by_http1(port):
    def get(_):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/")
        return int(connection.getresponse().read())

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(get, range(4)))


def by_http2(port):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    asked = [(":method", "GET"), (":scheme", "http"), (":authority", "example.org"), (":path", "/")]
    for _ in range(4):
        connection.send_headers(connection.get_next_available_stream_id(), asked, end_stream=True)
    answers = []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        link.sendall(connection.data_to_send())
        while len(answers) < 4:
            for event in connection.receive_data(link.recv(65536)):
                if isinstance(event, h2.events.DataReceived) and event.data:
                    answers.append(int(event.data))
            link.sendall(connection.data_to_send())
    print("streams that the server announces:", connection.remote_settings.max_concurrent_streams)
    return answers


port, protocol = int(sys.argv[1]), sys.argv[2]
print(f"{protocol}: at most {max((by_http1 if protocol == 'http1' else by_http2)(port))} at once")
CODE
# shellcheck disable=SC2046
set -- $(ports 2)
serve() {
    port=$1
    shift
    beside gunicorn --no-control-socket --bind "127.0.0.1:$port" --workers 1 --http-protocols h2,h1 --http2-cleartext both "$@"
}
serve "$1" --worker-class gthread --threads 4 application:application
serve "$2" --worker-class asgi application:threads
await "$1" "$2"

observe gthread-http1 python visit.py "$1" http1
is gthread-http1 'at most 4 at once'
observe gthread-http2 python visit.py "$1" http2
is gthread-http2 'announces: 100$'
is gthread-http2 'at most 1 at once'
observe asgi-http1 python visit.py "$2" http1
is asgi-http1 'at most 4 at once'
observe asgi-http2 python visit.py "$2" http2
is asgi-http2 'at most 4 at once'
finish
