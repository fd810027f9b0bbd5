"""The default fetcher on the network: names with several addresses, proxies, and one deadline for all of it."""

from __future__ import annotations

import base64
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jwtguard import FetchRequest, RemoteJWKSet, UnavailableError
from jwtguard.key_sources import default_fetcher
from jwtguard.key_sources.default_fetcher import DefaultFetcher
from jwtguard.key_sources.http_client import FetchError
from tests.key_sources import server as behaviours
from tests.key_sources.certificates import self_signed
from tests.key_sources.scripted import FIRST, jwks
from tests.key_sources.server import Server, answer, serving

DOCUMENT = jwks(FIRST)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For 127.0.0.1 and issuer.example."""
    return self_signed(tmp_path_factory.mktemp("tls") / "both.pem", "issuer.example")


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[Server]:
    """A server that speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as made:
        made.behaviour = answer(DOCUMENT)
        yield made


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that does not."""
    with serving() as made:
        made.behaviour = answer(DOCUMENT)
        yield made


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what every name resolves to, as ports of this machine."""

    def set_to(*ports: int) -> None:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    return set_to


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def deaf() -> Iterator[int]:
    """The port of a server whose queue is full: a connection to it is never made."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """The port of no server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def keys_of(port: int = 80, *, timeout: float = 4.0) -> RemoteJWKSet:
    """The keys of a name in a network of containers."""
    return RemoteJWKSet(
        f"http://keycloak:{port}/jwks", allow_http_hosts=["keycloak"], timeout=timedelta(seconds=timeout)
    )


@pytest.mark.parametrize("before", ["silent", "deaf", "closed"])
def test_the_next_address_is_tried(
    server: Server, resolve: Callable[..., None], before: str, request: pytest.FixtureRequest
) -> None:
    """Within the time-out, whatever is the matter with the first."""
    resolve(request.getfixturevalue(before), server.port)
    keys = keys_of()
    begun = time.monotonic()
    keys.prefetch().run()
    assert keys.available
    assert time.monotonic() - begun < 4


def test_all_addresses_are_tried(server: Server, resolve: Callable[..., None], silent: int, closed: int) -> None:
    """The last of many, too."""
    resolve(*[silent] * 1, closed, closed, closed, server.port)
    keys = keys_of()
    keys.prefetch().run()
    assert keys.available


