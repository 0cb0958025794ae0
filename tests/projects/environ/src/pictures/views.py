import asyncio

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from gallery import VERSION
from pictures.models import Picture


def answer(status=200, **fields):
    return JsonResponse({"version": VERSION, **fields}, status=status)


def index(request):
    return render(request, "pictures/index.html", {"version": VERSION, "pictures": Picture.objects.order_by("-id")[:20]})


async def version(request):
    return answer(pictures=await Picture.objects.acount())


@csrf_exempt
async def entries(request):
    """Count the pictures, or store the one whose id was posted, without a file."""
    if request.method != "POST":
        return answer(entries=await Picture.objects.acount())
    return await sync_to_async(store)(request.POST.get("text_id", ""))


def store(text_id):
    try:
        with transaction.atomic():
            Picture.objects.create(text_id=text_id)
    except IntegrityError:
        return answer(409, error="this picture exists")
    return answer(201, stored=text_id)


@csrf_exempt
@require_POST
def upload(request):
    picture = Picture.objects.create(text_id=request.POST["text_id"], file=request.FILES["file"])
    return answer(201, url=picture.file.url, bytes=picture.file.size)


def request_as_seen(request):
    """What reaches Django: who asks, by which name, over what."""
    return answer(
        host=request.get_host(),
        scheme=request.scheme,
        secure=request.is_secure(),
        remote_address=request.META.get("REMOTE_ADDR", ""),
        forwarded_for=request.headers.get("X-Forwarded-For", ""),
        forwarded_proto=request.headers.get("X-Forwarded-Proto", ""),
        request_id=request.headers.get("X-Request-Id", ""),
        absolute_uri=request.build_absolute_uri("/there"),
        debug=settings.DEBUG,
        backend_pid=backend_pid(),
    )


def backend_pid():
    """The server process behind this request's database connection."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def large(request):
    return answer(text="a page that is worth compressing " * 2000)


async def events(request):
    """Tell something three times, or as often as is asked, with a pause after each."""
    number = int(request.GET.get("number", 3))

    async def told():
        for _ in range(number):
            yield f"data: {VERSION}\n\n"
            await asyncio.sleep(1)

    return StreamingHttpResponse(told(), content_type="text/event-stream")
