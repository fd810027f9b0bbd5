"""A streaming response of Django ends with its token where the ASGI middleware stands around Django's application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import path

from tests.adapters import django_site as django_site  # the settings
from tests.adapters.test_asgi_streams import DISCONNECT, Scene


@pytest.mark.parametrize("kind", ["text/event-stream", "text/plain"])
def test_streaming_response(kind: str) -> None:
    """An event stream ends, and its iterator is closed; anything else runs on."""
    scene = Scene()
    # Django closes the body of the request at the end of its own task, so that is not cancelled here.
    scene.is_patient = True
    closed: list[bool] = []

    async def events() -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            await scene.expire()
            yield b"data: 2\n\n"
        finally:
            closed.append(DISCONNECT in scene.seen)

    async def stream(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(events(), content_type=kind)

    urls: Any = ModuleType("urls_of_a_stream")
    urls.urlpatterns = [path("", stream)]
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[]):
        handler = ASGIHandler()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            async def noting() -> Any:
                message = await receive()
                scene.seen.append(message)
                return message

            await handler({**scope, "query_string": b"", "http_version": "1.1"}, noting, send)

        scene.play(app, "asyncio")
    bodies = [message["body"] for message in scene.sent[1:] if message.get("body")]
    if kind == "text/event-stream":
        assert bodies == [b"data: 1\n\n"]
        assert closed == [True]
    else:
        assert bodies == [b"data: 1\n\n", b"data: 2\n\n"]
        assert closed == [False]
    assert not scene.sent[-1].get("more_body", False)
