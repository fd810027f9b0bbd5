"""Django: a middleware, a decorator for function and class-based views, settings and system checks.

In `settings.py`::

    INSTALLED_APPS = [..., "jwtguard.django"]
    MIDDLEWARE = [..., "jwtguard.django.GuardMiddleware"]
    JWTGUARD = {
        "issuer": "https://issuer.example",
        "audience": "https://api.example",
        "keys": {"pem_file": "public.pem", "algorithm": "ES256"},
    }  # or "project.auth.guard"

In a view::

    from jwtguard import has_role
    from jwtguard.django import requires


    @requires(has_role("admin"))
    def admin(request):
        return HttpResponse(f"hello {request.principal.subject}")

`request.principal` is the caller, and reading it raises the refusal where there is none. `request.user` stays Django's
own, unless `JWTGUARD_USER` names a function that finds the user of a principal.
"""

from importlib import import_module

try:
    import_module("django")
except ImportError as error:
    raise ImportError("jwtguard.django needs Django: pip install 'jwtguard-middleware[django]'") from error

from jwtguard.django.decorators import DjangoGuard as DjangoGuard
from jwtguard.django.decorators import requires as requires
from jwtguard.django.middleware import GuardMiddleware as GuardMiddleware
from jwtguard.django.settings import default_guard as default_guard
