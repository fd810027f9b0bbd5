"""Who sent this login? What a route that sets cookies asks before it does.

>>> from jwtguard.core.http import HTTPRequest
>>> sent = {"REQUEST_METHOD": "POST", "HTTP_HOST": "app.example", "HTTP_ORIGIN": "https://evil.example"}
>>> check_own_page(CSRF(), HTTPRequest.from_wsgi(sent))
Traceback (most recent call last):
    ...
jwtguard.core.errors.CSRFError: The Origin header is not this site's own or in trusted_origins. (csrf_origin)

Login CSRF: another site logs a visitor in under the attacker's account, and what the visitor then types is the
attacker's to read. No token is there yet that a CSRF token could belong to, so the browser's own headers decide.
"""

from __future__ import annotations

from jwtguard import CSRF, CSRFError
from jwtguard.core.http import HTTPRequest


def check_own_page(csrf: CSRF, request: HTTPRequest) -> None:
    """Raise `CSRFError` unless one of our own pages, or no browser at all, sent this request."""
    if csrf.check_headers(request):
        return
    # Neither Origin nor Sec-Fetch-Site: an old browser, or none. Another site's form cannot send this content type.
    content_types = [value.partition(";")[0].strip().lower() for value in request.values("content-type")]
    if content_types != ["application/json"]:
        raise CSRFError("csrf_headers", "The request needs an Origin header, or a body of application/json.")
