"""The fetchers: the default one over TLS, by a proxy, against trickles; and httpx clients."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from jwtguard import FetchRequest, FetchResponse, RemoteJWKSet, UnavailableError
from jwtguard.core.flow import Flow
from jwtguard.key_sources.default_fetcher import DefaultFetcher
from jwtguard.key_sources.fetchers import as_fetcher, no_fetcher
from jwtguard.key_sources.http_client import Fetcher, FetchError, fetching
from tests.key_sources import server as behaviours
from tests.key_sources.certificates import self_signed
from tests.key_sources.scripted import FIRST, jwks
from tests.key_sources.server import Server, answer, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    return self_signed(tmp_path_factory.mktemp("tls") / "both.pem")


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Server]:
    """A server that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as server:
        yield server


@pytest.fixture
def plain_server() -> Iterator[Server]:
    """A server that does not."""
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def trusting(certificate: Path) -> ssl.SSLContext:
    """A client that trusts this certificate."""
    return ssl.create_default_context(cafile=certificate)


def test_tls(tls_server: Server, certificate: Path) -> None:
    """With a context that knows the certificate it is fetched; with the system's it is not."""
    tls_server.behaviour = answer(jwks(FIRST))
    url = f"{tls_server.origin}/jwks"
    RemoteJWKSet(url, tls=trusting(certificate)).prefetch().run()
    stranger = RemoteJWKSet(url)
    with pytest.raises(UnavailableError):
        stranger.prefetch().run()
    assert "CERTIFICATE_VERIFY_FAILED" in str(stranger.last_error)


def test_name_in_the_certificate(tls_server: Server, certificate: Path) -> None:
    """The name in the certificate must be that of the address."""
    tls_server.behaviour = answer(jwks(FIRST))
    keys = RemoteJWKSet(f"https://localhost:{tls_server.port}/jwks", tls=trusting(certificate))
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    assert "CERTIFICATE_VERIFY_FAILED" in str(keys.last_error)


@pytest.mark.parametrize("behaviour", [behaviours.trickle, behaviours.trickled_head, behaviours.hang])
def test_deadline_holds_over_tls(tls_server: Server, certificate: Path, behaviour: Any) -> None:
    """A slow answer over TLS ends at the deadline."""
    tls_server.behaviour = behaviour
    fetch = DefaultFetcher(tls=trusting(certificate))
    begun = time.monotonic()
    with pytest.raises(OSError, match="time"):
        fetch(FetchRequest(url=tls_server.origin, timeout=0.2))
    assert time.monotonic() - begun < 1


def test_what_is_sent(plain_server: Server) -> None:
    """Our own name, no compression, and nothing about us."""
    plain_server.behaviour = answer(b"{}", headers="X-Name: a\r\n")
    found = DefaultFetcher()(FetchRequest(url=f"{plain_server.origin}/a?b=c", headers={"X-Mine": "1"}))
    assert (found.status, found.headers["x-name"], found.body) == (200, "a", b"{}")
    head = plain_server.requests[0].decode().lower()
    assert head.startswith("get /a?b=c http/1.1\r\n")
    for line in ("user-agent: jwtguard", "accept-encoding: identity", "x-mine: 1", "connection: close"):
        assert f"{line}\r\n" in head


def test_form_is_posted(plain_server: Server) -> None:
    """For introspection."""
    request = FetchRequest(url=plain_server.origin, method="POST", body=b"a=b", headers={"Content-Type": "text/plain"})
    assert DefaultFetcher()(request).body == b"{}"
    assert plain_server.requests[0].endswith(b"\r\n\r\na=b")


def test_proxy_is_for_https_alone(
    plain_server: Server, tls_server: Server, monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    """The proxy of the environment is asked to connect; this machine is never asked for by one."""
    monkeypatch.setenv("https_proxy", plain_server.origin)
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:1")
    plain_server.behaviour = answer(b"", status="403 Forbidden")
    fetch = DefaultFetcher(tls=trusting(certificate))
    with pytest.raises(OSError, match="403"):
        fetch(FetchRequest(url=f"https://issuer.example:{tls_server.port}/", timeout=1))
    assert plain_server.requests[0].startswith(b"CONNECT issuer.example:")
    assert tls_server.count == 0
    assert fetch(FetchRequest(url=plain_server.origin)).status == 403


def test_connection_refused(plain_server: Server) -> None:
    """A refused connection is an error of the usual kind."""
    plain_server.close()
    with pytest.raises(OSError, match="refused"):
        DefaultFetcher()(FetchRequest(url=plain_server.origin, timeout=1))


def test_deadline_that_has_passed(plain_server: Server) -> None:
    """Nothing is sent any more."""
    with pytest.raises((OSError, ValueError)):
        DefaultFetcher()(FetchRequest(url=plain_server.origin, timeout=1e-9))
    assert plain_server.count == 0


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (b"{}", "the fetcher returned bytes, not a FetchResponse"),
        (FetchResponse(status=200, body=b"12345"), "sent more than 4 bytes"),
        (FetchResponse(status=204), "answered 204"),
        (FetchResponse(status=303), "answered 303: redirects are not followed"),
    ],
)
def test_fetchers_are_held_to_the_limits(found: Any, message: str) -> None:
    """The limits hold for every custom fetcher."""
    fetcher: Fetcher = lambda request: found  # noqa: E731
    with pytest.raises(FetchError, match=message):
        Flow(fetching(fetcher, FetchRequest(url="https://issuer.example", max_bytes=4))).run()


def test_fetcher_that_gives_up_by_itself() -> None:
    """A time-out is said to be one."""

    def fetcher(request: FetchRequest) -> FetchResponse:
        raise TimeoutError

    with pytest.raises(FetchError, match="did not answer within 5 s"):
        Flow(fetching(fetcher, FetchRequest(url="https://issuer.example"))).run()
    with pytest.raises(FetchError, match="no fetcher"):
        Flow(fetching(no_fetcher, FetchRequest(url="https://issuer.example"))).run()


def test_fields_of_one_name(plain_server: Server) -> None:
    """Fields of one name are one list, whose members all count (RFC 9110 §5.3)."""
    plain_server.behaviour = answer(jwks(FIRST), headers="Cache-Control: max-age=120\r\ncache-control: public\r\n")
    response = DefaultFetcher()(FetchRequest(url=plain_server.origin))
    assert response.headers["cache-control"] == "max-age=120, public"


def test_httpx_client(plain_server: Server) -> None:
    """A sync client of httpx serves sync code; what it sends is ours."""
    plain_server.behaviour = answer(jwks(FIRST), headers="Cache-Control: max-age=120\r\n")
    with httpx.Client(trust_env=False, headers={"User-Agent": "theirs"}) as client:
        keys = RemoteJWKSet(f"{plain_server.origin}/jwks", fetcher=client, allow_http_loopback=True)
        keys.prefetch().run()
        assert keys.available
        assert b"user-agent: jwtguard" in plain_server.requests[0].lower()
        form = FetchRequest(url=plain_server.origin, method="POST", body=b"a=b")
        assert as_fetcher(client)(form).status == 200  # type: ignore[union-attr]
        assert plain_server.requests[1].endswith(b"a=b")
    assert repr(DefaultFetcher()) == "DefaultFetcher()"
