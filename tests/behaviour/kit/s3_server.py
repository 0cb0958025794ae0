"""A storage that speaks as much of S3 as pgBackRest asks for, over TLS and in memory; whoever comes is let in.

    python3 -I s3_server.py <port> <certificate> <key>

moto ends connections in a way that pgBackRest takes for broken ones.
"""

from __future__ import annotations

import http.server
import itertools
import ssl
import sys
import threading
import urllib.parse
from xml.sax.saxutils import escape

OBJECTS: dict[str, bytes] = {}
PARTS: dict[str, dict[int, bytes]] = {}
LOCK = threading.Lock()
UPLOADS = itertools.count(1)
# Nobody asks how old something is.
MOMENT = "2026-01-01T00:00:00.000Z"


class Handler(http.server.BaseHTTPRequestHandler):
    """One request for an object, or for what a folder has."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""

    def _asked(self) -> tuple[str, dict[str, str], bytes]:
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        # Behind the bucket.
        key = urllib.parse.unquote(parts.path).lstrip("/").partition("/")[2]
        return key, query, self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "ETag": '"0"', **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self) -> None:
        key, query, _body = self._asked()
        if "list-type" in query:
            self._answer(200, _listed(query.get("prefix", ""), query.get("delimiter", "")).encode())
            return
        with LOCK:
            found = OBJECTS.get(key)
        if found is None:
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        first, _dash, last = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        part = found[int(first) : int(last) + 1 if last else None]
        self._answer(206 if "Range" in self.headers else 200, part, **{"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        key, query, body = self._asked()
        with LOCK:
            if "uploadId" in query:
                PARTS[query["uploadId"]][int(query["partNumber"])] = body
            else:
                OBJECTS[key] = body
        self._answer(200)

    def do_POST(self) -> None:
        key, query, body = self._asked()
        with LOCK:
            if "uploads" in query:
                upload = str(next(UPLOADS))
                PARTS[upload] = {}
                said = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            elif "uploadId" in query:
                parts = PARTS.pop(query["uploadId"])
                OBJECTS[key] = b"".join(parts[number] for number in sorted(parts))
                said = "<CompleteMultipartUploadResult><ETag>0</ETag></CompleteMultipartUploadResult>"
            else:
                for one in body.decode().split("<Key>")[1:]:
                    OBJECTS.pop(one.partition("</Key>")[0], None)
                said = "<DeleteResult></DeleteResult>"
        self._answer(200, said.encode())

    def do_DELETE(self) -> None:
        key, _query, _body = self._asked()
        with LOCK:
            OBJECTS.pop(key, None)
        self._answer(204)


def _listed(prefix: str, delimiter: str) -> str:
    with LOCK:
        found = {key: len(content) for key, content in OBJECTS.items() if key.startswith(prefix)}
    below = {key for key in found if delimiter and delimiter in key[len(prefix) :]}
    folders = sorted({prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter for key in below})
    contents = [
        f"<Contents><Key>{escape(key)}</Key><LastModified>{MOMENT}</LastModified><Size>{found[key]}</Size></Contents>"
        for key in sorted(set(found) - below)
    ]
    common = [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders]
    return f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(contents + common)}</ListBucketResult>"


class Server(http.server.ThreadingHTTPServer):
    """One thread for each connection, which begins with the greeting of TLS."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, certificate: str, key: str) -> None:
        super().__init__(("0.0.0.0", port), Handler)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    def finish_request(self, request: object, client_address: object) -> None:
        """Greet and answer in the connection's own thread, so that a slow one holds up nobody."""
        with self.context.wrap_socket(request, server_side=True) as secure:  # type: ignore[arg-type]
            super().finish_request(secure, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """Leave it to the client."""


if __name__ == "__main__":
    Server(int(sys.argv[1]), sys.argv[2], sys.argv[3]).serve_forever()
