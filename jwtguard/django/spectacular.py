"""The lock in the OpenAPI document that drf-spectacular makes: each place that a guard reads tokens from.

The app `jwtguard.django` imports this where `drf_spectacular` is among the INSTALLED_APPS; nothing is to be configured.

>>> GuardScheme.target_class
'jwtguard.django.rest_framework.GuardAuthentication'
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

from jwtguard.endpoints.openapi import security_scheme


class GuardScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """What `GuardAuthentication` and its subclasses read."""

    target_class = "jwtguard.django.rest_framework.GuardAuthentication"
    match_subclasses = True

    def __init__(self, target: Any) -> None:  # noqa: ANN401 - drf-spectacular's own is untyped
        super().__init__(target)  # type: ignore[no-untyped-call]
        self._schemes = dict(map(security_scheme, target.places()))
        self.name = list(self._schemes)

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        """Any one of the places will do."""
        return [{name: []} for name in self._schemes]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """The places, in the order of their names."""
        return list(self._schemes.values())
