"""A request as the core reads it. No framework's own types come further than this.

>>> request = HTTPRequest.from_asgi(
...     {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"a.example")]}
... )
>>> request.values("host")
['a.example']

The parts of a request are read on demand: most are decided by one header field, and to read the method, the
path and all the rest of each would take longer than the look into the cache of verified tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, cast

from jwtguard.core.http.caching import KEY as SEARCH
from jwtguard.core.http.caching import TokenSearch

MAX_FIELD = 98304
"""Characters of a field beyond which `HTTPRequest.combined` may cut it: no server lets such a field pass."""


WITHHELD = "jwtguard.withheld_cookies"
"""Where a middleware keeps the `WithheldCookies` of a request: a key of the ASGI scope or the WSGI environ."""


class WithheldCookies:
    """The Cookie fields as they were received, before a middleware took the refresh cookie out of them.

    Its repr does not show them: an error reporter may print the scope or the environ that holds it.
    """

    __slots__ = ("fields",)

    def __init__(self, fields: Sequence[str]) -> None:
        self.fields = tuple(fields)


class OwnSite(Protocol):
    """What a framework's own settings say about the site that a request was sent to (Django's do)."""

    def host(self) -> str | None:
        """Host and port that the client asked for; None if they are not valid."""
        ...

    def trusts_origin(self, origin: str) -> bool:
        """Whether pages of another `origin` may send requests that change something."""
        ...


class HTTPRequest:
    """What the core reads of a request, from its parts or `from_wsgi` or `from_asgi`. Read-only.

    `values(name)` gives the raw fields of that (lower-case) name, in order. `path` is the one that the router of the
    wrapped application matches, and `root_path` what stands in front of it in the URL; `scheme` is `http` or `https`,
    also for a websocket handshake. `client` is the address that the server saw, which may be a proxy's. `site` is what
    the framework's settings say about our own host and the origins that it trusts; without it the Host header says it.
    """

    __slots__ = (
        "_client",
        "_is_websocket",
        "_method",
        "_own",
        "_path",
        "_query",
        "_root_path",
        "_scheme",
        "_site",
        "_values",
    )

    def __init__(
        self,
        *,
        method: str,
        path: str,
        values: Callable[[str], list[str]],
        query: str = "",
        scheme: str = "http",
        is_websocket: bool = False,
        root_path: str = "",
        client: str | None = None,
        site: OwnSite | None = None,
    ) -> None:
        self._method, self._path, self._query, self._scheme = method, path, query, scheme
        self._is_websocket, self._root_path, self._client = is_websocket, root_path, client
        self._values = values
        self._site = site
        self._own: dict[str, Any] = {}

    @staticmethod
    def from_wsgi(environ: Mapping[str, Any], *, path: str | None = None, root_path: str | None = None) -> HTTPRequest:
        """From a WSGI environ (PEP 3333), where the server has folded repeated fields into one."""
        return _WSGIRequest(environ, path, root_path)

    @staticmethod
    def from_asgi(scope: Mapping[str, Any], *, path: str | None = None, root_path: str | None = None) -> HTTPRequest:
        """From an ASGI connection scope, http or websocket."""
        return _ASGIRequest(scope, path, root_path)

    def values(self, name: str) -> list[str]:
        """The raw fields of that (lower-case) name, in order."""
        return self._values(name)

    def combined(self, name: str) -> str | None:
        """The fields of that (lower-case) name as one, joined with commas (RFC 9110 §5.3); None if there is none.

        WSGI servers have done so before; joining them everywhere makes all adapters agree. What is longer than
        `MAX_FIELD` may be cut to any length above it: it is not worth a copy.
        """
        fields = self.values(name)
        return ",".join(fields) if fields else None

    @property
    def received_cookies(self) -> list[str]:
        """The Cookie fields as they were received, also where a middleware took the refresh cookie out of them."""
        withheld = self._shared.get(WITHHELD)
        return list(withheld.fields) if isinstance(withheld, WithheldCookies) else self.values("cookie")

    @property
    def search(self) -> TokenSearch:
        """Where guards looked for a token in this request, which caches must know."""
        found: TokenSearch = self._shared.setdefault(SEARCH, TokenSearch())
        return found

    @property
    def _shared(self) -> dict[str, Any]:
        """What all requests that are made of one ASGI scope or WSGI environ share."""
        return self._own

    @property
    def host(self) -> str | None:
        """Host and port that the request was sent to, as the framework's settings read them, else the Host header."""
        if self._site is not None:
            return self._site.host()
        hosts = self.values("host")
        return hosts[0] if len(hosts) == 1 else None

    def trusts_origin(self, origin: str) -> bool:
        """Whether the framework's own settings trust pages of `origin`."""
        return self._site is not None and self._site.trusts_origin(origin)

    @property
    def method(self) -> str:
        """As it was sent; GET for a websocket handshake."""
        return self._method

    @property
    def path(self) -> str:
        """The path that the router of the wrapped application matches."""
        return self._path

    @property
    def query(self) -> str:
        """What stands behind the `?`, as it was sent."""
        return self._query

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return self._scheme

    @property
    def is_websocket(self) -> bool:
        """Whether it is the handshake of a websocket."""
        return self._is_websocket

    @property
    def root_path(self) -> str:
        """What stands in front of `path` in the URL."""
        return self._root_path

    @property
    def client(self) -> str | None:
        """The address that the server saw."""
        return self._client

    def __repr__(self) -> str:
        # Without the query and the fields, which may hold a token.
        names = ("method", "path", "scheme", "is_websocket", "root_path")
        return f"HTTPRequest({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


