"""What can go wrong with a provider, on a real server: outages, floods, hostile documents, rotations, crowds."""

from __future__ import annotations

import asyncio
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from jwtguard import Guard, JWTGuardError, OpenIDProvider, RemoteJWKSet, SigningKey, UnavailableError
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.jws import sign
from jwtguard.key_sources.cached import FetchedKeys
from tests.core.keys import signing_key
from tests.key_sources import server as behaviours
from tests.key_sources.scripted import AUDIENCE, FIRST, SECOND, Clock, as_json, claims, jwks
from tests.key_sources.server import Server, answer, serving

TIMEOUT = 1.0
"""Seconds that a fetch may take here; nothing is wanted that needs longer."""
WEAK = {"kty": "RSA", "kid": "weak", "alg": "RS256", "n": "AQAB" * 40, "e": "AQAB"}
SECRET = {"kty": "oct", "kid": "secret", "alg": "HS256", "k": "A" * 43}
ENCRYPTION = {**signing_key("RS256", "enc").verification_key.to_jwk(), "use": "enc", "alg": "RSA-OAEP"}


@pytest.fixture
def provider() -> Iterator[Server]:
    with serving() as server:
        yield server


class Site:
    """A guard in front of a provider on this machine, with a clock to move."""

    def __init__(self, server: Server, *, discovery: bool = False, **settings: Any) -> None:
        self.server = server
        self.clock = Clock()
        arguments: dict[str, Any] = {
            "allow_http_loopback": True,
            "timeout": timedelta(seconds=TIMEOUT),
            "clock": self.clock,
            **settings,
        }
        self.keys: FetchedKeys
        if discovery:
            self.keys = OpenIDProvider(server.origin, **arguments)
        else:
            self.keys = RemoteJWKSet(f"{server.origin}/jwks", **arguments)
        self.guard = Guard(issuer=server.origin, audience=AUDIENCE, keys=self.keys, clock=self.clock)

    def publish(self, *keys: SigningKey, **metadata: Any) -> None:
        """Serve these keys, and metadata that lead to them."""
        document = {"issuer": self.server.origin, "jwks_uri": f"{self.server.origin}/jwks", **metadata}
        self.server.behaviour = {
            "/jwks": answer(jwks(*keys)),
            "/.well-known/openid-configuration": answer(as_json(document)),
        }

    def token(self, key: SigningKey = FIRST, **changes: Any) -> str:
        """A token of this provider."""
        return sign(as_json(claims(iss=self.server.origin, **changes)), key)

    def status(self, key: SigningKey = FIRST, **changes: Any) -> int:
        """What a request with such a token is answered."""
        request = HTTPRequest.from_wsgi(
            {"REQUEST_METHOD": "GET", "HTTP_AUTHORIZATION": f"Bearer {self.token(key, **changes)}"}
        )
        authentication = self.guard.authenticate(request).run()
        if authentication.error is None:
            return 200
        answered = self.guard.answer(authentication.error, request)
        if answered.status == 503:
            assert 1 <= int(dict(answered.headers)["Retry-After"]) <= 10
        return answered.status

    def settle(self) -> None:
        """Wait for what happens behind the scenes."""
        background_fetch = self.keys._background_fetch
        if background_fetch is not None:
            background_fetch.future.exception(timeout=5)


@pytest.fixture(params=[False, True], ids=["jwks", "discovery"])
def site(provider: Server, request: pytest.FixtureRequest) -> Site:
    made = Site(provider, discovery=request.param)
    made.publish(FIRST)
    return made


DOWN = answer(b"out of order", status="500 Internal Server Error")


