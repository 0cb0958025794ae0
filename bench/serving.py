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

# The same release, settings, workers and account as behind nginx, on an address of its own; in the last file, what is different.
START_BARE = """
home=/srv/plain
systemctl stop {unit} 2>/dev/null || true
application=$(sed -n 's/^SITE_APPLICATION="\\(.*\\)"$/\\1/p' $home/current/release.env)
systemd-run --quiet --collect --unit {unit} --uid plain --gid plain \\
    --property WorkingDirectory=$(readlink -f $home/current/project) \\
    --property EnvironmentFile=$home/etc/environment \\
    --property EnvironmentFile=$(readlink -f $home/current)/release.env \\
    --property EnvironmentFile=-{folder}/{unit}.env \\
    $home/current/venv/bin/python -m gunicorn --config $home/etc/gunicorn.conf.py --bind 0.0.0.0:{port} $application
for attempt in $(seq 50); do
    (echo > /dev/tcp/127.0.0.1/{port}) 2>/dev/null && exit 0
    sleep 0.2
done
echo '{unit} does not answer' >&2
exit 1
"""
# Pages that are not there, of which Django logs a line; each has a name of its own, since the journal keeps equal lines once.
MISSING = "/missing"
MISSING_SCRIPT = """
number = 0
function request()
    number = number + 1
    return wrk.format(nil, wrk.path .. "-" .. number)
end
"""
FOLDER = "/run/bench-logging"
JSON_PORT, SILENT_PORT = 8002, 8003
JSON_UNIT, SILENT_UNIT = "bench-logging-json", "bench-logging-off"
# A module of the same name that does nothing stands in front of the one that names requests.
WRITE_KINDS = f"""
install -d {FOLDER}/off
echo 'SITE_LOG_FORMAT="json"' > {FOLDER}/{JSON_UNIT}.env
cat > {FOLDER}/off/site_logging.py <<'EOT'
install = follow_work = lambda: None
named_requests = named_requests_asgi = lambda application: application
EOT
sed -n 's#^PYTHONPATH="#&{FOLDER}/off:#p' /srv/plain/current/release.env > {FOLDER}/{SILENT_UNIT}.env
"""

# wrk names in the handshake what its URL names, and nginx serves the site's own names alone.
# The file is mounted, so it is not replaced but written.
NAME_SITE = """
others=$(grep --invert-match --fixed-strings ' {domain}' /etc/hosts)
printf '%s\\n' "$others" '{address} {domain}' > /etc/hosts
"""


def serving(rounds: int, seconds: int = SECONDS) -> list[Comparison]:
    """The same page, with one query, both ways; wrk on the second host asks."""
    prepare()
    start_bare(BARE_UNIT, BARE_PORT)
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


def logging(rounds: int, seconds: int = SECONDS) -> list[Comparison]:
    """Pages with lines that are JSON and name their request, and without either; from gunicorn alone, which hides no cost."""
    prepare()
    hosts.ssh(hosts.OURS, stdin=WRITE_KINDS)
    start_bare(JSON_UNIT, JSON_PORT)
    start_bare(SILENT_UNIT, SILENT_PORT)
    try:
        return [
            with_and_without("a page with one query", "/", rounds, seconds),
            with_and_without("a page that logs a line", MISSING, rounds, seconds),
        ]
    finally:
        hosts.ssh(hosts.OURS, stdin=f"systemctl stop {JSON_UNIT} {SILENT_UNIT}; rm -rf {FOLDER}")


def with_and_without(what: str, path: str, rounds: int, seconds: int) -> Comparison:
    address = hosts.host(hosts.OURS).address
    ours, other = in_turns(
        rounds,
        lambda _: requests_a_second(f"http://{address}:{JSON_PORT}{path}", seconds),
        lambda _: requests_a_second(f"http://{address}:{SILENT_PORT}{path}", seconds),
    )
    return Comparison(f"requests a second, {what}", Samples("JSON logs", ours, "/s"), Samples("without", other, "/s"))


def prepare() -> None:
    """Have the site on our host, and on the other one what asks it."""
    hosts.play("site")
    hosts.play("deploy", site_version="v1")
    hosts.ssh(hosts.REFERENCE, stdin="command -v wrk >/dev/null || { apt-get -qq update; apt-get -qq install -y wrk; }")


def start_bare(unit: str, port: int) -> None:
    """Start gunicorn without a web server in front."""
    hosts.ssh(hosts.OURS, stdin=START_BARE.format(unit=unit, port=port, folder=FOLDER))


def requests_a_second(url: str, seconds: int) -> float:
    # gunicorn alone knows the site by its domain, without a port.
    headers = f"--header 'Host: {hosts.DOMAIN}' --header 'X-Request-ID: 8f14e45fceea167a5a36dedd4bea2543'"
    script, missing = "/run/bench-missing.lua", url.endswith(MISSING)
    options = f"--connections {CONNECTIONS} --duration {seconds}s {headers}" + (f" --script {script}" if missing else "")
    report = hosts.ssh(hosts.REFERENCE, stdin=f"cat > {script} <<'EOT'\n{MISSING_SCRIPT}EOT\nwrk --threads 1 {options} {url}")
    if ("Non-2xx" in report and not missing) or "Socket errors" in report:
        raise SystemExit(f"Not every request succeeded:\n{report}")
    found = re.search(r"^Requests/sec:\s+([\d.]+)", report, re.MULTILINE)
    if not found:
        raise SystemExit(f"wrk said nothing about requests a second:\n{report}")
    return float(found[1])
