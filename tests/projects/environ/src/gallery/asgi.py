"""HTTP goes to Django; a web socket gets back what it sends; a start and an end of the server are noticed."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gallery.settings")

django_application = get_asgi_application()


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "lifespan":
        await live(receive, send)
    else:
        await django_application(scope, receive, send)


async def echo(receive, send):
    while True:
        event = await receive()
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif event["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event.get("text") or ""})
        elif event["type"] == "websocket.disconnect":
            return


async def live(receive, send):
    while True:
        event = await receive()
        if event["type"] == "lifespan.shutdown":
            print("The gallery closes.", flush=True)
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
