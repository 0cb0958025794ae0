"""Somebody with a browser: keeps cookies, fills in forms, sends files."""

from __future__ import annotations

import http.client
import http.cookies
import ssl
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from lab.errors import LabError

SECONDS = 60
REDIRECTS = 8
CHOSEN = ("checkbox", "radio")
NOT_SENT = ("submit", "button", "image", "reset", "file")


@dataclass(frozen=True)
class Page:
    """What came at last.

    :param path: the address after redirects, without scheme and host.
    """

    path: str
    status: int
    text: str

    def form(self, field_name: str) -> Form:
        """Return the form that has a field."""
        reader = _Forms()
        reader.feed(self.text)
        for form in reader.forms:
            if field_name in form.names:
                return form
        known = "; ".join(", ".join(sorted(form.names)) for form in reader.forms) or "none at all"
        raise LabError(f"{self.path} ({self.status}) has no form with a field {field_name}. Its forms have: {known}.")


@dataclass
class Form:
    """A form with what its fields hold."""

    action: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class File:
    """A file to be uploaded."""

    name: str
    kind: str
    content: bytes


class Browser:
    """Asks one host for one site by TLS, trusting one authority alone."""

    def __init__(self, address: str, domain: str, authority: Path) -> None:
        self._address, self._domain = address, domain
        self._trust = ssl.create_default_context(cafile=str(authority))
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> Page:
        """Ask for a page and follow redirects within the site."""
        return self._ask("GET", path)

    def send(self, path: str, values: Mapping[str, str], files: Mapping[str, File] | None = None) -> Page:
        """Fill in a page's form, leaving alone what it holds already, and send it."""
        page = self.get(path)
        form = page.form(next(iter({**values, **(files or {})})))
        body, kind = encoded({**form.fields, **values}, files or {})
        return self._ask("POST", urllib.parse.urljoin(page.path, form.action), body, kind)

    def _ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> Page:
        for _ in range(REDIRECTS):
            answer, text = self._once(method, path, body, kind)
            place = answer.getheader("Location")
            if answer.status not in (301, 302, 303, 307, 308) or not place:
                return Page(path, answer.status, text)
            parts = urllib.parse.urlsplit(urllib.parse.urljoin(path, place))
            if parts.netloc not in ("", self._domain):
                raise LabError(f"{path} leads to another host: {place}")
            path = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
            if answer.status in (301, 302, 303):
                method, body, kind = "GET", b"", ""
        raise LabError(f"{path} leads in circles.")

    def _once(self, method: str, path: str, body: bytes, kind: str) -> tuple[http.client.HTTPResponse, str]:
        connection = _Connection(self._address, self._domain, self._trust)
        headers = {
            "Host": self._domain,
            "Referer": f"https://{self._domain}{path}",
            "Accept": "text/html",
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            **({"Content-Type": kind} if kind else {}),
        }
        try:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except OSError as error:
            raise LabError(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            self._cookies.update({name: morsel.value for name, morsel in http.cookies.SimpleCookie(line).items()})
        return answer, text


class _Connection(http.client.HTTPSConnection):
    """Connects to an address, and expects the certificate of a name."""

    def __init__(self, address: str, name: str, trust: ssl.SSLContext) -> None:
        super().__init__(address, timeout=SECONDS, context=trust)
        self._name, self._own_trust = name, trust

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._own_trust.wrap_socket(self.sock, server_hostname=self._name)


class _Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(told.get("action", "")))
        if not self.forms:
            return
        form, name = self.forms[-1], told.get("name", "")
        if tag == "option" and self._select and ("selected" in told or self._select not in form.fields):
            form.fields[self._select] = told.get("value", "")
        if tag not in ("input", "select", "textarea") or not name:
            return
        form.names.add(name)
        self._select = name if tag == "select" and "multiple" not in told else ""
        self._text = name if tag == "textarea" else ""
        kind = told.get("type", "text")
        if tag == "textarea":
            form.fields[name] = ""
        elif tag == "input" and kind not in NOT_SENT and (kind not in CHOSEN or "checked" in told):
            form.fields[name] = told.get("value", "on" if kind in CHOSEN else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._text = ""

    def handle_data(self, data: str) -> None:
        if self._text and self.forms:
            self.forms[-1].fields[self._text] += data.removeprefix("\n").removeprefix("\r\n")


def encoded(values: Mapping[str, str], files: Mapping[str, File]) -> tuple[bytes, str]:
    """Return a form's body and its type."""
    if not files:
        return urllib.parse.urlencode(values).encode(), "application/x-www-form-urlencoded"
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in values.items()
    ]
    for name, file in files.items():
        told = f'form-data; name="{name}"; filename="{file.name}"\r\nContent-Type: {file.kind}'
        parts.append(f"--{boundary}\r\nContent-Disposition: {told}\r\n\r\n".encode() + file.content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
