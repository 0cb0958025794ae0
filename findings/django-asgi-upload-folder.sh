#!/bin/sh
# Under ASGI, Django keeps a second copy of each upload, in a folder that FILE_UPLOAD_TEMP_DIR doesn't name.
#
# What:      Django 6.1.3 with FILE_UPLOAD_TEMP_DIR on a roomy disk. By WSGI, an upload is written there and nowhere else. By ASGI,
#            under uvicorn 0.54.0 and gunicorn 27.0.1 alike, the whole body is written to the system's temporary folder first, into a
#            file without a name, before any code of the project runs; then it is read back and written to the roomy disk as well. Both
#            are there while the view runs.
# Expected:  Django's reference of settings: FILE_UPLOAD_TEMP_DIR is the folder where data of files beyond
#            FILE_UPLOAD_MAX_MEMORY_SIZE is stored while they are uploaded. ASGI isn't mentioned.
# Hurt:      sites with large uploads that move to ASGI, on systems whose /tmp is in memory, as it is from Debian 13 on, or small: uploads
#            fail as "no space left" or push everything else out of memory, while the disk that was made for them is empty. Nothing
#            shows in a listing of the folder.
# Instead:   give the service itself TMPDIR, on a disk with room for all uploads that run at once; limit sizes in the proxy.
. "$(dirname "$0")/common.sh"
begin 12
install Django==6.1.3 uvicorn==0.54.0 gunicorn==27.0.1

cat >application.py <<'CODE'
import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="k" * 50, ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], FILE_UPLOAD_TEMP_DIR=os.environ["ROOMY"]
)


def store(request):
    """Tell what this process has written while it took the upload."""
    request.FILES["video"]
    lines = []
    for number in os.listdir("/proc/self/fd"):
        try:
            path, size = os.readlink(f"/proc/self/fd/{number}"), os.stat(f"/proc/self/fd/{number}").st_size
        except OSError:
            continue
        if path.startswith("/") and size > 1_000_000:
            lines.append(f"{os.path.basename(os.path.dirname(path))}: {size // 1_000_000} MB" + ", no name" * path.endswith("(deleted)"))
    return HttpResponse("\n".join(sorted(lines)))


urlpatterns = [path("", store)]
asgi = get_asgi_application()
wsgi = get_wsgi_application()
CODE
cat >upload.py <<'CODE'
import http.client, sys

boundary = "----a-boundary"
head = f'--{boundary}\r\nContent-Disposition: form-data; name="video"; filename="tour.mp4"\r\nContent-Type: video/mp4\r\n\r\n'
body = head.encode() + bytes(30_000_000) + f"\r\n--{boundary}--\r\n".encode()
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
connection.request("POST", "/", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
print(connection.getresponse().read().decode())
CODE
mkdir system-tmp roomy
export TMPDIR="$WORK/system-tmp" ROOMY="$WORK/roomy"
# shellcheck disable=SC2046
set -- $(ports 4)
beside gunicorn --no-control-socket --bind "127.0.0.1:$1" application:wsgi
beside gunicorn --no-control-socket --bind "127.0.0.1:$2" --worker-class asgi application:asgi
beside uvicorn --port "$3" application:asgi
TMPDIR=$ROOMY beside uvicorn --port "$4" application:asgi
await "$@"

observe wsgi python upload.py "$1"
is wsgi '^roomy: 30 MB$'
isnt wsgi 'system-tmp'
for server in gunicorn-asgi uvicorn; do
    shift
    observe $server python upload.py "$1"
    is $server '^roomy: 30 MB$'
    is $server '^system-tmp: 30 MB, no name$'
done
observe with-tmpdir python upload.py "$2"
is with-tmpdir '^roomy: 30 MB, no name$'
isnt with-tmpdir 'system-tmp'
finish
