# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Telling people of a host's troubles by Apprise, and an outside watcher that there are none."""

from __future__ import annotations

import hashlib
import http.client
import importlib
import logging
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence

from ansible_collections.hotclub.django.plugins.module_utils.common.patience import within

HIDDEN = "…"
SECONDS = 15.0
# Of a whole message, which may come in parts.
TELLING_SECONDS = 60.0
# Shorter parts of an address are hidden where they stand alone, and not within words.
SHORTEST_HIDDEN = 4


# Neither files nor anything else that an address could name.
HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPRedirectHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.UnknownHandler,
)


class NotToldError(Exception):
    """Nobody was told; says why, without any part of the address."""


def listener_of(url: str) -> str:
    """Return by what somebody is known who is told, from which nobody learns the address."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def without(url: str, text: str) -> str:
    """Return a text without any part of an address, as written or as it is meant, which may be a secret wherever it stands."""
    scheme, _colon, rest = url.partition("://")
    authority, _slash, _more = rest.partition("/")
    # A password may have signs in it that mean something elsewhere.
    signed_in = authority.rpartition("@")[0]
    parts = {rest, signed_in, signed_in.partition(":")[2]}
    for each in re.split(r"[/:@?&,#]+", rest):
        name, equals, value = each.partition("=")
        parts |= {each, value} if equals else {name}
    for part in sorted(meant(parts - {scheme}), key=len, reverse=True):
        if len(part) >= SHORTEST_HIDDEN:
            text = text.replace(part, HIDDEN)
        else:
            text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", HIDDEN, text)
    return " ".join(text.split())


def meant(parts: Iterable[str]) -> set[str]:
    """Return parts of an address in each way in which somebody may write them."""
    found = {each for part in parts for each in (part, urllib.parse.unquote(part), urllib.parse.unquote_plus(part))}
    return {each for part in found for each in (part, urllib.parse.quote(part, safe="")) if each}


def tell(url: str, title: str, text: str) -> None:
    """Send a message.

    :param url: in the form of Apprise.
    :raises NotToldError: it was not taken.
    """
    said = Said()
    # The library's own words have parts of addresses in them, and go nowhere else.
    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [said], False
    logging.getLogger("urllib3").disabled = True
    try:
        apprise = importlib.import_module("apprise")
        log.handlers = [said]
        channel = apprise.Apprise()
        if not channel.add(url):
            raise NotToldError("Apprise does not know such an address")
        for service in channel:
            # By itself it hands over what is longer than a service takes, and that one refuses it.
            service.overflow_mode = "split"
        # What is said to be text is no HTML, and keeps its lines where a service wants HTML.
        with within(TELLING_SECONDS):
            taken = channel.notify(title=title, body=text, body_format="text")
        if not taken:
            raise NotToldError(without(url, said.last) or "it was not taken")
    except NotToldError:
        raise
    except Exception as error:  # a library of a hundred ways to tell, of which any may fail in its own way
        raise NotToldError(without(url, f"{type(error).__name__}: {error}")) from None


class Said(logging.Handler):
    """Keeps the last warning of a library."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what was said."""
        self.last = record.getMessage()


def ask_for(url: str) -> None:
    """Ask an outside watcher's page, as a sign of life.

    :raises NotToldError: it did not answer, or not well.
    """
    opener = urllib.request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    opener.addheaders = [("User-Agent", "hotclub-watch")]
    try:
        opener.open(url, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        raise NotToldError(f"it answers {error.code}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NotToldError(without(url, str(getattr(error, "reason", error)))) from None


def refused(urls: Sequence[str]) -> list[int]:
    """Return which of these addresses Apprise does not know, counted from 1; none where it is not installed yet."""
    logging.getLogger("apprise").disabled = True
    try:
        apprise = importlib.import_module("apprise")
    except ImportError:
        return []
    return [number for number, url in enumerate(urls, 1) if not apprise.Apprise().add(url)]
