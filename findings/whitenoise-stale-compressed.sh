#!/bin/sh
# A file that gzip doesn't make smaller any more is followed by its old compressed copy, and visitors go on getting the old file.
#
# What:      WhiteNoise 6.12.0, CompressedStaticFilesStorage, and nginx 1.22.1 of Debian 12. collectstatic replaces a file; where
#            compressing the new one saves too little, no .gz is written, and that of the old one stays. It is served to whoever
#            accepts gzip, so to every browser: by WhiteNoise when it is smaller than the new file (a brochure that now has pictures),
#            by nginx's gzip_static whenever it is there (a service worker reduced to one line, to be rid of it). A client without
#            gzip, as curl is when one looks into it, gets the new file. collectstatic says that it copied; again changes nothing.
# Expected:  WhiteNoise's documentation: it compresses at collectstatic time, doesn't compress what would not get smaller, and
#            serves the compressed version when there is one. Nobody expects that to be another file's.
# Hurt:      files that keep their names: sw.js, robots.txt, PDFs, what is below WHITENOISE_ROOT and compressed by
#            `python -m whitenoise.compress`. The manifest's names with a hash are safe, the plain ones beside them are not.
# Instead:   collect into an empty folder for each release, or `collectstatic --clear`.
#
# Needs Debian's lists of packages: nginx is unpacked into the temporary folder, not installed.
. "$(dirname "$0")/common.sh"
begin 10
install Django==5.2.19 whitenoise==6.12.0
unpack nginx nginx-package
NGINX=$WORK/nginx-package/usr/sbin/nginx

cat >manage.py <<'CODE'
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    INSTALLED_APPS=["django.contrib.staticfiles"],
    STATIC_ROOT="static",
    STATIC_URL="/static/",
    STATICFILES_DIRS=["files"],
    STORAGES={"staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"}},
)
execute_from_command_line(sys.argv)
CODE
cat >release.py <<'CODE'
"""Write the files of a release: a brochure, at first of text alone, then with a picture, and a service worker."""

import pathlib, random, sys, zlib


def pdf(title, picture):
    text = "".join(f"({title}, line {line}) ' " for line in range(300))
    page = f"BT /F1 9 Tf 9 TL 40 800 Td {text}ET".encode() + b" /Im1 Do" * bool(picture)
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /Im1 6 0 R >>"
        b" /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    if picture:
        packed = zlib.compress(picture)
        kind = b"<< /Type /XObject /Subtype /Image /Width 500 /Height 500 /ColorSpace /DeviceGray /BitsPerComponent 8"
        parts.append(kind + b" /Filter /FlateDecode /Length %d >>\nstream\n%s\nendstream" % (len(packed), packed))
    document, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    return document + head + table + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(document))


files = pathlib.Path("files")
if sys.argv[1] == "first":
    files.mkdir()
    (files / "brochure.pdf").write_bytes(pdf("Brochure of spring", b""))
    (files / "sw.js").write_text("".join(f"caches.open('v1').then(c => c.add('/page/{page}/'));\n" for page in range(99)))
else:
    (files / "brochure.pdf").write_bytes(pdf("Brochure of autumn", random.Random(1).randbytes(250_000)))
    (files / "sw.js").write_text("self.registration.unregister();\n")
CODE
cat >visit.py <<'CODE'
"""Get both files as a browser does, and as a client that knows no gzip; tell which release they are of."""

import gzip, http.client, pathlib, sys, threading, wsgiref.simple_server

from whitenoise import WhiteNoise

port, server = int(sys.argv[1]), sys.argv[2]


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *words):
        pass


if server == "whitenoise":
    web = wsgiref.simple_server.make_server("127.0.0.1", port, WhiteNoise(None, root="static"), handler_class=Quiet)
    threading.Thread(target=web.serve_forever, daemon=True).start()
for name in ("brochure.pdf", "sw.js"):
    for client, accepted in (("browser", "gzip, deflate"), ("plain client", "identity")):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", f"/{name}", headers={"Accept-Encoding": accepted})
        answer = connection.getresponse()
        body = answer.read()
        if answer.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        current = body == pathlib.Path("files", name).read_bytes()
        print(f"{name} for a {client}:", "current" if current else "old")
CODE
# shellcheck disable=SC2046
set -- $(ports 3)
serve_by_nginx <<CONF
    gzip_static on;
    server { listen 127.0.0.1:$3; root $WORK/static; }
CONF
python release.py first
observe first-release python manage.py collectstatic --no-input
await "$3"
observe first-by-whitenoise python visit.py "$1" whitenoise
isnt first-by-whitenoise 'old$'
observe first-by-nginx python visit.py "$3" nginx
isnt first-by-nginx 'old$'
# Django compares whole seconds.
sleep 2
python release.py second
observe second-release python manage.py collectstatic --no-input
is second-release '^2 static files copied'
observe by-whitenoise python visit.py "$2" whitenoise
is by-whitenoise '^brochure.pdf for a browser: old$'
is by-whitenoise '^brochure.pdf for a plain client: current$'
is by-whitenoise '^sw.js for a browser: current$'
observe by-nginx python visit.py "$3" nginx
is by-nginx '^brochure.pdf for a browser: old$'
is by-nginx '^sw.js for a browser: old$'
is by-nginx '^sw.js for a plain client: current$'
observe again python manage.py collectstatic --no-input
is again '^0 static files copied'
observe by-nginx-again python visit.py "$3" nginx
is by-nginx-again '^sw.js for a browser: old$'
finish
