"""WSGI: what is pending when a response starts, for any framework that speaks it.

>>> def application(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> guarded = finishing_renewals(application)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from jwtguard.callers import Callers, Pending, finishing

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


_KEY = "jwtguard.renewals"
"""A key of its own: adapters differ in where they keep the callers, and one environ may pass through several."""


def put_off_in(environ: WSGIEnvironment) -> Callable[[Pending], object]:
    """What keeps something for when the response to the request of `environ` starts."""
    return _callers(environ).put_off


def _callers(environ: WSGIEnvironment) -> Callers:
    callers: Callers = environ.setdefault(_KEY, Callers())
    return callers


def finishing_renewals(app: WSGIApplication) -> WSGIApplication:
    """`app`, whose pending renewals are finished when it starts its response: no hook inside is as late as that."""

    def finishing_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        callers = _callers(environ)

        def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:  # noqa: ANN401 - as in PEP 3333
            changed = finishing(callers.take_pending(), int(status[:3]), headers).run()
            return start_response(status, headers if changed is None else changed, *exc_info)

        return app(environ, cast("StartResponse", start))

    return finishing_app
