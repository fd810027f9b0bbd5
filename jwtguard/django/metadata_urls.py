"""The metadata of the resource: `path("", include("jwtguard.django.metadata_urls"))`, without a prefix.

In `settings.py`::

    JWTGUARD = {..., "resource_metadata": "https://api.example"}
"""

from jwtguard.core.errors import ConfigurationError
from jwtguard.django.decorators import default_auth
from jwtguard.django.shipped_pattern import unusable_routes

try:
    urlpatterns = [default_auth().metadata_route()]
except ConfigurationError as error:
    # Raised here it would be a long traceback from the module that imports the URLs first.
    urlpatterns = unusable_routes(error)