class _WSGIRequest(HTTPRequest):
    __slots__ = ("_environ", "_given_path", "_given_root_path", "_path_info", "_script_name")

    def __init__(
        self,
        environ: Mapping[str, Any],
        path: str | None = None,
        root_path: str | None = None,
        site: OwnSite | None = None,
    ) -> None:
        self._site = site
        self._environ = environ
        self._given_path = path
        self._given_root_path = root_path
        # These at once: who hands a request on to another application changes them in place.
        self._method = environ["REQUEST_METHOD"]
        if path is None or root_path is None:
            self._path_info = environ.get("PATH_INFO", "")
            self._script_name = environ.get("SCRIPT_NAME", "")

    def values(self, name: str) -> list[str]:
        value = self._environ.get(_variable(name))
        return [] if value is None else [value]

    @property
    def _shared(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._environ)

    def combined(self, name: str) -> str | None:
        return self._environ.get(_variable(name))

    @property
    def path(self) -> str:
        return _wsgi_text(self._path_info) if self._given_path is None else self._given_path

    @property
    def query(self) -> str:
        query: str = self._environ.get("QUERY_STRING", "")
        return query

    @property
    def scheme(self) -> str:
        scheme: str = self._environ.get("wsgi.url_scheme", "http")
        return scheme

    @property
    def is_websocket(self) -> bool:
        return False

    @property
    def root_path(self) -> str:
        return _wsgi_text(self._script_name) if self._given_root_path is None else self._given_root_path

    @property
    def client(self) -> str | None:
        return self._environ.get("REMOTE_ADDR")


@lru_cache(maxsize=64)  # The names are the program's, never the sender's, and there are few.
def _variable(name: str) -> str:
    """What a WSGI environ calls a field (PEP 3333, after CGI): the two that describe the body have no prefix."""
    variable = name.replace("-", "_").upper()
    return variable if variable in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + variable


def _wsgi_text(value: object) -> str:
    """The UTF-8 text of bytes that PEP 3333 hands over as latin-1; U+FFFD for what is not UTF-8.

    A character above U+00FF breaks the PEP. Its escape begins with a backslash, so rules refuse such a path.
    """
    return str(value).encode("latin-1", "backslashreplace").decode("utf-8", "replace")


class _ASGIRequest(HTTPRequest):
    __slots__ = ("_given_path", "_given_root_path", "_scope")

    def __init__(
        self,
        scope: Mapping[str, Any],
        path: str | None = None,
        root_path: str | None = None,
        site: OwnSite | None = None,
    ) -> None:
        self._site = site
        self._scope = scope
        self._given_path = path
        self._given_root_path = root_path

    def values(self, name: str) -> list[str]:
        found: list[str] = []
        size = len(name)  # Most fields have another, which is quicker to see than their name in lower case.
        for field_name, value in self._scope["headers"]:
            if len(field_name) == size and field_name.lower() == name.encode("latin-1"):
                found.append(value.decode("latin-1"))  # Not a comprehension, which is a frame of its own.
        return found

    @property
    def _shared(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._scope)

    def combined(self, name: str) -> str | None:
        found, fields = None, None
        size = len(name)
        for field_name, value in self._scope["headers"]:  # As above, without a list for what is there once.
            if len(field_name) == size and field_name.lower() == name.encode("latin-1"):
                text = value.decode("latin-1") if len(value) <= MAX_FIELD else value[: MAX_FIELD + 1].decode("latin-1")
                if found is None:
                    found = text
                elif fields is None:
                    fields = [found, text]
                else:
                    fields.append(text)
        return found if fields is None else ",".join(fields)

    @property
    def method(self) -> str:
        # A handshake is a GET (RFC 6455 §4.1), though its scope does not say so.
        method: str = "GET" if self.is_websocket else self._scope["method"]
        return method

    @property
    def path(self) -> str:
        return _below_root(self._scope) if self._given_path is None else self._given_path

    @property
    def query(self) -> str:
        query: bytes = self._scope.get("query_string") or b""
        return query.decode("latin-1")

    @property
    def scheme(self) -> str:
        scheme: str = self._scope.get("scheme", "http")
        return {"ws": "http", "wss": "https"}.get(scheme, scheme)

    @property
    def is_websocket(self) -> bool:
        return bool(self._scope["type"] == "websocket")

    @property
    def root_path(self) -> str:
        return (self._scope.get("root_path") or "") if self._given_root_path is None else self._given_root_path

    @property
    def client(self) -> str | None:
        client = self._scope.get("client")
        return client[0] if client else None


WSGIRequest, ASGIRequest = _WSGIRequest, _ASGIRequest
"""What `from_wsgi` and `from_asgi` make, for adapters: a call less a request."""


def _below_root(scope: Mapping[str, Any]) -> str:
    """The path less `root_path`, at a `/` boundary: `/docs-internal` is not below `/docs`. As the router reads it."""
    path: str = scope["path"]
    root: str = scope.get("root_path") or ""
    if root and path.startswith(root) and (len(path) == len(root) or path[len(root)] == "/"):
        return path[len(root) :]
    return path
