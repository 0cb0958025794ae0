from django.urls import path

from pictures import views

urlpatterns = [
    path("", views.index),
    path("version", views.version),
    path("entries", views.entries),
    path("pictures", views.upload),
    path("request", views.request_as_seen),
    path("large", views.large),
    path("events", views.events),
]
