"""Requests as the routes get them."""

from __future__ import annotations

from typing import Any

from jwtguard import HTTPRequest

JSON = "application/json"


def wsgi(method: str, path: str, *, root_path: str = "", content_type: str = JSON, **fields: str) -> HTTPRequest:
    """A request from our own page; `fields` are header fields with underscores."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": root_path.encode().decode("latin-1"),
        "PATH_INFO": path.encode().decode("latin-1"),
        "CONTENT_TYPE": content_type,
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_HOST": "api.example",
        "HTTP_ORIGIN": "https://api.example",
        **{f"HTTP_{name.upper()}": value for name, value in fields.items()},
    }
    return HTTPRequest.from_wsgi(environ)
