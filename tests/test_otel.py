"""OpenTelemetry: what is counted, what is traced, and what never stands in either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from jwtguard import (
    FetchRequest,
    FetchResponse,
    Grants,
    InvalidTokenError,
    RemoteJWKSet,
    Sessions,
    SessionStore,
    SigningKey,
    fan_out,
)
from jwtguard.otel import OTelEvents, traced_fetcher, traced_store
from jwtguard.stores.memory import MemoryStore
from tests.key_sources.server import answer, serving
from tests.samples import forged, guard, issuer, token

KEYS = json.dumps({"keys": [SigningKey.generate("ES256", kid="a1").verification_key.to_jwk()]}).encode()


class Recorded:
    """What was exported."""

    def __init__(self) -> None:
        self._reader, self._spans = InMemoryMetricReader(), InMemorySpanExporter()
        self.meters, self.tracers = MeterProvider([self._reader]), TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self._spans))

    def counts(self) -> dict[str, list[tuple[dict[str, Any], int]]]:
        """The counters with their attributes."""
        data: Any = self._reader.get_metrics_data()
        return {
            metric.name: [(dict(point.attributes), point.value) for point in metric.data.data_points]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended."""
        return list(self._spans.get_finished_spans())


@pytest.fixture
def recorded() -> Iterator[Recorded]:
    """Providers of this test's own."""
    found = Recorded()
    yield found
    found.meters.shutdown()
    found.tracers.shutdown()


def test_decisions(recorded: Recorded) -> None:
    """Decisions are counted by outcome and reason, and never by subject, session or token."""
    events = OTelEvents(recorded.meters)
    asked = guard(on_event=events.decision)
    text = token("user-1", session_id="s-1")
    for _ in range(2):
        asked.verify(text).run()
    with pytest.raises(InvalidTokenError):
        asked.verify(forged()).run()

    counts = recorded.counts()
    assert counts == {
        "jwtguard.decisions": [
            ({"jwtguard.outcome": "accepted"}, 2),
            ({"jwtguard.outcome": "refused", "error.type": "signature"}, 1),
        ]
    }
    assert not any(word in repr(counts) for word in ("user-1", "s-1", text))


def test_the_span_at_hand(recorded: Recorded) -> None:
    """The request's own span says what was decided in it."""
    asked = guard(on_event=OTelEvents(recorded.meters).decision)
    with recorded.tracers.get_tracer("test").start_as_current_span("GET /"):
        asked.verify(token()).run()
    (span,) = recorded.spans()
    assert [(event.name, dict(event.attributes or {})) for event in span.events] == [
        ("jwtguard.decision", {"jwtguard.outcome": "accepted"})
    ]


def sessions(store: SessionStore, **settings: Any) -> Sessions:
    """Sessions in that store."""
    keys = [SigningKey.generate("HS256", kid="r1")]
    return Sessions(issuer=issuer(), store=store, load=lambda subject: Grants(), refresh_keys=keys, **settings)


def test_session_events(recorded: Recorded) -> None:
    """Session events are counted by type; a refusal also by its reason."""
    ours = sessions(MemoryStore(), on_event=OTelEvents(recorded.meters).session)
    pair = ours.start("user-1").run()
    ours.refresh(pair.refresh_token).run()
    with pytest.raises(Exception, match="refresh token"):
        ours.refresh("garbage").run()

    assert recorded.counts() == {
        "jwtguard.session.events": [
            ({"jwtguard.session.event": "started"}, 1),
            ({"jwtguard.session.event": "refreshed"}, 1),
            ({"jwtguard.session.event": "refused", "error.type": "form"}, 1),
        ]
    }


def test_beside_an_own_function(recorded: Recorded) -> None:
    """Metrics and an application's own function stand side by side."""
    seen: list[str] = []
    both = fan_out(OTelEvents(recorded.meters).decision, lambda event: seen.append(event.reason))
    guard(on_event=both).verify(token()).run()
    assert (seen, len(recorded.counts())) == (["accepted"], 1)


@pytest.mark.parametrize(
    ("status", "kind", "more"),
    [
        ("200 OK", StatusCode.UNSET, {"http.response.status_code": 200}),
        ("503 Service Unavailable", StatusCode.ERROR, {"http.response.status_code": 503, "error.type": "503"}),
    ],
)
def test_fetches(recorded: Recorded, status: str, kind: StatusCode, more: dict[str, Any]) -> None:
    """A fetch of keys is a client span by the conventions for HTTP."""
    fetcher = traced_fetcher(tracer_provider=recorded.tracers)
    with serving() as server:
        server.behaviour = answer(KEYS, status=status)
        keys = RemoteJWKSet(f"{server.origin}/jwks", allow_http_loopback=True, fetcher=fetcher)
        if more["http.response.status_code"] == 200:
            keys.prefetch().run()
        else:
            with pytest.raises(Exception, match="cannot check"):
                keys.prefetch().run()
        (span,) = recorded.spans()
        assert (span.name, span.kind, span.status.status_code) == ("GET", SpanKind.CLIENT, kind)
        assert dict(span.attributes or {}) == {
            "http.request.method": "GET",
            "url.full": f"{server.origin}/jwks",
            "server.address": "127.0.0.1",
            "server.port": server.port,
            **more,
        }


