import time

from django.db import IntegrityError, transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from journal import VERSION
from journal.models import Entry


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def entries(request):
    """Count the entries, or store the one whose id was posted."""
    if request.method != "POST":
        return JsonResponse({"version": VERSION, "entries": Entry.objects.count()})
    text_id = request.POST.get("text_id", "")
    if not text_id:
        return JsonResponse({"version": VERSION, "error": "text_id is missing"}, status=400)
    try:
        with transaction.atomic():
            Entry.objects.create(text_id=text_id)
    except IntegrityError:
        return JsonResponse({"version": VERSION, "error": "this entry exists"}, status=409)
    return JsonResponse({"version": VERSION, "stored": text_id}, status=201)


def events(request):
    """Tell something three times, or as often as is asked, with a pause after each."""
    number = int(request.GET.get("number", 3))

    def told():
        for _ in range(number):
            yield f"data: {VERSION}\n\n"
            time.sleep(1)

    return StreamingHttpResponse(told(), content_type="text/event-stream")