def test_an_address_is_tried_once(resolve: Callable[..., None], closed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address is tried once, and at most a fixed number of them."""
    tried: list[Any] = []
    original = socket.socket.connect

    def connect(self: socket.socket, place: Any) -> None:
        tried.append(place)
        original(self, place)

    monkeypatch.setattr(socket.socket, "connect", connect)
    resolve(closed, closed)
    with pytest.raises(OSError, match="refused"):
        DefaultFetcher()(FetchRequest(url="http://keycloak/", timeout=2))
    assert tried == [("127.0.0.1", closed)]


def test_a_slow_first_address_may_still_answer(resolve: Callable[..., None], server: Server, silent: int) -> None:
    """The next one is asked beside it, and does not take its place."""
    release = threading.Event()
    server.behaviour = behaviours.held(DOCUMENT, release)
    resolve(server.port, silent)
    threading.Timer(0.6, release.set).start()
    found = DefaultFetcher()(FetchRequest(url="http://keycloak/", timeout=1.2))
    assert (found.status, found.body) == (200, DOCUMENT)


@pytest.mark.parametrize("count", [1, 2])
def test_the_deadline_holds_over_all_addresses(silent: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One deadline holds for all addresses."""
    places = [("127.0.0.1", silent), ("127.0.0.2", silent)][:count]
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    keys = keys_of(timeout=1.2)
    begun = time.monotonic()
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    assert time.monotonic() - begun < 3
    assert str(keys.last_error).endswith("did not answer within 1.2 s" if count == 1 else "refused")


def test_the_error_that_says_most_is_told(resolve: Callable[..., None], silent: int, closed: int) -> None:
    """A refused connection, not the silence of another address."""
    resolve(silent, closed)
    keys = keys_of(timeout=1.2)
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    assert "ConnectionRefusedError" in str(keys.last_error)


def test_a_name_that_does_not_resolve(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says that the name does not resolve."""

    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    keys = keys_of()
    with pytest.raises(UnavailableError):
        keys.prefetch().run()
    assert "gaierror" in str(keys.last_error)


def test_the_pause_is_shorter_for_many_addresses(resolve: Callable[..., None], server: Server) -> None:
    """The pause is shorter for many addresses, so that the last of five is reached within the time-out."""
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        resolve(*(each.getsockname()[1] for each in silent), server.port)
        assert DefaultFetcher()(FetchRequest(url="http://keycloak/", timeout=2)).status == 200


# Proxies.


class Proxy:
    """A proxy that connects wherever it is told, to the one server that there is."""

    def __init__(self, target: Server) -> None:
        self.heads: list[bytes] = []
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # The client may go away, which some tests are about.
        with suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target.port)) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.heads.append(head)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            while True:
                for ready in select.select([client, server], [], [], 10)[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    (server if ready is client else client).sendall(data)


@pytest.fixture
def proxy(tls_server: Server) -> Iterator[Proxy]:
    made = Proxy(tls_server)
    yield made
    made.close()


def fetch(url: str, certificate: Path, *, timeout: float = 5) -> Any:
    """By the default fetcher."""
    return DefaultFetcher(tls=ssl.create_default_context(cafile=certificate))(FetchRequest(url=url, timeout=timeout))


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTPS_PROXY": "http://127.0.0.1:{}"},
        {"https_proxy": "127.0.0.1:{}"},
        {"ALL_PROXY": "http://127.0.0.1:{}"},
        {"all_proxy": "http://127.0.0.1:{}/"},
        {"HTTPS_PROXY": "http://127.0.0.1:{}", "ALL_PROXY": "http://192.0.2.1:1"},
        {"HTTPS_PROXY": "http://127.0.0.1:{}", "NO_PROXY": "other.example,example.com"},
    ],
    ids=repr,
)
def test_https_goes_by_the_proxy(
    proxy: Proxy, certificate: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of the environment; inside the tunnel the certificate is the target's."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(proxy.port))
    assert fetch("https://issuer.example/jwks", certificate).body == DOCUMENT
    assert proxy.heads[0].startswith(b"CONNECT issuer.example:443 HTTP/1.1\r\n")
    assert b"\r\nHost: issuer.example:443\r\n" in proxy.heads[0]
    assert b"Proxy-Authorization" not in proxy.heads[0]


def test_the_proxy_may_ask_for_a_password(proxy: Proxy, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy's password is read from the variable, percent-encoded where necessary."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://me%40work:p%3Aw@127.0.0.1:{proxy.port}")
    assert fetch("https://issuer.example:8443/jwks", certificate).status == 200
    expected = base64.b64encode(b"me@work:p:w")
    assert b"\r\nProxy-Authorization: Basic " + expected + b"\r\n" in proxy.heads[0]
    assert proxy.heads[0].startswith(b"CONNECT issuer.example:8443 ")


def test_an_address_of_ipv6_keeps_its_brackets(
    proxy: Proxy, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the request to the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(ssl.SSLCertVerificationError):
        fetch("https://[2001:db8::1]/jwks", certificate)
    assert proxy.heads[0].startswith(b"CONNECT [2001:db8::1]:443 ")


@pytest.mark.parametrize(
    "environment",
    [
        {"HTTPS_PROXY": "http://192.0.2.1:1"},
        {"ALL_PROXY": "http://192.0.2.1:1"},
        {"ALL_PROXY": "socks5://192.0.2.1:1"},
    ],
    ids=repr,
)
def test_this_machine_is_asked_directly(
    tls_server: Server, certificate: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loopback address is fetched without a proxy, by https too."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert fetch(f"{tls_server.origin}/jwks", certificate).body == DOCUMENT


@pytest.mark.parametrize("no_proxy", ["issuer.example", ".example", "example", "*", "issuer.example:{}"])
def test_no_proxy(
    tls_server: Server,
    certificate: Path,
    resolve: Callable[..., None],
    no_proxy: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hosts that it names are asked directly."""
    monkeypatch.setenv("HTTPS_PROXY", "http://192.0.2.1:1")
    monkeypatch.setenv("NO_PROXY", no_proxy.format(tls_server.port))
    resolve(tls_server.port)
    assert fetch(f"https://issuer.example:{tls_server.port}/jwks", certificate).body == DOCUMENT


def test_plain_http_goes_by_no_proxy(
    server: Server, resolve: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain http uses no proxy."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:1")
    resolve(server.port)
    keys = keys_of()
    keys.prefetch().run()
    assert keys.available
    assert b"host: keycloak:80\r\n" in server.requests[0].lower()


@pytest.mark.parametrize(
    "address", ["socks5://user:hunter2@proxy.example:1", "https://proxy.example", "http://", "http://proxy:port"]
)
def test_another_kind_of_proxy_is_named(address: str, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unsupported proxy is an error that names it, without its password."""
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(FetchError, match="the proxy of the environment is no http://host:port") as refused:
        fetch("https://issuer.example/jwks", certificate)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "behaviour",
    [behaviours.trickled_head, behaviours.trickle, behaviours.hang, b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["a byte at a time", "a byte of the body at a time", "nothing", "a tunnel to nowhere"],
)
def test_the_deadline_holds_over_a_proxy(
    server: Server, certificate: Path, behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over its answer to CONNECT as well, and over what comes through the tunnel."""
    server.behaviour = behaviour
    monkeypatch.setenv("HTTPS_PROXY", server.origin)
    begun = time.monotonic()
    with pytest.raises(OSError):  # noqa: PT011 - a time-out, or an end of TLS
        fetch("https://issuer.example/jwks", certificate, timeout=0.3)
    assert time.monotonic() - begun < 2


def test_tls_that_drips(certificate: Path) -> None:
    """A handshake is held to the deadline as a whole."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for byte in b"\x16\x03\x03\x40\x00" + b"\x02" * 500:
                    if stop.wait(0.02):
                        return
                    try:
                        connection.sendall(bytes([byte]))
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(OSError):  # noqa: PT011 - a time-out
            fetch(f"https://127.0.0.1:{listener.getsockname()[1]}/", certificate, timeout=0.3)
        assert time.monotonic() - begun < 2
        stop.set()
        thread.join(5)


def test_more_addresses_than_are_tried(resolve: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A name may have any number of them."""
    tried: list[Any] = []

    def refuse(self: socket.socket, place: Any) -> None:
        tried.append(place)
        raise ConnectionRefusedError("refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    resolve(*range(1, 200))
    with pytest.raises(ConnectionRefusedError):
        DefaultFetcher()(FetchRequest(url="http://keycloak/", timeout=5))
    assert len(tried) == default_fetcher.MAX_ADDRESSES
