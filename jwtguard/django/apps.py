"""The Django app, which brings the system checks: `INSTALLED_APPS = [..., "jwtguard.django"]`."""

from __future__ import annotations

from django.apps import AppConfig


class JWTGuardConfig(AppConfig):
    """`jwtguard.django` in `INSTALLED_APPS`."""

    name = "jwtguard.django"
    label = "jwtguard"
    verbose_name = "jwtguard"

    def ready(self) -> None:
        """Register the system checks."""
        from jwtguard.django import checks  # noqa: F401, PLC0415 - importing it registers them
