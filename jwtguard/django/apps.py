"""The Django app, which brings the system checks: `INSTALLED_APPS = [..., "jwtguard.django"]`."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class JWTGuardConfig(AppConfig):
    """`jwtguard.django` in `INSTALLED_APPS`."""

    name = "jwtguard.django"
    label = "jwtguard"
    verbose_name = "jwtguard"

    def ready(self) -> None:
        """Register the system checks."""
        import_module("jwtguard.django.checks")
