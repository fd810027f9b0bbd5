"""Answers that are compressed without a request for it: by any fetcher, within the limit."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jwtguard import Introspection, RemoteJWKSet, UnavailableError
from jwtguard.key_sources.content_encoding import ContentEncodingError, UnpackedTooLargeError, unpacked
from jwtguard.key_sources.http_client import MAX_BYTES
from tests.key_sources.scripted import FIRST, jwks
from tests.key_sources.server import Server, answer, serving

DOCUMENT = jwks(FIRST)
RAW_DEFLATE = zlib.compressobj(wbits=-15)
RAW = RAW_DEFLATE.compress(DOCUMENT) + RAW_DEFLATE.flush()
BOMB = gzip.compress(b" " * 50_000_000)

UNPACKED: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(DOCUMENT)),
    "in capitals": ("GZIP", gzip.compress(DOCUMENT)),
    "x-gzip": ("x-gzip", gzip.compress(DOCUMENT)),
    "two members": ("gzip", gzip.compress(DOCUMENT[:50]) + gzip.compress(DOCUMENT[50:])),
    "deflate": ("deflate", zlib.compress(DOCUMENT)),
    "deflate without its frame": ("deflate", RAW),
    "identity": ("identity", DOCUMENT),
    "nothing": ("", DOCUMENT),
    "identity and gzip": ("identity, gzip", gzip.compress(DOCUMENT)),
}
REFUSED: dict[str, tuple[str, bytes, str]] = {
    "a bomb": ("gzip", BOMB, f"sent more than {MAX_BYTES} bytes"),
    "a bomb by deflate": ("deflate", zlib.compress(b" " * 50_000_000), f"sent more than {MAX_BYTES} bytes"),
    "a byte too many": ("gzip", gzip.compress(b" " * (MAX_BYTES + 1)), f"sent more than {MAX_BYTES} bytes"),
    "a bomb in two members": ("gzip", gzip.compress(b" " * MAX_BYTES) * 2, f"sent more than {MAX_BYTES} bytes"),
    "cut short": ("gzip", gzip.compress(DOCUMENT)[:-9], "in the encoding 'gzip', which was not asked for"),
    "something behind it": ("gzip", gzip.compress(DOCUMENT) + b"x", "in the encoding 'gzip'"),
    "many members": ("gzip", gzip.compress(b"") * 1000, "in the encoding 'gzip'"),
    "not compressed": ("gzip", DOCUMENT, "in the encoding 'gzip'"),
    "not compressed, deflate": ("deflate", DOCUMENT, "in the encoding 'deflate'"),
    "twice": ("gzip, gzip", gzip.compress(gzip.compress(DOCUMENT)), "in the encoding 'gzip, gzip'"),
    "another encoding": ("br", b"\x0b\x02\x80{}\x03", "in the encoding 'br'"),
    "text from elsewhere": ("x" * 500, DOCUMENT, f"in the encoding '{'x' * 64}', which"),
}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def fetched(server: Server, client: Callable[..., Any] | None) -> RemoteJWKSet:
    """The keys of `server`, fetched or not."""

    async def main() -> RemoteJWKSet:
        fetcher = None if client is None else client(trust_env=False)
        keys = RemoteJWKSet(
            f"{server.origin}/jwks", allow_http_loopback=True, fetcher=fetcher, timeout=timedelta(seconds=30)
        )
        try:
            await keys.prefetch()
        except UnavailableError:
            assert keys.last_error
        if isinstance(fetcher, httpx.AsyncClient):
            await fetcher.aclose()
        elif fetcher is not None:
            fetcher.close()
        return keys

    return asyncio.run(main())


@pytest.mark.parametrize("client", [None, httpx.Client, httpx.AsyncClient], ids=["default", "httpx", "httpx-async"])
@pytest.mark.parametrize(("encoding", "body"), UNPACKED.values(), ids=UNPACKED)
def test_it_is_unpacked(server: Server, encoding: str, body: bytes, client: Any) -> None:
    """The encodings that every server has, in all their spellings."""
    server.behaviour = answer(body, headers=f"Content-Encoding: {encoding}\r\n")
    keys = fetched(server, client)
    assert (keys.last_error, [key.kid for key in keys.current() or ()]) == (None, ["first"])
    assert b"accept-encoding: identity" in server.requests[0].lower()


@pytest.mark.parametrize("client", [None, httpx.Client, httpx.AsyncClient], ids=["default", "httpx", "httpx-async"])
@pytest.mark.parametrize(("encoding", "body", "error"), REFUSED.values(), ids=REFUSED)
def test_it_is_named(server: Server, encoding: str, body: bytes, error: str, client: Any) -> None:
    """A body that cannot be unpacked, or would be too large, is an outage that names the cause."""
    server.behaviour = answer(body, headers=f"Content-Encoding: {encoding}\r\n")
    keys = fetched(server, client)
    assert error in str(keys.last_error)


def test_the_body_of_another_status_is_not_unpacked(server: Server) -> None:
    """The status says what is wrong."""
    server.behaviour = answer(b"x", status="502 Bad Gateway", headers="Content-Encoding: br\r\n")
    assert str(fetched(server, None).last_error).endswith("answered 502")


def test_no_more_than_the_limit_is_ever_made_of_it() -> None:
    """A bomb costs its bytes and the limit, not what it would be."""
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(UnpackedTooLargeError):
        unpacked(BOMB, "gzip", max_bytes=MAX_BYTES)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MAX_BYTES
    assert unpacked(gzip.compress(b" " * MAX_BYTES), "gzip", max_bytes=MAX_BYTES) == b" " * MAX_BYTES
    with pytest.raises(ContentEncodingError) as refused:
        unpacked(b"", "gzip", max_bytes=1)
    assert refused.value.__context__ is None


def test_introspection_unpacks_too(server: Server) -> None:
    """By the same fetchers."""
    from jwtguard import Guard
    from tests.key_sources.scripted import AUDIENCE, ISSUER, as_json, claims

    reply = gzip.compress(as_json({**claims(), "active": True}))
    server.behaviour = answer(reply, headers="Content-Encoding: gzip\r\n")
    asking = Introspection(server.origin, client_id="a", client_secret="b", allow_http_loopback=True)
    guard = Guard(issuer=ISSUER, audience=AUDIENCE, introspection=asking)
    assert guard.verify("opaque").run().claims["sub"] == "user-1"


# Clients of httpx that have read an answer before it comes to us.


def read_by_hook(kind: Any, transport: Any) -> Any:
    """A client whose response hook reads the body, as one does that logs it."""

    def read(response: httpx.Response) -> None:
        response.read()

    async def aread(response: httpx.Response) -> None:
        await response.aread()

    hook = aread if kind is httpx.AsyncClient else read
    return kind(transport=transport, event_hooks={"response": [hook]})


def raise_by_hook(response: httpx.Response) -> None:
    """A hook that takes the body away."""
    for _ in response.iter_raw():
        pass


KEYS: dict[str, Any] = {"keys": [FIRST.verification_key.to_jwk()]}
ANSWERS: dict[str, Callable[[], httpx.Response]] = {
    "json": lambda: httpx.Response(200, json=KEYS),
    "content": lambda: httpx.Response(200, content=DOCUMENT),
    "stream": lambda: httpx.Response(200, stream=httpx.ByteStream(DOCUMENT)),
    "compressed": lambda: httpx.Response(
        200, content=gzip.compress(DOCUMENT), headers={"Content-Encoding": "gzip", "Cache-Control": "max-age=120"}
    ),
}


@pytest.mark.parametrize(
    "make", [read_by_hook, lambda kind, transport: kind(transport=transport)], ids=["hook", "none"]
)
@pytest.mark.parametrize("kind", [httpx.Client, httpx.AsyncClient])
@pytest.mark.parametrize("reply", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_was_read_already(reply: Callable[[], httpx.Response], kind: Any, make: Any) -> None:
    """By a hook, or because a test's transport has it in memory."""

    async def main() -> None:
        client = make(kind, httpx.MockTransport(lambda request: reply()))
        keys = RemoteJWKSet("https://issuer.example/jwks", fetcher=client)
        await keys.prefetch()
        assert [key.kid for key in keys.current() or ()] == ["first"]

    asyncio.run(main())


@pytest.mark.parametrize("kind", [httpx.Client, httpx.AsyncClient])
@pytest.mark.parametrize(
    ("body", "error"), [(b" " * (MAX_BYTES + 1), "sent more than 524288 bytes"), (b"<html>", "not a JSON object")]
)
def test_an_answer_that_was_read_already_is_held_to_the_limits(body: bytes, error: str, kind: Any) -> None:
    """As any other."""

    async def main() -> None:
        client = read_by_hook(kind, httpx.MockTransport(lambda request: httpx.Response(200, content=body)))
        keys = RemoteJWKSet("https://issuer.example/jwks", fetcher=client)
        with pytest.raises(UnavailableError):
            await keys.prefetch()
        assert error in str(keys.last_error)

    asyncio.run(main())


def test_a_hook_that_takes_the_body_away(server: Server) -> None:
    """A hook that removes the body is an outage that names the cause."""
    server.behaviour = answer(DOCUMENT)
    with httpx.Client(trust_env=False, event_hooks={"response": [raise_by_hook]}) as client:
        keys = RemoteJWKSet(server.origin, fetcher=client, allow_http_loopback=True)
        with pytest.raises(UnavailableError):
            keys.prefetch().run()
    assert "ResponseNotRead" in str(keys.last_error)
