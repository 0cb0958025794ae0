"""
URL configuration for guestbook project.

The `urlpatterns` list routes URLs to views. For more information please see:
    https://docs.djangoproject.com/en/5.2/topics/http/urls/
"""
from django.contrib import admin
from django.urls import path

from entries import views

urlpatterns = [
    path('', views.guest_book),
    path('version', views.version),
    path('admin/', admin.site.urls),
]
