"""Requests a second: through nginx by TLS, and from gunicorn alone by plain HTTP."""

from __future__ import annotations

import re

from bench import hosts
from bench.measure import Comparison, Samples, in_turns

CONNECTIONS = 16
SECONDS = 5
SHORT_SECONDS = 1
BARE_PORT = 8001
BARE_UNIT = "bench-gunicorn-alone"

# The same release, settings, workers and account as behind nginx, on an address of its own.
START_BARE = f"""
home=/srv/plain
systemctl stop {BARE_UNIT} 2>/dev/null || true
application=$(sed -n 's/^SITE_APPLICATION="\\(.*\\)"$/\\1/p' $home/current/release.env)
systemd-run --quiet --collect --unit {BARE_UNIT} --uid plain --gid plain \\
    --property WorkingDirectory=$(readlink -f $home/current/project) \\
    --property EnvironmentFile=$home/etc/environment \\
    --property EnvironmentFile=$(readlink -f $home/current)/release.env \\
    $home/current/venv/bin/python -m gunicorn --config $home/etc/gunicorn.conf.py --bind 0.0.0.0:{BARE_PORT} $application
for attempt in $(seq 50); do
    (echo > /dev/tcp/127.0.0.1/{BARE_PORT}) 2>/dev/null && exit 0
    sleep 0.2
done
echo 'gunicorn alone does not answer' >&2
exit 1
"""

# wrk names in the handshake what its URL names, and nginx serves the site's own names alone.
# The file is mounted, so it is not replaced but written.
NAME_SITE = """
others=$(grep --invert-match --fixed-strings ' {domain}' /etc/hosts)
printf '%s\\n' "$others" '{address} {domain}' > /etc/hosts
"""


def serving(rounds: int, seconds: int = SECONDS) -> list[Comparison]:
    """The same page, with one query, both ways; wrk on the second host asks."""
    hosts.play("site")
    hosts.play("deploy", site_version="v1")
    hosts.ssh(hosts.REFERENCE, stdin="command -v wrk >/dev/null || { apt-get -qq update; apt-get -qq install -y wrk; }")
    hosts.ssh(hosts.OURS, stdin=START_BARE)
    hosts.ssh(hosts.REFERENCE, stdin=NAME_SITE.format(domain=hosts.DOMAIN, address=hosts.host(hosts.OURS).address))
    try:
        through_nginx, alone = in_turns(
            rounds,
            lambda _: requests_a_second(f"https://{hosts.DOMAIN}/", seconds),
            lambda _: requests_a_second(f"http://{hosts.DOMAIN}:{BARE_PORT}/", seconds),
        )
    finally:
        hosts.ssh(hosts.OURS, stdin=f"systemctl stop {BARE_UNIT}")
    return [
        Comparison(
            "requests a second, a page with one query",
            Samples("through nginx, by TLS", through_nginx, "/s"),
            Samples("gunicorn alone", alone, "/s"),
        )
    ]


def requests_a_second(url: str, seconds: int) -> float:
    # gunicorn alone knows the site by its domain, without a port.
    command = f"wrk --threads 1 --connections {CONNECTIONS} --duration {seconds}s --header 'Host: {hosts.DOMAIN}' {url}"
    report = hosts.ssh(hosts.REFERENCE, stdin=command)
    if "Non-2xx" in report or "Socket errors" in report:
        raise SystemExit(f"Not every request succeeded:\n{report}")
    found = re.search(r"^Requests/sec:\s+([\d.]+)", report, re.MULTILINE)
    if not found:
        raise SystemExit(f"wrk said nothing about requests a second:\n{report}")
    return float(found[1])
