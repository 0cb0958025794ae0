#!/bin/sh
# A dollar sign in an environment file changes values, or loses the rest of the file, without failing anything.
#
# What:      uv 0.13.9, `uv run --env-file`.
#            - In a value without quotes, `$word` is replaced by that variable, by nothing when there is none. A SECRET_KEY that
#              Django's startproject made, which often has a dollar sign, loses characters: no warning, exit status 0.
#            - A value in double quotes that *ends* with `$word` can't be parsed: it and all variables below it are missing.
#              One warning, which --quiet hides; the program runs without them, exit status 0.
# Expected:  uv's page about configuration files, where it comes to those of environment variables, promises to load them and says
#            nothing of replacing, nor that one line can cost the rest. python-dotenv and django-environ keep such values as they are.
# Hurt:      whoever deploys with `uv run --env-file` what worked with another reader: sessions are signed with another key than
#            before, or settings fall back to what stands for missing variables.
# Instead:   write values with a dollar sign in single quotes, which all three read alike; have settings refuse to start
#            without their variables.
. "$(dirname "$0")/common.sh"
begin 10
install uv==0.13.9 'python-dotenv[cli]==1.2.4' django-environ==0.14.0
export UV_PYTHON_DOWNLOADS=never

cat >plain.env <<'ENV'
SECRET_KEY=django-insecure-k3$w9a!x&b=c(d)e_f^g*h-j+m@n%p#q8r$t2u4v6y8z0
ENV
cat >quoted.env <<'ENV'
DATABASE_PASSWORD="pa$word"
ALLOWED_HOSTS="example.org"
ENV
cat >single.env <<'ENV'
SECRET_KEY='django-insecure-k3$w9a!x'
ALLOWED_HOSTS='example.org'
ENV
cat >show.py <<'CODE'
import os

for name in ("SECRET_KEY", "DATABASE_PASSWORD", "ALLOWED_HOSTS"):
    if name in os.environ:
        print(f"{name}={os.environ[name]}")
CODE
cat >show_environ.py <<'CODE'
import environ, runpy, sys

environ.Env.read_env(sys.argv[1])
runpy.run_path("show.py")
CODE

by_uv() { uv run --quiet --no-project --env-file "$1" python show.py; }
by_uv_aloud() { uv run --no-project --env-file "$1" python show.py; }
by_dotenv() { dotenv -f "$1" run -- python show.py; }
by_environ() { python show_environ.py "$1"; }

observe plain-dotenv by_dotenv plain.env
is plain-dotenv 'k3\$w9a!x&b=c\(d\)e_f\^g\*h-j\+m@n%p#q8r\$t2u4v6y8z0$'
observe plain-environ by_environ plain.env
is plain-environ 'k3\$w9a!x&b=c\(d\)e_f\^g\*h-j\+m@n%p#q8r\$t2u4v6y8z0$'
observe plain-uv by_uv_aloud plain.env
is plain-uv '^SECRET_KEY=django-insecure-k3!x&b=c\(d\)e_f\^g\*h-j\+m@n%p#q8r$'
isnt plain-uv '[Ww]arning'
is plain-uv '^exit status 0$'

observe plain-uv-with-the-variable env w9a=REPLACED uv run --no-project --env-file plain.env python show.py
is plain-uv-with-the-variable '^SECRET_KEY=django-insecure-k3REPLACED!x'

observe quoted-dotenv by_dotenv quoted.env
is quoted-dotenv '^DATABASE_PASSWORD=pa\$word$'
is quoted-dotenv '^ALLOWED_HOSTS=example.org$'
observe quoted-uv by_uv quoted.env
isnt quoted-uv '^(DATABASE_PASSWORD|ALLOWED_HOSTS)='
is quoted-uv '^exit status 0$'
observe quoted-uv-aloud by_uv_aloud quoted.env
is quoted-uv-aloud 'warning: Failed to parse environment file'
is quoted-uv-aloud '^exit status 0$'

for reader in uv dotenv environ; do
    observe "single-$reader" "by_$reader" single.env
    is "single-$reader" '^SECRET_KEY=django-insecure-k3\$w9a!x$'
    is "single-$reader" '^ALLOWED_HOSTS=example.org$'
done
finish
