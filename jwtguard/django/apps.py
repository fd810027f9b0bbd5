"""The Django app, which brings the system checks: `INSTALLED_APPS = [..., "jwtguard.django"]`."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig, apps


class JWTGuardConfig(AppConfig):
    """`jwtguard.django` in `INSTALLED_APPS`."""

    name = "jwtguard.django"
    label = "jwtguard"
    verbose_name = "jwtguard"

    def ready(self) -> None:
        """Register the system checks, and the lock in the OpenAPI document."""
        import_module("jwtguard.django.checks")  # Its import registers them.
        if apps.is_installed("drf_spectacular"):
            import_module("jwtguard.django.spectacular")
