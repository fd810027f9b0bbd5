"""Which view answers which path."""

from __future__ import annotations

from accounts import views
from django.urls import include, path

urlpatterns = [
    path("", views.index),
    path("auth/", include("jwtguard.django.urls")),  # login, refresh, logout and the user's sessions
    path("me", views.me),
    path("reports", views.reports),
    path("admin/users", views.everybody),
]