def test_ten_minutes_of_outage_under_load(site: Site) -> None:
    """Known keys answer 200 all along, an unknown one 503; at most one fetch a cool-down; then all is well again."""
    assert site.status() == 200
    site.server.behaviour = DOWN
    before, seen = site.server.count, set()
    for second in range(600):
        site.clock.now += 1
        seen.add((site.status(jti=str(second)), site.status(SECOND)))
        site.settle()
    assert seen == {(200, 503)}
    assert 30 <= site.server.count - before <= 61
    site.publish(FIRST)
    site.clock.now += 10
    assert [site.status(SECOND), site.status(SECOND), site.status()] == [401, 401, 200]
    site.publish(FIRST, SECOND)
    site.clock.now += 10
    assert site.status(SECOND) == 200


def test_cold_start_without_a_provider(site: Site) -> None:
    """No keys and no provider: 503 with Retry-After, one fetch a cool-down, and 200 as soon as it is back."""
    site.server.behaviour = DOWN
    assert [site.status() for _ in range(50)] == [503] * 50
    assert site.server.count == 1
    site.publish(FIRST)
    site.clock.now += 10
    assert site.status() == 200


def test_flood_of_unknown_kids(provider: Server) -> None:
    """10 000 invented kids in ten seconds: at most two fetches, and memory stays where it was."""
    site = Site(provider)
    site.publish(FIRST)
    chooser = random.Random(4)
    parts = sign(as_json(claims(iss=provider.origin)), FIRST).split(".")

    def flood(count: int) -> None:
        for _ in range(count):
            kid = chooser.randbytes(8).hex()
            header = _segment({"alg": "ES256", "kid": kid})
            site.clock.now += 0.001
            with pytest.raises(JWTGuardError) as refused:
                site.guard.verify(f"{header}.{parts[1]}.{parts[2]}").run()
            assert refused.value.status == 401

    flood(1000)
    tracemalloc.start()
    flood(1000)
    before, _ = tracemalloc.get_traced_memory()
    flood(7998)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert site.server.count <= 2
    assert after - before < 100_000


def _segment(header: dict[str, Any]) -> str:
    from jwtguard.core.tokens.encoding import encode_segment

    return encode_segment(as_json(header))


HOSTILE: dict[str, Any] = {
    "100 MB": behaviours.huge,
    "100 MB announced": behaviours.announced_huge,
    "a byte at a time": behaviours.trickle,
    "a byte of the head at a time": behaviours.trickled_head,
    "nothing": behaviours.hang,
    "cut short": behaviours.cut_short,
    "no HTTP": behaviours.no_http,
    "redirect": answer(b"", status="302 Found", headers="Location: /elsewhere\r\n"),
    "permanent redirect": answer(b"", status="308 Permanent Redirect", headers="Location: /elsewhere\r\n"),
    "error": DOWN,
    "not found": answer(b"{}", status="404 Not Found"),
    "HTML": answer(b"<!doctype html><title>Log in</title>", headers="Content-Type: text/html\r\n"),
    "no keys": answer(as_json({"keys": []})),
    "no list": answer(as_json({"keys": {"kid": "x"}})),
    "null": answer(b"null"),
    "list": answer(b"[]"),
    "empty": answer(b""),
    "10 000 keys": answer(jwks(*[{**FIRST.verification_key.to_jwk(), "kid": str(n)} for n in range(10_000)])),
    "101 keys": answer(jwks(*[{**FIRST.verification_key.to_jwk(), "kid": str(n)} for n in range(101)])),
    "symmetric keys only": answer(jwks(SECRET, {**SECRET, "kid": "other"})),
    "encryption keys only": answer(jwks(ENCRYPTION)),
    "weak keys only": answer(jwks(WEAK)),
    "deep": answer(b'{"keys":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "duplicate members": answer(b'{"keys": [], "keys": []}'),
    "not UTF-8": answer(b'{"keys": "\xff"}'),
    "UTF-16": answer('{"keys": []}'.encode("utf-16")),
    "a number without end": answer(b'{"keys": ' + b"1" * 100_000 + b"}"),
    "entries that are none": answer(as_json({"keys": [None, 1, "key", []]})),
}


@pytest.mark.parametrize("behaviour", HOSTILE.values(), ids=HOSTILE)
def test_hostile_document(provider: Server, behaviour: Any) -> None:
    """The old set serves on, the fetch ends in its time, and goes nowhere else."""
    site = Site(provider)
    site.publish(FIRST)
    assert site.status() == 200
    provider.behaviour = behaviour
    begun = time.monotonic()
    assert site.status(SECOND) == 503
    assert time.monotonic() - begun < TIMEOUT + 5
    assert site.keys.last_error
    assert site.status(jti="new") == 200
    assert "/elsewhere" not in provider.paths()


METADATA: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://evil.example"},
    "a slash more": {"issuer": "…/"},
    "no issuer": {"issuer": None},
    "no keys": {"jwks_uri": None},
    "keys in plain": {"jwks_uri": "http://192.0.2.1/jwks"},
    "keys in a file": {"jwks_uri": "file:///etc/passwd"},
    "keys in a list": {"jwks_uri": ["https://issuer.example/jwks"]},
}


