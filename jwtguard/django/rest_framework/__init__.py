"""Django REST framework: an authentication class, and permission classes by role, scope or any requirement.

In `settings.py`::

    REST_FRAMEWORK = {
        "DEFAULT_AUTHENTICATION_CLASSES": ["jwtguard.django.rest_framework.GuardAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "EXCEPTION_HANDLER": "jwtguard.django.rest_framework.exception_handler",
    }

In a view::

    class Reports(APIView):
        permission_classes = [HasRole("analyst") | HasScope("reports:read")]

        def get(self, request):
            return Response({"for": request.user.pk, "claims": request.auth.claims})

>>> HasRole("analyst") | HasScope("reports:read")
<permission has_role('analyst') | has_scope('reports:read')>

A view needs no middleware of ours: the class authenticates by itself, and goes by what the middleware of the same guard
found out where there is one. `request.user` is a `TokenUser`, or what `JWTGUARD_USER` finds; `request.auth` the
`VerifiedToken`.
"""

from importlib import import_module

try:
    import_module("rest_framework")
except ImportError as error:
    raise ImportError(
        "jwtguard.django.rest_framework needs Django REST framework: pip install 'jwtguard-middleware[drf]'"
    ) from error

from jwtguard.django.rest_framework.authentication import GuardAuthentication as GuardAuthentication
from jwtguard.django.rest_framework.handler import exception_handler as exception_handler
from jwtguard.django.rest_framework.permissions import GuardPermission as GuardPermission
from jwtguard.django.rest_framework.permissions import HasPermission as HasPermission
from jwtguard.django.rest_framework.permissions import HasRole as HasRole
from jwtguard.django.rest_framework.permissions import HasScope as HasScope
from jwtguard.django.rest_framework.permissions import Requires as Requires
from jwtguard.django.rest_framework.refusals import RefusedRequest as RefusedRequest
