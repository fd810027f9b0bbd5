"""The route of the protected resource metadata (RFC 9728 §3), without a framework.

>>> from jwtguard import Guard, ResourceMetadata, SigningKey
>>> from jwtguard.core.http.response import HTTPRequest
>>> guard = Guard(
...     issuer="https://login.example",
...     audience="https://api.example",
...     keys=SigningKey.generate("HS256").verification_key,
...     resource_metadata=ResourceMetadata(resource="https://api.example"),
... )
>>> request = HTTPRequest.from_wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/.well-known/oauth-protected-resource"})
>>> metadata_answer(guard, request).body
b'{"resource": "https://api.example", "authorization_servers": ["https://login.example"], \
"bearer_methods_supported": ["header"]}'

The guard itself lets requests for this path pass (`Guard.enter`), whatever its rules say.
"""

from __future__ import annotations

from dataclasses import replace

from jwtguard.core.access.requirements import public
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.resource_metadata import warn_of_mount
from jwtguard.core.http.response import HTTPRequest, HTTPResponse, json_answer
from jwtguard.guard import Guard
from jwtguard.view_metadata import ViewMetadata

NAME = "jwtguard_resource_metadata"
"""What frameworks call the route."""
_ANY_ORIGIN = ("Access-Control-Allow-Origin", "*")
"""The document holds nothing secret, and clients in a browser read it."""
_MAX_AGE = 300
"""Seconds for which others may keep the document."""


def metadata_view(guard: Guard) -> ViewMetadata:
    """The metadata of the view, for tools; from now on the guard lets requests for the document pass."""
    return ViewMetadata(requirement=public, guard=guard, path=guard.publish_metadata().path, publishes=guard)


def metadata_answer(guard: Guard, request: HTTPRequest) -> HTTPResponse:
    """The document, or for OPTIONS what a browser may ask for."""
    if request.method == "OPTIONS":
        allowed = (("Access-Control-Allow-Methods", "GET"), ("Access-Control-Allow-Headers", "*"))
        return HTTPResponse(status=204, headers=(_ANY_ORIGIN, *allowed))
    headers = [_ANY_ORIGIN, ("Cache-Control", f"public, max-age={_MAX_AGE}")]
    answer = json_answer(guard.publish_metadata().document(), headers=headers)
    if request.method == "HEAD":
        answer = replace(answer, headers=(*answer.headers, ("Content-Length", str(len(answer.body)))), body=b"")
    return answer


def check_metadata_place(below: str, guard: Guard) -> None:
    """Raise `ConfigurationError` if the route is mounted below a path, where no client looks for it."""
    if below:
        raise ConfigurationError(
            f"the metadata of the resource stands at {below}{guard.publish_metadata().path}, and clients look for it at"
            f" {guard.publish_metadata().url} (RFC 9728 §3.1): add the route of auth.metadata_route() to the outermost"
            " application, without a prefix"
        )


def warn_of_root(root_path: str, guard: Guard) -> None:
    """Warn at the start if the application's own settings say that it is mounted below `root_path`."""
    if root_path.strip("/") and guard.resource_metadata is not None:
        warn_of_mount(root_path, guard.resource_metadata.url)