def test_a_fetch_that_fails(recorded: Recorded) -> None:
    """The type of what was raised is told, and not its text, which may quote anything."""

    def failing(request: FetchRequest) -> FetchResponse:
        raise ConnectionError("proxy password=hunter2")

    fetch = traced_fetcher(failing, tracer_provider=recorded.tracers)
    with pytest.raises(ConnectionError):
        fetch(FetchRequest(url="https://issuer.example/jwks"))
    (span,) = recorded.spans()
    assert dict(span.attributes or {})["error.type"] == "ConnectionError"
    assert (span.events, "hunter2" in span.to_json()) == ((), False)


def test_async_fetches(recorded: Recorded) -> None:
    """An async fetcher is traced on its loop."""

    async def fetcher(request: FetchRequest) -> FetchResponse:
        return FetchResponse(status=200, body=KEYS)

    keys = RemoteJWKSet(
        "https://issuer.example/jwks", fetcher=traced_fetcher(fetcher, tracer_provider=recorded.tracers)
    )

    async def prefetch() -> None:
        await keys.prefetch()

    asyncio.run(prefetch())
    assert [(span.name, dict(span.attributes or {})["server.port"]) for span in recorded.spans()] == [("GET", 443)]


METHODS = ["create", "find", "rotate", "list", "revoke", "revoke_all", "purge"]


def test_stores(recorded: Recorded) -> None:
    """Each call of a store is a span, named by the method; what it was asked about stands nowhere."""
    store = traced_store(MemoryStore(), tracer_provider=recorded.tracers)
    ours = sessions(store)
    pair = ours.start("user-1").run()
    ours.refresh(pair.refresh_token).run()
    (session,) = ours.list("user-1").run()
    ours.end(pair.refresh_token).run()
    ours.end_session("user-1", session.session_id).run()
    ours.end_all("user-1").run()
    ours.purge().run()

    spans = recorded.spans()
    assert {span.name for span in spans} == {f"jwtguard.session.{name}" for name in METHODS}
    assert all(dict(span.attributes or {}) == {"jwtguard.store": "MemoryStore"} for span in spans)
    assert not any(word in span.to_json() for span in spans for word in ("user-1", session.session_id))


class AsyncStore:
    """A store that can only be awaited."""

    sync_alternative = "MemoryStore"

    def __init__(self) -> None:
        self._inner = MemoryStore()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def _awaiting(name: str) -> Any:
    async def method(self: AsyncStore, *args: object, **kwargs: object) -> object:
        return getattr(self._inner, name)(*args, **kwargs)

    return method


for _name in METHODS:
    setattr(AsyncStore, _name, _awaiting(_name))


def test_async_stores(recorded: Recorded) -> None:
    """An async store stays one, and keeps what else it says of itself."""
    inner: Any = AsyncStore()
    store = traced_store(inner, tracer_provider=recorded.tracers)
    ours = sessions(store)

    async def live() -> None:
        pair = await ours.start("user-1")
        await ours.refresh(pair.refresh_token)

    asyncio.run(live())
    assert [span.name for span in recorded.spans()] == ["jwtguard.session.create", "jwtguard.session.rotate"]
    assert store.sync_alternative == "MemoryStore"  # type: ignore[attr-defined]
    assert not hasattr(store, "to_thread")
    assert repr(store).startswith("traced_store(<")
    with pytest.raises(Exception, match="MemoryStore"):
        ours.start("user-1").run()


def test_a_store_that_fails(recorded: Recorded) -> None:
    """An outage is an error of its span."""

    class Broken(MemoryStore):
        def find(self, session_id: str, *, now: float) -> Any:
            raise ConnectionError("password=hunter2")

    store = traced_store(Broken(), tracer_provider=recorded.tracers)
    with pytest.raises(ConnectionError):
        store.find("s1", now=0)
    (span,) = recorded.spans()
    assert (span.status.status_code, dict(span.attributes or {})["error.type"]) == (StatusCode.ERROR, "ConnectionError")


def test_without_an_sdk() -> None:
    """Where the program has none, everything does nothing."""
    events = OTelEvents()
    guard(on_event=events.decision).verify(token()).run()
    assert traced_store(MemoryStore()).find("s1", now=0) is None
