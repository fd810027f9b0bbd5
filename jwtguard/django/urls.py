"""The routes of the project's own guard and sessions: `path("auth/", include("jwtguard.django.urls"))`.

In `settings.py`::

    JWTGUARD_SESSIONS = "project.auth.sessions"
    JWTGUARD_ROUTES = {"delivery": "cookies"}  # what DjangoGuard takes, with functions by dotted path
"""

from jwtguard.django.settings import default_auth

urlpatterns = default_auth().routes(prefix="")
