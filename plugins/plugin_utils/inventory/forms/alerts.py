# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Forms of addresses to which hosts tell of trouble. None is ever shown: most have a password or are one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.forms.form import Finding

WAY = re.compile(r"([a-z][a-z0-9.+-]*)://[^\s/]\S*")
# Services whose own addresses Apprise knows as their pages show them.
KNOWN_PAGES = re.compile(
    r"https://([a-z0-9-]+\.)*(slack\.com|discord(app)?\.com|webhook\.office\.com|chat\.googleapis\.com|ntfy\.sh|zoom\.us|flock\.com|ifttt\.com)/"
)


def check_alert_urls(value: Any) -> Iterator[Finding]:
    """Refuse what Apprise could not take for an address."""
    urls = [str(url) for url in value] if isinstance(value, Sequence) and not isinstance(value, str) else []
    for number, url in enumerate(urls, 1):
        which = f"has as its number {number}"
        found = WAY.fullmatch(url)
        if re.fullmatch(r"(mailto:)?[^\s@:/]+@[^\s@/]+", url):
            yield (
                f"{which} a mail address, which does not say how mail is sent",
                "Write mailtos://user:password@mail.example.org?to=ops@example.org, with the server that takes the host's mail.",
            )
        elif found is None:
            yield (f"{which} no address", "Write it in a form of Apprise, for example jsons://hooks.example.org/shop.")
        elif found[1] in ("http", "https") and not KNOWN_PAGES.match(url):
            other = "jsons" if found[1] == "https" else "json"
            yield (
                f"{which} a page, and does not say what it takes",
                f"Write {other}:// instead of {found[1]}:// for a webhook that takes JSON; other forms are in docs/alerts.md.",
            )
    if len(set(urls)) < len(urls):
        yield ("names an address twice, which would be told everything twice", "Take one of them out.")


def check_heartbeat_url(value: Any) -> Iterator[Finding]:
    """Refuse what can't be asked for as a page."""
    if value and not re.fullmatch(r"https?://[^\s/]+\S*", str(value)):
        yield ("is not the address of a page", "Write it as the dead man's switch shows it, with https://.")