@pytest.mark.parametrize("changes", METADATA.values(), ids=METADATA)
def test_wrong_metadata(provider: Server, changes: dict[str, Any]) -> None:
    """The old set serves on, and no other issuer's keys are fetched."""
    site = Site(provider, discovery=True)
    site.publish(FIRST)
    assert site.status() == 200
    changes = {name: f"{provider.origin}/" if value == "…/" else value for name, value in changes.items()}
    site.publish(FIRST, SECOND, **changes)
    del provider.requests[:]
    assert [site.status(SECOND), site.status(jti="new")] == [503, 200]
    assert provider.paths() == ["/.well-known/openid-configuration"]
    assert "metadata" in str(site.keys.last_error)


@pytest.mark.parametrize("discovery", [False, True], ids=["jwks", "discovery"])
def test_hundred_rotations_under_load(provider: Server, discovery: bool) -> None:
    """Each key is published before it signs and stays for a while: no token is refused, from either of two threads."""
    # The time-out is long: on a busy machine a fetch may take a second, which is no fault of the rotation.
    site = Site(provider, discovery=discovery, timeout=timedelta(seconds=30))
    keys = [SigningKey.generate("ES256", kid=f"rotation-{n}") for n in range(102)]
    site.publish(*keys[:2])
    wrong: list[int] = []
    current, rounds, stop = [0], [0] * 2, threading.Event()

    def load(number: int) -> None:
        while not stop.is_set():
            position = current[0]
            for key in keys[max(0, position - 1) : position + 1]:
                status = site.status(key)
                if status != 200:
                    wrong.append(status)
            rounds[number] += 1

    threads = [threading.Thread(target=load, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for position in range(1, 101):
        site.publish(*keys[max(0, position - 2) : position + 2])
        site.clock.now += 11  # The cool-down has passed; the soft lifetime has, now and then.
        current[0] = position
        assert site.status(keys[position]) == 200
        # The overlap: the key that was current two rotations ago is not used any more.
        done = list(rounds)
        while any(now < before + 2 for now, before in zip(rounds, done, strict=True)) and not wrong:
            time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join(5)
    assert wrong == []


def test_hanging_provider(provider: Server) -> None:
    """It delays no caller with known keys; thirty threads wait once and together, and a later one does not wait."""
    site = Site(provider)
    site.publish(FIRST)
    assert site.status() == 200
    provider.behaviour = behaviours.hang
    begun = time.monotonic()
    statuses = _in_threads(30, lambda: site.status(SECOND))
    waited = time.monotonic() - begun
    assert statuses == [503] * 30
    assert waited < TIMEOUT + 5
    begun = time.monotonic()
    assert [site.status(SECOND), site.status(jti="new")] == [503, 200]
    assert time.monotonic() - begun < 0.2
    assert provider.count == 2


def _in_threads(count: int, work: Callable[[], int]) -> list[int]:
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(work())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return results


@pytest.mark.parametrize("client", [None, httpx.Client, httpx.AsyncClient], ids=["default", "httpx", "httpx-async"])
def test_two_hundred_tasks_on_one_loop(provider: Server, client: Any) -> None:
    """One fetch serves all of them; a cancelled one cancels no other; the loop runs on."""

    async def main() -> None:
        fetcher = None if client is None else client(trust_env=False)
        site = Site(provider, fetcher=fetcher, timeout=timedelta(seconds=5))
        release = threading.Event()
        provider.behaviour = behaviours.held(jwks(FIRST), release)

        async def verify() -> object:
            return await site.guard.verify(site.token())

        tasks = [asyncio.ensure_future(verify()) for _ in range(200)]
        while not provider.count:
            await asyncio.sleep(0.001)  # The loop runs on.
        for task in tasks[:20]:
            task.cancel()
        await asyncio.sleep(0)
        release.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        names = [type(result).__name__ for result in results]
        assert names == ["CancelledError"] * 20 + ["VerifiedToken"] * 180
        assert provider.count == 1
        if isinstance(fetcher, httpx.AsyncClient):
            await fetcher.aclose()
        elif fetcher is not None:
            fetcher.close()

    asyncio.run(main())


@pytest.mark.parametrize("behaviour", ["huge", "trickle", "hang", "announced_huge"])
@pytest.mark.parametrize("kind", [httpx.Client, httpx.AsyncClient])
def test_httpx_is_bounded_too(provider: Server, kind: Any, behaviour: str) -> None:
    """An httpx client is held to our limits, whatever its own are, and to no redirects."""
    provider.behaviour = getattr(behaviours, behaviour)

    async def main() -> None:
        client = kind(timeout=None, follow_redirects=True, trust_env=False)
        site = Site(provider, fetcher=client)
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            await site.keys.prefetch()
        assert time.monotonic() - begun < TIMEOUT + 5
        provider.behaviour = answer(b"", status="302 Found", headers="Location: /elsewhere\r\n")
        site.clock.now += 10
        with pytest.raises(UnavailableError):
            await site.keys.prefetch()
        assert "redirects are not followed" in str(site.keys.last_error)
        if kind is httpx.AsyncClient:
            await client.aclose()
        else:
            client.close()

    asyncio.run(main())


LINES: dict[str, bytes] = {
    "a status line": b"HTTP/1.1 \x1b[2J\x1b]0;forged\x07 OK\r\n\r\n",
    "no status line": b"\x1b[31mforged\x9b2J line\nWARNING jwtguard: forged\r\n\r\n",
    "a long status line": b"x" * 3000 + b"\r\n\r\n",
    "a status that is none": b"HTTP/1.1 2\x1b00 OK\r\n\r\n",
    "a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\x1b[2J" + b"x" * 300 + b"\r\n",
    "a header": b"HTTP/1.1 500 \x1b[2J\r\nX: \x1b[2J\r\n\r\n",
    "an encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: \x1b[2J" + b"x" * 300 + b"\r\n\r\n{}",
    "a length": b"HTTP/1.1 200 OK\r\nContent-Length: \xb2" + b"x" * 300 + b"\r\n\r\n{}",
}


@pytest.mark.parametrize("client", [None, httpx.Client], ids=["default", "httpx"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_what_a_server_says_makes_no_line_in_the_log(
    provider: Server, line: bytes, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Control characters are escaped, and at most 64 characters are kept, in the log and in `last_error`."""
    from jwtguard import Introspection

    provider.behaviour = line
    fetcher = None if client is None else client(trust_env=False)
    site = Site(provider, fetcher=fetcher)
    asking = Introspection(provider.origin, client_id="a", client_secret="b", allow_http_loopback=True, fetcher=fetcher)
    guard = Guard(issuer="i", audience="a", introspection=asking)
    assert site.status() == 503
    with pytest.raises(UnavailableError):
        guard.verify("opaque").run()
    texts = [str(site.keys.last_error), str(asking.last_error), *(record.getMessage() for record in caplog.records)]
    assert [text for text in texts if not text.isprintable() or "x" * 65 in text] == []
    if fetcher is not None:
        fetcher.close()
