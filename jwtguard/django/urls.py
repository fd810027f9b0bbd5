"""The routes of the project's own guard and sessions: `path("auth/", include("jwtguard.django.urls"))`.

In `settings.py`::

    JWTGUARD_SESSIONS = "project.auth.sessions"
    JWTGUARD_ROUTES = {"delivery": "cookies"}  # what DjangoGuard takes, with functions by dotted path
"""

from jwtguard.core.errors import ConfigurationError
from jwtguard.django.decorators import default_auth
from jwtguard.django.shipped_pattern import unusable_routes

try:
    urlpatterns = default_auth().routes(prefix="")
except ConfigurationError as error:
    # Raised here it would be a long traceback from whatever imports the URLs first.
    urlpatterns = unusable_routes(error)
