#!/bin/sh
# After a reload, gunicorn's dirty workers go on with the code of the release before.
#
# What:      gunicorn 27.0.1, `--dirty-app`, `kill -HUP`. The workers that answer visitors are replaced and run the new code. A single
#            dirty worker is the same process as before, after every further reload as well. Of two, some processes are new, but
#            they are made by one that had imported the application already, so their code is old too. The log says "Reloading
#            dirty workers", starts new ones, and stops them a moment later.
# Expected:  gunicorn's guide on dirty arbiters, on signals: SIGHUP kills all dirty workers and spawns new ones, a "hot reload".
# Hurt:      whoever deploys by reload, as systemd's ExecReload in gunicorn's guide on deployment does: views call methods that the
#            other side doesn't have yet, or get results by yesterday's rules, until somebody restarts.
# Instead:   restart where a dirty application has changed; let it return its release, and compare.
. "$(dirname "$0")/common.sh"
begin 10
install gunicorn==27.0.1
# The two releases are written within a second and have the same size: no compiled file may stand in for either.
export PYTHONDONTWRITEBYTECODE=1
# gunicorn makes sockets and files there, which vanish with all else.
export TMPDIR="$WORK"

release() {
    cat >reports.py <<CODE
import os

from gunicorn.dirty import DirtyApp


class Report(DirtyApp):
    def release(self):
        return "$1", os.getpid()
CODE
    cat >application.py <<CODE
from gunicorn.dirty import get_dirty_client


def application(environ, start_response):
    release, process = get_dirty_client().execute("reports:Report", "release")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"$1 {release} {process}".encode()]
CODE
}
cat >visit.py <<'CODE'
"""Wait until this release answers visitors, and tell which releases and how many new processes ten answers come from."""

import http.client, sys, time

port, wanted, old = int(sys.argv[1]), sys.argv[2], sys.argv[3:]


def visit():
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        return answer.read().decode().split() if answer.status == 200 else []
    except OSError:
        return []


limit = time.monotonic() + 20
while visit()[:1] != [wanted]:
    if time.monotonic() > limit:
        sys.exit(f"Release {wanted} does not answer.")
    time.sleep(0.2)
time.sleep(3)
answers = [visit() for _ in range(10)]
print("visitors' workers:", *sorted({web for web, _, _ in answers}))
print("dirty workers:", *sorted({dirty for _, dirty, _ in answers}))
processes = {process for *_, process in answers}
if old:
    print("the same process:", processes == set(old))
with open("processes", "w") as file:
    file.write(" ".join(sorted(processes)))
CODE

for workers in 1 2; do
    # shellcheck disable=SC2046
    set -- $(ports 2)
    release first
    beside gunicorn --no-control-socket --bind "127.0.0.1:$1" --dirty-app reports:Report --dirty-workers $workers application:application
    master=$!
    observe before-$workers python visit.py "$1" first
    is before-$workers "^visitors' workers: first$"
    is before-$workers '^dirty workers: first$'
    release second
    for reload in 1 2; do
        kill -HUP $master
        # shellcheck disable=SC2046
        observe reload-$workers-$reload python visit.py "$1" second $(cat processes)
        is reload-$workers-$reload "^visitors' workers: second$"
        is reload-$workers-$reload '^dirty workers: first$'
        [ $workers = 2 ] || is reload-$workers-$reload '^the same process: True$'
    done
    beside gunicorn --no-control-socket --bind "127.0.0.1:$2" --dirty-app reports:Report --dirty-workers $workers application:application
    observe restart-$workers python visit.py "$2" second
    is restart-$workers '^dirty workers: second$'
done
finish
