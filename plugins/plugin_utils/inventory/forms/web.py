# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of what visitors and authorities are asked or answered: paths, statuses, URLs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding, form

STATUSES = re.compile(r"[1-5]\d\d(-[1-5]\d\d)?")
HASH_KEY = re.compile(r"path|(header|cookie|query):[A-Za-z0-9_-]+")
# What a URL's path may hold (RFC 3986), without the signs that others take for ends.
URL_PATH = re.compile(r"/[A-Za-z0-9._~!$&()*+,=:@%/-]*(\?[A-Za-z0-9._~!$&()*+,=:@%/?-]*)?")
URL_FOLDER = re.compile(r"/([A-Za-z0-9._~-]+/)+")
WEB_ADDRESS = re.compile(
    r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?|https?://\[[0-9a-fA-F:.]+\](:[0-9]{1,5})?/?"
)


def check_url_path(value: Any) -> Iterator[Finding]:
    """Refuse what is not the path of a URL."""
    path = str(value)
    if not URL_PATH.fullmatch(path):
        yield (f'"{path}" is not a path', "Write a path that begins with a slash, for example /healthz, other signs as %XX.")


def check_url_folder(value: Any) -> Iterator[Finding]:
    """Refuse what is not a path of the form /name/."""
    path = str(value)
    if not URL_FOLDER.fullmatch(path) or ".." in path.split("/"):
        name = re.sub(r"^\w+://[^/]*", "", path).strip("/")
        example = f"/{name}/" if re.fullmatch(r"[A-Za-z0-9._~/-]+", name) else "/static/"
        yield (f'"{path}" is not the path of a folder', f"Write it with a slash at both ends: {example}")


def check_inner_url_folders(value: Any) -> Iterator[Finding]:
    """Refuse what is neither the path of a folder below another one, such as shop/invoices, nor that other one itself."""
    for path in map(str, value):
        # A browser's address has neither, so that nothing would be private.
        dots = {".", ".."} & set(path.split("/"))
        if path != "." and (path.startswith("-") or not URL_FOLDER.fullmatch(f"/{path}/") or dots):
            yield (
                f'"{path}" is not the path of a folder',
                "Write it without a slash at its ends, for example invoices; a single dot is the whole folder.",
            )


def check_statuses(value: Any) -> Iterator[Finding]:
    """Refuse what is neither a status nor a range of them."""
    for status in value:
        first, _dash, last = str(status).partition("-")
        if not STATUSES.fullmatch(str(status)) or (last and last < first):
            yield (f'"{status}" is no HTTP status', 'Write statuses such as "200", or ranges such as "200-399".')


def check_day(value: Any) -> Iterator[Finding]:
    """Refuse what is no day of a calendar."""
    day = str(value)
    try:
        known = not day or date.fromisoformat(day).isoformat() == day
    except ValueError:
        known = False
    if not known:
        yield (f'"{day}" is not a day', 'Write it as in "2026-11-23".')


def check_hash_key(value: Any) -> Iterator[Finding]:
    """Refuse what a balancer can't look at."""
    if value and not HASH_KEY.fullmatch(str(value)):
        yield (f'"{value}" names nothing of a request', "Write header:<name>, cookie:<name>, query:<name> or path.")


def check_directory_url(value: Any) -> Iterator[Finding]:
    """Refuse what is not the directory of an ACME server."""
    url = str(value)
    if not re.fullmatch(r"https://[^\s/]+/\S+", url):
        remedy = "Write it with https:// and a path, for example https://acme-v02.api.letsencrypt.org/directory."
        yield (f'"{url}" is not the URL of an ACME directory', remedy)


def check_dns_plugin(value: Any) -> Iterator[Finding]:
    """Refuse what can't be a plugin of certbot."""
    name = str(value)
    if name and (not re.fullmatch(r"[a-z0-9]+", name) or name in ("dns", "certbot", "manual")):
        bare = re.sub(r"^(python3-)?(certbot-)?(dns-)?", "", name)
        example = bare if re.fullmatch(r"[a-z0-9]+", bare) else "rfc2136"
        yield (f'"{name}" is not a plugin of certbot for the DNS', f"Write the last part of its package's name: {example}.")


check_web_address = form(WEB_ADDRESS, "not the address of a server", "Write for example https://s3.example.org.")


def check_pattern(value: Any) -> Iterator[Finding]:
    """Refuse what is no regular expression, or would end in the middle of one."""
    pattern = str(value)
    try:
        re.compile(pattern)
    except re.error as error:
        yield (f'"{pattern}" is not a regular expression: {error}', "Correct it.")
        return
    if not pattern or re.search(r"[\"\s]", pattern):
        yield (f'"{pattern}" is empty, or holds a space or a quote', r"Write \s or \x22 instead.")
