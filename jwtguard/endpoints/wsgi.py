"""WSGI: what is pending when a response starts, for any framework that speaks it.

>>> def application(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> guarded = finishing_renewals(application)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from jwtguard.callers import KEY, Callers, finishing

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def finishing_renewals(app: WSGIApplication) -> WSGIApplication:
    """`app`, whose pending renewals are finished when it starts its response: no hook inside is as late as that."""

    def finishing_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        callers: Callers = environ.setdefault(KEY, Callers())

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - as in PEP 3333
            changed = finishing(callers.take_pending(), int(status[:3]), headers).run()
            return start_response(status, headers if changed is None else changed, *exc_info)

        return app(environ, cast("StartResponse", start))

    return finishing_app
