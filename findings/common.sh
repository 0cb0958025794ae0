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
