"""Which view answers which path."""

from __future__ import annotations

from accounts import views
from django.urls import path

urlpatterns = [
    path("", views.index),
    path("login", views.login),
    path("logout", views.logout),
    path("me", views.me),
    path("reports", views.reports),
    path("admin/users", views.everybody),
]
