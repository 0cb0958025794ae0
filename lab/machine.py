"""What the lab needs to know of, and to change on, the machine that it runs on."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from lab.commands import run
from lab.errors import LabError
from lab.paths import LOGS

INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
INOTIFY_WANTED = 1024
# A lab host's systemd, D-Bus and logind use five or six.
INOTIFY_PER_HOST = 6

BUNDLE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
SYSTEM_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
PUBLIC_CERTIFICATES = Path("/usr/share/ca-certificates")

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def ca_bundle() -> Path | None:
    """Return the file of certificates that this machine's programs trust."""
    named = [Path(os.environ[name]) for name in BUNDLE_VARIABLES if os.environ.get(name)]
    return next((path for path in [*named, SYSTEM_BUNDLE] if path.is_file()), None)


def private_ca() -> str:
    """Return the certificates that this machine trusts and that its distribution doesn't bring."""
    bundle = ca_bundle()
    if bundle is None or not PUBLIC_CERTIFICATES.is_dir():
        return ""
    public = (path.read_text(encoding="utf-8", errors="replace") for path in PUBLIC_CERTIFICATES.rglob("*.crt"))
    return private_certificates(bundle.read_text(encoding="utf-8", errors="replace"), public)


def private_certificates(bundle: str, public: Iterable[str]) -> str:
    """Return the certificates of a bundle that are in none of the public files."""
    known = {_body(found) for text in public for found in _CERTIFICATE.findall(text)}
    return "".join(found + "\n" for found in _CERTIFICATE.findall(bundle) if _body(found) not in known)


def _body(certificate: str) -> str:
    return "".join(certificate.split())


def index_url() -> str:
    """Return the package index that this machine's pip or uv was told to use, or nothing for the public one."""
    named = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL")
    return named or run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], check=False).stdout.strip()


def read_routes() -> str:
    """Return the machine's routes as its kernel shows them; nothing where there is no such kernel."""
    try:
        return Path("/proc/net/route").read_text(encoding="utf-8")
    except OSError:
        return ""


def free_networks(candidates: Iterable[str], routes: str) -> list[str]:
    """Return the address ranges that the machine does not use already, from the text of /proc/net/route."""
    used = [network for network in map(_route_network, routes.splitlines()[1:]) if network.prefixlen > 0]
    return [each for each in candidates if not any(IPv4Network(each).overlaps(network) for network in used)]


def _route_network(line: str) -> IPv4Network:
    fields = line.split()
    destination, mask = (IPv4Address(int.from_bytes(bytes.fromhex(fields[place]), "little")) for place in (1, 7))
    return IPv4Network(f"{destination}/{mask}")


def network_mtu() -> int | None:
    """Return the largest packet that the machine's way out takes, so that the lab's network asks for no larger."""
    device = default_route_device(read_routes())
    mtu = Path(f"/sys/class/net/{device}/mtu")
    return int(mtu.read_text(encoding="utf-8")) if device and mtu.exists() else None


def default_route_device(routes: str) -> str:
    """Return the network device of the default route from the text of /proc/net/route."""
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 2 and fields[1] == "00000000":
            return fields[0]
    return ""


def ensure_inotify(hosts: int) -> str:
    """Raise the kernel's inotify limit when it is too low for lab hosts; return a remark when it can't be raised."""
    if not INOTIFY_LIMIT.exists():
        return ""
    limit = int(INOTIFY_LIMIT.read_text(encoding="utf-8"))
    if limit >= INOTIFY_WANTED:
        return ""
    try:
        INOTIFY_LIMIT.write_text(f"{INOTIFY_WANTED}\n", encoding="utf-8")
    except OSError:
        remedy = f"Type: sudo sysctl fs.inotify.max_user_instances={INOTIFY_WANTED}"
        if hosts * INOTIFY_PER_HOST > limit:
            raise LabError(
                f"fs.inotify.max_user_instances is {limit}: too low for {hosts} lab hosts, which would boot half. {remedy}"
            ) from None
        return f"fs.inotify.max_user_instances is {limit}, which about 20 hosts use up. {remedy}"
    return ""


def install_packages(packages: dict[str, str], why: str) -> None:
    """Install Debian packages whose commands are missing; `packages` maps a command to its package."""
    missing = {command: package for command, package in packages.items() if not find_command(command)}
    if not missing:
        return
    names = " ".join(sorted(set(missing.values())))
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(
            f"{why} needs {', '.join(missing)}. On Debian or Ubuntu type: sudo apt-get install {names}. "
            "Elsewhere install your system's packages of the same purpose."
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    log = LOGS / "packages.log"
    apt_get = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
    run([*apt_get, "update"], timeout=300, environment=quiet, log=log)
    known = [name for name in names.split() if _has_candidate(name)]
    run([*apt_get, "--no-install-recommends", "install", *known], timeout=900, environment=quiet, log=log)
    still = [command for command in missing if not find_command(command)]
    if still:
        raise LabError(f"{why} needs {', '.join(still)}, which no package of this machine brought.", log=log)


def find_command(name: str) -> str | None:
    """Return the path of a command, also where root's folders are not on the search path."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin")


def _has_candidate(package: str) -> bool:
    policy = run(["apt-cache", "policy", package], check=False).stdout
    return "Candidate:" in policy and "Candidate: (none)" not in policy


def apt_proxy_settings() -> str:
    """Return the machine's apt proxy settings, one a line; the lab hosts need the same to reach the archive."""
    if not shutil.which("apt-config"):
        return ""
    return proxy_lines(run(["apt-config", "dump"], check=False).stdout)


def proxy_lines(dump: str) -> str:
    """Return the proxy lines of `apt-config dump`."""
    wanted = re.compile(r'^Acquire::(http|https)::Proxy(::\S+)? ".+";$', re.IGNORECASE)
    return "".join(f"{line}\n" for line in dump.splitlines() if wanted.match(line))
