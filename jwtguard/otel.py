"""OpenTelemetry: decisions and session events as metrics, and spans around what leaves the process.

>>> from jwtguard import Guard, RemoteJWKSet
>>> events = OTelEvents()
>>> guard = Guard(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     keys=RemoteJWKSet("https://issuer.example/jwks.json", fetcher=traced_fetcher()),
...     on_event=events.decision,
... )

Metrics are told by outcome and reason, and never by who was meant: a subject or a session in an attribute would make
a time series of each. Only the API is needed here; without an SDK in the program everything does nothing, and a guard
without these functions knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

try:
    from opentelemetry import metrics, trace
    from opentelemetry.trace import SpanKind, StatusCode
except ImportError as error:
    raise ImportError("jwtguard.otel needs opentelemetry-api: pip install 'jwtguard-middleware[otel]'") from error

from jwtguard.core.events import Event, SessionEvent
from jwtguard.core.flow import is_async
from jwtguard.core.sessions.store_protocol import SessionStore
from jwtguard.key_sources.fetchers import as_fetcher
from jwtguard.key_sources.http_client import Fetcher, FetchRequest, FetchResponse

SCOPE = "jwtguard"
"""The instrumentation scope of all instruments and spans."""


class OTelEvents:
    """Counts what guards and sessions tell: `Guard(on_event=events.decision)`, `Sessions(on_event=events.session)`.

    `jwtguard.decisions` counts by `jwtguard.outcome` (`accepted`, `refused`, `unavailable`) and, where a request was
    not accepted, by `error.type`, the reason. `jwtguard.session.events` counts by `jwtguard.session.event`, and by
    `error.type` where it was refused. A decision is also noted on the span at hand, which is the request's where the
    framework is instrumented. The providers are the global ones unless given.
    """

    def __init__(self, meter_provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter(SCOPE, meter_provider=meter_provider)
        self._decisions = meter.create_counter(
            "jwtguard.decisions", unit="{decision}", description="Decisions about tokens and what they were wanted for."
        )
        self._sessions = meter.create_counter(
            "jwtguard.session.events", unit="{event}", description="What happened to sessions."
        )

    def decision(self, event: Event) -> None:
        """Count one decision of a guard."""
        attributes: dict[str, str] = {"jwtguard.outcome": event.outcome}
        if event.outcome != "accepted":
            attributes["error.type"] = event.reason
        self._decisions.add(1, attributes)
        trace.get_current_span().add_event("jwtguard.decision", attributes)

    def session(self, event: SessionEvent) -> None:
        """Count one event of a session."""
        attributes: dict[str, str] = {"jwtguard.session.event": event.kind}
        if event.kind == "refused":
            attributes["error.type"] = event.reason
        self._sessions.add(1, attributes)
        trace.get_current_span().add_event("jwtguard.session", attributes)


def traced_fetcher(fetcher: object = None, *, tracer_provider: trace.TracerProvider | None = None) -> Fetcher:
    """A fetcher with a client span around each fetch, by the conventions for HTTP.

    `fetcher` is what `RemoteJWKSet` takes; the default one if it is None. Fetches run apart from requests, so each span
    is the root of a trace of its own. Raises `ConfigurationError`.
    """
    tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
    inner = as_fetcher(fetcher)

    def span_of(request: FetchRequest) -> AbstractContextManager[trace.Span]:
        return _spanning(tracer, request.method, SpanKind.CLIENT, _of_request(request))

    if is_async(inner):

        async def fetch_async(request: FetchRequest) -> FetchResponse:
            with span_of(request) as span:
                return _noted(span, await cast("Awaitable[FetchResponse]", inner(request)))

        return fetch_async

    def fetch(request: FetchRequest) -> FetchResponse:
        with span_of(request) as span:
            return _noted(span, cast("FetchResponse", inner(request)))

    return fetch


def _of_request(request: FetchRequest) -> dict[str, str | int]:
    from urllib.parse import urlsplit  # noqa: PLC0415 - slow to import, and fetches are few

    parts = urlsplit(request.url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return {
        "http.request.method": request.method,
        "url.full": request.url,
        "server.address": parts.hostname or "",
        "server.port": port,
    }


def _noted(span: trace.Span, response: FetchResponse) -> FetchResponse:
    span.set_attribute("http.response.status_code", response.status)
    if response.status >= 400:
        _fail(span, str(response.status))
    return response


def traced_store(store: SessionStore, *, tracer_provider: trace.TracerProvider | None = None) -> SessionStore:
    """A store with a span around each call, such as `jwtguard.session.rotate`, inside the request's.

    It names the method, not the user. Spans of the database's own instrumentation are its children.
    """
    tracer = trace.get_tracer(SCOPE, tracer_provider=tracer_provider)
    kind = _AsyncTracedStore if is_async(store.find) else _TracedStore
    return cast("SessionStore", kind(store, tracer))


class _Traced:
    def __init__(self, store: SessionStore, tracer: trace.Tracer) -> None:
        self.__wrapped__ = store
        self._tracer = tracer

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else the store has
        return getattr(self.__wrapped__, name)

    def __repr__(self) -> str:
        return f"traced_store({self.__wrapped__!r})"

    def span(self, method: str) -> AbstractContextManager[trace.Span]:
        attributes = {"jwtguard.store": type(self.__wrapped__).__name__}
        return _spanning(self._tracer, f"jwtguard.session.{method}", SpanKind.INTERNAL, attributes)


def _sync(method: str) -> Callable[..., Any]:
    def call(self: _Traced, *args: object, **kwargs: object) -> object:
        with self.span(method):
            return getattr(self.__wrapped__, method)(*args, **kwargs)

    return call


def _async(method: str) -> Callable[..., Any]:
    async def call(self: _Traced, *args: object, **kwargs: object) -> object:
        with self.span(method):
            return await getattr(self.__wrapped__, method)(*args, **kwargs)

    return call


class _TracedStore(_Traced):
    create, rotate = _sync("create"), _sync("rotate")
    find, find_many = _sync("find"), _sync("find_many")
    list, revoke, revoke_all, purge = _sync("list"), _sync("revoke"), _sync("revoke_all"), _sync("purge")


class _AsyncTracedStore(_Traced):
    create, rotate = _async("create"), _async("rotate")
    find, find_many = _async("find"), _async("find_many")
    list, revoke, revoke_all, purge = _async("list"), _async("revoke"), _async("revoke_all"), _async("purge")


@contextmanager
def _spanning(
    tracer: trace.Tracer, name: str, kind: SpanKind, attributes: Mapping[str, str | int]
) -> Iterator[trace.Span]:
    """A span that tells the type of what was raised, and not its text, which may quote anything."""
    with tracer.start_as_current_span(
        name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            _fail(span, type(error).__qualname__)
            raise


def _fail(span: trace.Span, error_type: str) -> None:
    span.set_attribute("error.type", error_type)
    span.set_status(StatusCode.ERROR)
