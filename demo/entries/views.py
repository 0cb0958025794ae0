import platform

from django.http import JsonResponse
from django.shortcuts import redirect, render

from entries.forms import EntryForm
from entries.models import Entry, hue_of
from guestbook import VERSION

SHOWN = 30


def guest_book(request):
    """Show the latest entries, and add the one a visitor wrote."""
    form = EntryForm(request.POST or None)
    if form.is_valid():
        form.instance.release = VERSION
        form.save()
        return redirect(request.path)
    return render(
        request,
        "entries/guest_book.html",
        {
            "form": form,
            "entries": Entry.objects.order_by("-pk")[:SHOWN],
            "count": Entry.objects.count(),
            "version": VERSION,
            "hue": hue_of(VERSION),
            "host": platform.node(),
            "request_id": request.headers.get("X-Request-Id", ""),
        },
    )


def version(request):
    return JsonResponse({"version": VERSION, "host": platform.node()})
