#!/bin/sh
# A server that is slow to answer stays in the rotation for as long as `timeout check` says; one that is slow to shake hands does not.
#
# What:      HAProxy 2.6.12 of Debian 12 (3.0.11 of Debian 13 does the same). Two servers behind health checks, `timeout check 5s`,
#            `inter 1s`, `timeout connect 1s`. The first needs 2 s to answer: it is up. The second answers at once, but its
#            processor needs 1.5 s for its part of the TLS handshake: it is down (Layer6 timeout), and comes up with nothing but a
#            longer `inter` and `timeout connect`. The handshake belongs to the time to connect, which is the lesser of the two.
# Expected:  the manual has `timeout check` for "checks which are slow to answer", and of `timeout connect` that it is for a
#            connection "to a server to succeed": on one network that takes a millisecond, so that 1 s looks ample.
# Hurt:      balancers that speak TLS to their servers. A busy moment of the processors, such as all of them have at once while the
#            visitors come, takes the servers out one after another, each leaving its visitors to the others; with
#            `on-marked-down shutdown-sessions` all that they were at work on is answered with 503, and a longer `timeout check`
#            changes nothing.
# Instead:   `timeout connect` and `inter` of some seconds, and a second backend without checks for when none is left (`nbsrv`).
#
# Needs Debian's lists of packages: HAProxy is unpacked into the temporary folder, not installed.
. "$(dirname "$0")/common.sh"
begin 10
unpack haproxy package
for library in liblua5.3-0 libopentracing-c-wrapper0 libopentracing1; do unpack "$library" package; done
LD_LIBRARY_PATH=$(find "$WORK/package/usr/lib" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd:)
export LD_LIBRARY_PATH

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=app 2>/dev/null
cat >server.py <<'CODE'
"""Answer over TLS: SECONDS before its part of the handshake, SECONDS before the answer."""

import contextlib, socket, ssl, sys, threading, time

port, before_handshake, before_answer = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")


def serve(connection):
    with contextlib.suppress(OSError):
        time.sleep(before_handshake)
        with context.wrap_socket(connection, server_side=True) as shaken:
            shaken.recv(4096)
            time.sleep(before_answer)
            shaken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
CODE
set -- $(ports 2)
beside python server.py "$1" 0 2
beside python server.py "$2" 1.5 0
await "$1" "$2"

# What becomes of both in 12 s, with these times for connecting and between two questions.
checks() {
    cat >haproxy.cfg <<CONF
global
    log stdout format raw local0
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect $3
    timeout check 5s
    log global
    option log-health-checks
listen site
    bind unix@$WORK/site.sock
    option httpchk GET /
    default-server check inter $4 fastinter 500 fall 2 rise 2 ssl verify none
    server slow_to_answer 127.0.0.1:$1
    server slow_to_shake_hands 127.0.0.1:$2
CONF
    timeout 12 "$WORK/package/usr/sbin/haproxy" -db -f haproxy.cfg | grep -v WARNING | grep -E '^(Health check|Server)' | sort -u
}

observe version "$WORK/package/usr/sbin/haproxy" -v
is version 'HAProxy version 2\.6\.12'

observe short checks "$1" "$2" 1s 1s
is short 'slow_to_shake_hands failed, reason: Layer6 timeout'
is short 'Server site/slow_to_shake_hands is DOWN'
is short 'slow_to_answer succeeded'
isnt short 'Server site/slow_to_answer is DOWN'

observe longer checks "$1" "$2" 3s 3s
is longer 'slow_to_shake_hands succeeded'
isnt longer 'is DOWN'

finish
