from django.urls import path

from stock import views

urlpatterns = [
    path("items", views.items),
    path("version", views.version),
    path("healthz", views.healthz),
]
