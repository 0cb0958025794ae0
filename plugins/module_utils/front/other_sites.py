# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Sites that nginx serves for others: which of them go on beside ours, and what is in the way of the rest."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from ansible_collections.hotclub.django.plugins.module_utils.machine.first_contact import Finding, is_packaged, read

# There once a site of ours was.
OURS = "conf.d/hotclub.conf"
DEFAULT = "sites-enabled/default"
# Options of a socket, which nginx takes once for each port; ours are in unknown-hosts.conf.
LISTEN = re.compile(r"\blisten\s+(?P<address>[^\s;]+)(?P<options>[^;]*);")
OF_THE_SOCKET = re.compile(
    r"\b(default_server|default|backlog=|rcvbuf=|sndbuf=|fastopen=|deferred|ipv6only=|reuseport|so_keepalive=|bind\b)"
)
# What ours says for all sites, and nginx takes only once.
SAID_ONCE = {
    "server_tokens",
    "sendfile",
    "tcp_nopush",
    "server_names_hash_bucket_size",
    "map_hash_bucket_size",
    "types_hash_max_size",
    "default_type",
    "large_client_header_buffers",
    "client_header_timeout",
    "keepalive_timeout",
    "reset_timedout_connection",
    "gzip_comp_level",
    "gzip_min_length",
    "gzip_proxied",
    "gzip_vary",
    "ssl_protocols",
    "ssl_ciphers",
    "ssl_ecdh_curve",
    "ssl_prefer_server_ciphers",
    "ssl_session_cache",
    "ssl_session_timeout",
    "ssl_session_tickets",
}
WORD = re.compile(r""" "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [{};] | [^\s{};"']+ """, re.VERBOSE)
NAMES = re.compile(r"\bserver_name\s+([^;]+);")
# The service of nginx is confined: it sees no home, and writes nowhere else.
AT_HOME = re.compile(r"\b(?:root|alias|include|ssl_\w+|auth_basic_user_file|access_log|error_log)\s+(/(?:home|root)/[^\s;]+)")
WRITTEN = re.compile(r"\b(?:access_log|error_log|\w+_cache_path|\w+_temp_path)\s+(/[^\s;$]+)")
WRITABLE = ("/run", "/dev", "/tmp", "/var/log/nginx", "/var/lib/nginx", "/var/cache/nginx")  # noqa: S108 - its own


def findings(folder: Path, ports: Collection[int], writable: Collection[str]) -> Iterator[Finding]:
    """Yield what becomes of sites of others when the first site of ours comes; nothing where it was here already.

    :param ports: those that our sites listen on.
    :param writable: further folders that nginx may write to.
    """
    if not folder.is_dir() or (folder / OURS).exists():
        return
    yield from _of_the_default(folder / DEFAULT)
    names: list[str] = []
    for path in sorted([*folder.glob("conf.d/*.conf"), *folder.glob("sites-enabled/*")]):
        text = without_comments(read(path))
        if path != folder / DEFAULT and text.strip():
            yield from _in_the_way(path, text, ports, (*WRITABLE, *writable))
            names += [f"{path.name} ({' '.join(' '.join(NAMES.findall(text)).split()) or 'no names'})"]
    if names:
        yield Finding(
            f"nginx serves for others: {', '.join(names)}. These files stay and are served on. nginx is restarted once, in a "
            "sandbox; a name that no site has gets no answer any more.",
            "Let each of them have its names in server_name.",
        )


def _of_the_default(path: Path) -> Iterator[Finding]:
    if not path.exists() or is_packaged(str(path.resolve()), path.read_bytes()):
        return
    stays = path.is_symlink()
    where = f": {path.resolve()} stays" if stays else ""
    yield Finding(
        f"{path} is not as its package has brought it, and would no longer be served{where}.",
        "If it is used, enable it under another name, with its names in server_name and without default_server."
        if stays
        else f"Move it to {path.parent.parent / 'sites-available'}, and enable it from there under another name if it is used.",
        refused=not stays,
    )


def _in_the_way(path: Path, text: str, ports: Collection[int], writable: Collection[str]) -> Iterator[Finding]:
    for listen in LISTEN.finditer(text):
        word = listen["address"].rpartition(":")[2]
        options = [found.rstrip("=") for found in OF_THE_SOCKET.findall(listen["options"])]
        if options and (int(word) if word.isdigit() else 80) in ports:
            yield Finding(
                f"{path} says {' and '.join(options)} of a port that the site listens on, too. nginx takes that once.",
                f"Take it out of: {listen[0]}",
                refused=True,
            )
    for name in sorted(SAID_ONCE & {name for depth, name in directives(text) if depth == 0}):
        yield Finding(
            f"{path} says {name} for all sites, as nginx.conf or {OURS} would, and nginx takes it once.",
            "Take it out, or put it into the server blocks of that site.",
            refused=True,
        )
    for place in sorted(set(AT_HOME.findall(text))):
        yield Finding(
            f"{path} names {place}, and nginx no longer sees /home and /root.",
            "Move it, for example below /srv, and correct the line.",
            refused=True,
        )
    for place in sorted(set(WRITTEN.findall(text))):
        if not any(place == allowed or place.startswith(f"{allowed.rstrip('/')}/") for allowed in writable):
            yield Finding(
                f"{path} has nginx write to {place}, and it no longer could.",
                f"Add it to nginx_writable_paths: [{Path(place).parent}]",
                refused=True,
            )


def directives(text: str) -> Iterator[tuple[int, str]]:
    """Yield the name of each directive without a block, and inside how many blocks it stands."""
    depth, name = 0, ""
    for word in WORD.findall(text):
        if word == ";":
            yield depth, name
        depth += {"{": 1, "}": -1}.get(word, 0)
        name = "" if word in "{};" else name or word


def without_comments(text: str) -> str:
    """Return a configuration without its comments."""
    return re.sub(r"(^|\s)#.*", "", text)
