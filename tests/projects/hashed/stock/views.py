from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse, JsonResponse

from config import VERSION
from stock.models import Item


def items(request):
    """Count the items, or store the one whose id was posted."""
    if request.method != "POST":
        return JsonResponse({"version": VERSION, "entries": Item.objects.count()})
    try:
        with transaction.atomic():
            item = Item.objects.create(text_id=request.POST.get("text_id", ""))
    except IntegrityError:
        return JsonResponse({"version": VERSION, "error": "this item exists"}, status=409)
    return JsonResponse({"version": VERSION, "stored": item.text_id}, status=201)


def version(request):
    return JsonResponse({"version": VERSION})


def healthz(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")
