"""The debugger's server as an attacker meets it: from other pages of the browser, other names, other programs."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Iterator

import pytest

from jwtguard.cli.debugger.gate import TICKET_LIFETIME, TOKEN_HEADER, Gate
from jwtguard.cli.debugger.page_files import NAMES, PAGE_FILES
from jwtguard.cli.debugger.problems import RefusedError
from jwtguard.cli.debugger.server import MAX_BODY, DebuggerServer
from tests.cli.debuggers import Answer, api_token, call, changed, page_fields, running, send
from tests.samples import token


@pytest.fixture(scope="module")
def server() -> Iterator[DebuggerServer]:
    """One debugger for all tests: nothing they do changes it."""
    with running() as server:
        yield server


def refused(answer: Answer, status: int) -> str:
    """The detail of a refusal, which has the form of a problem document and gives nothing away."""
    assert answer.status == status
    assert answer.fields["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.fields["Access-Control-Allow-Origin"] is None
    detail: str = answer.json()["detail"]
    return detail


def test_the_page_may_call(server: DebuggerServer) -> None:
    """What the page itself sends is answered: or the tests below would prove nothing."""
    answer = call(server, "inspect", {"token": token(), "check": {"kind": "none"}})

    assert (answer.status, answer.fields["Content-Type"]) == (200, "application/json")
    assert answer.json()["payload"]["members"][1]["value"] == "user-1"


ATTACKS: dict[str, tuple[int, str, tuple[str, ...]]] = {
    # What a page of another site can bring a browser to send, and what it cannot leave out.
    "another site": (403, "Origin", ("https://evil.example",)),
    "a file, a sandboxed frame, a redirect": (403, "Origin", ("null",)),
    "another port of this machine": (403, "Origin", ("http://127.0.0.1:1",)),
    "this machine by another name": (403, "Origin", ("http://localhost:{port}",)),
    "the same over https": (403, "Origin", ("https://127.0.0.1:{port}",)),
    "our origin as a beginning": (403, "Origin", ("http://127.0.0.1:{port}.evil.example",)),
    "no origin": (403, "Origin", ()),
    "an empty origin": (403, "Origin", ("",)),
    "two origins": (403, "Origin", ("http://127.0.0.1:{port}", "https://evil.example")),
    "a request that the browser says is cross-site": (403, "Sec-Fetch-Site", ("cross-site",)),
    "one from another port": (403, "Sec-Fetch-Site", ("same-site",)),
    "one that no page sent": (403, "Sec-Fetch-Site", ("none",)),
    "one that is two things": (403, "Sec-Fetch-Site", ("same-origin", "cross-site")),
    # DNS rebinding: a name of the attacker's that leads to this machine, whose pages are of one origin with it.
    "a name that leads here": (421, "Host", ("evil.example:{port}",)),
    "localhost, which anybody may have pointed elsewhere": (421, "Host", ("localhost:{port}",)),
    "the address without the port": (421, "Host", ("127.0.0.1",)),
    "another port": (421, "Host", ("127.0.0.1:1",)),
    "the address spelled otherwise": (421, "Host", ("127.1:{port}",)),
    "the address of IPv6": (421, "Host", ("[::1]:{port}",)),
    "the address with a dot": (421, "Host", ("127.0.0.1.:{port}",)),
    "no host": (421, "Host", ()),
    "two hosts": (421, "Host", ("127.0.0.1:{port}", "evil.example")),
    # Another program on this machine, which can write any header.
    "no token": (403, TOKEN_HEADER, ()),
    "an empty token": (403, TOKEN_HEADER, ("",)),
    "a wrong token": (403, TOKEN_HEADER, ("A" * 43,)),
    "the token and something": (403, TOKEN_HEADER, ("{token}A",)),
    "a token that is no ASCII": (403, TOKEN_HEADER, ("\xe9",)),
    "two tokens": (403, TOKEN_HEADER, ("{token}", "{token}")),
    # What forms of other sites can send without being asked: three types of body, and none of them is ours.
    "a form": (415, "Content-Type", ("application/x-www-form-urlencoded",)),
    "a form with files": (415, "Content-Type", ("multipart/form-data; boundary=x",)),
    "plain text": (415, "Content-Type", ("text/plain",)),
    "JSON in another character set": (415, "Content-Type", ("application/json; charset=utf-16",)),
    "no type": (415, "Content-Type", ()),
    "two types": (415, "Content-Type", ("application/json", "text/plain")),
    # Bodies.
    "a body that is too long": (413, "Content-Length", (str(MAX_BODY + 1),)),
    "a body of a length beyond all numbers": (413, "Content-Length", ("9" * 4000,)),
    "a length that is negative": (411, "Content-Length", ("-1",)),
    "a length that is no number": (411, "Content-Length", ("2²",)),
    "two lengths": (411, "Content-Length", ("2", "2")),
    "chunks": (411, "Transfer-Encoding", ("chunked",)),
}


@pytest.mark.parametrize(("status", "name", "values"), ATTACKS.values(), ids=ATTACKS)
def test_no_other_page_may_call(server: DebuggerServer, status: int, name: str, values: tuple[str, ...]) -> None:
    """A call of the page with one thing changed is refused."""
    told = {"port": server.server_port, "token": api_token(server)}
    fields = changed(page_fields(server), name, *(value.format(**told) for value in values))
    if name == "Content-Length" or name == "Transfer-Encoding":
        fields = [(key, value.encode("utf-8").decode("latin-1")) for key, value in fields]

    answer = send(server, "POST", "/api/start", fields, b"{}")

    refused(answer, status)
    assert api_token(server).encode() not in answer.body


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b"\xff\xfe{}", b"[" * 100_000, b'"\\', b"1" * 5000],
    ids=["empty", "array", "null", "cut", "utf-16", "deep", "escape", "number"],
)
def test_bodies_that_are_no_object(server: DebuggerServer, body: bytes) -> None:
    """What is no JSON object is refused, without a word of it in the answer."""
    answer = send(server, "POST", "/api/inspect", page_fields(server), body)

    assert refused(answer, 400) == "send a JSON object"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("inspect", {"token": 1}),
        ("inspect", {"token": "a.b.c", "check": []}),
        ("inspect", {"token": "a.b.c", "check": {"kind": None}}),
        ("sign", {"header": "{}", "payload": {}}),
        ("generate", {"algorithm": "none"}),
        ("generate", {"algorithm": ["ES256"]}),
        ("fetch", {"address": 1}),
    ],
)
def test_data_of_the_wrong_shape(server: DebuggerServer, name: str, data: dict[str, object]) -> None:
    """What our page would not send is refused."""
    refused(call(server, name, data), 400)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_calls_are_posts(server: DebuggerServer, method: str) -> None:
    """No other method calls anything; a preflight of another site learns nothing that would let it go on."""
    answer = send(server, method, "/api/start", page_fields(server))

    assert (answer.status, answer.fields["Allow"]) == (405, "POST")
    assert [name for name in answer.fields if name.lower().startswith("access-control")] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_pages_are_read(server: DebuggerServer, method: str) -> None:
    """The page answers GET and HEAD."""
    answer = send(server, method, "/", page_fields(server), b"{}")

    assert (answer.status, answer.fields["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/..",
        "/../server.py",
        "/%2e%2e/server.py",
        "//evil.example/",
        "/main.js?x",
        "/?token=x",
        "/style.css/",
        "http://evil.example/",
        "/page/main.js",
        "/favicon.ico",
        "*",
    ],
)
def test_no_path_leads_elsewhere(server: DebuggerServer, path: str) -> None:
    """Only the files on the list are served, by exactly their names; a query is never part of one."""
    refused(send(server, "GET", path, page_fields(server)), 404)


def test_there_are_no_other_calls(server: DebuggerServer) -> None:
    """An unknown call is not found."""
    refused(call(server, "eval"), 404)


@pytest.mark.parametrize("path", sorted(PAGE_FILES))
@pytest.mark.parametrize("site", [None, "none", "same-origin"])
def test_the_page_is_served(server: DebuggerServer, path: str, site: str | None) -> None:
    """The address serves the page and its files, with the protecting headers."""
    fields = [("Host", f"127.0.0.1:{server.server_port}"), *([] if site is None else [("Sec-Fetch-Site", site)])]

    answer = send(server, "GET", path, fields)

    assert (answer.status, answer.body) == (200, PAGE_FILES[path].body)
    assert api_token(server).encode() not in answer.body
    assert send(server, "HEAD", path, fields).body == b""


NAVIGATIONS = {
    "a link or a script of another site": (403, [("Sec-Fetch-Site", "cross-site")]),
    "one of another port": (403, [("Sec-Fetch-Site", "same-site")]),
    "a frame": (403, [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Dest", "iframe")]),
    "an object": (403, [("Sec-Fetch-Dest", "object")]),
    "a name that leads here": (421, [("Host", "evil.example")]),
}


@pytest.mark.parametrize(("status", "fields"), NAVIGATIONS.values(), ids=NAVIGATIONS)
@pytest.mark.parametrize("path", ["/", "/main.js"])
def test_the_page_is_for_its_user_alone(
    server: DebuggerServer, path: str, status: int, fields: list[tuple[str, str]]
) -> None:
    """Not even the page is given to other pages."""
    sent = [("Host", f"127.0.0.1:{server.server_port}")]
    for name, value in fields:
        sent = changed(sent, name, value)

    refused(send(server, "GET", path, sent), status)


def test_headers_of_every_answer(server: DebuggerServer) -> None:
    """A page, a call and a refusal have the same headers: no foreign script, no framing, no reading, no caching."""
    answers = [
        send(server, "GET", "/", page_fields(server)),
        call(server, "start"),
        call(server, "eval"),
        send(server, "GET", "/", []),
    ]
    for answer in answers:
        directives = dict(part.split(" ", 1) for part in answer.fields["Content-Security-Policy"].split("; "))
        assert directives["default-src"] == "'none'"
        assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
        assert directives["frame-ancestors"] == directives["base-uri"] == directives["form-action"] == "'none'"
        assert directives["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in answer.fields["Content-Security-Policy"]
        assert answer.fields["X-Content-Type-Options"] == "nosniff"
        assert answer.fields["Referrer-Policy"] == "no-referrer"
        assert answer.fields["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.fields["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.fields["Cache-Control"] == "no-store"
        assert answer.fields["Set-Cookie"] is None
        assert answer.fields["Server"].strip() == "jwtguard"


def raw(server: DebuggerServer, data: bytes) -> bytes:
    """Send bytes, and read until the server closes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"<script>alert(1)</script>\r\n\r\n",
        b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    ],
    ids=["version", "markup", "method", "path", "headers", "tls"],
)
def test_what_is_no_request_of_a_browser(server: DebuggerServer, data: bytes) -> None:
    """It is refused with a problem document, and nothing of it comes back."""
    answer = raw(server, data)

    assert b"application/problem+json" in answer
    assert b"script>" not in answer
    assert b"aaaa" not in answer


def test_who_names_no_version_gets_no_page(server: DebuggerServer) -> None:
    """The protocol before HTTP/1.0 has no Host, so its requests are refused."""
    assert PAGE_FILES["/"].body not in raw(server, b"GET /\r\n\r\n")


def test_a_body_that_never_ends(server: DebuggerServer) -> None:
    """Who announces more than they send is answered, not waited for."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in page_fields(server))
    answer = raw(server, f"POST /api/start HTTP/1.1\r\n{fields}Content-Length: 10\r\n\r\n{{".encode())

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_refusal_is_read_by_who_is_still_sending(server: DebuggerServer) -> None:
    """A body that is refused for its length does not break the connection before the answer was read."""
    answer = send(server, "POST", "/api/inspect", page_fields(server), b"x" * (4 * MAX_BODY))

    assert "MiB" in refused(answer, 413)


def test_nothing_is_logged(
    server: DebuggerServer, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Neither requests nor what they hold are written anywhere."""
    caplog.set_level(logging.DEBUG)
    secret = "a-secret-that-stands-nowhere-else!!"
    data = {"token": token(), "check": {"kind": "secret", "key": secret, "issuer": "", "audience": ""}}
    assert call(server, "inspect", data).status == 200
    send(server, "GET", "/", [])
    raw(server, b"GET / HTTP/9.9\r\n\r\n")

    written = caplog.text + "".join(capfd.readouterr())
    assert secret not in written
    assert token().split(".")[1] not in written
    assert api_token(server) not in written
    assert "GET /" not in written


def test_an_unforeseen_error_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A bug is answered with its type alone: its words may quote the secret."""

    def broken(data: object) -> dict[str, object]:
        raise ValueError(f"cannot use {data}")

    with running(actions={"inspect": broken}) as server:
        detail = refused(call(server, "inspect", {"token": "top-secret"}), 500)

    assert "ValueError" in detail
    assert "ValueError" in caplog.text
    assert "top-secret" not in detail + caplog.text


def open_with(server: DebuggerServer, ticket: object) -> Answer:
    """Try to get the token for a ticket."""
    fields = changed(page_fields(server), TOKEN_HEADER)
    return send(server, "POST", "/api/open", fields, json.dumps({"ticket": ticket}).encode())


def test_a_ticket_is_good_once() -> None:
    """The link that a browser is started with gets the token once, so who reads it in a list of processes is late."""
    with running() as server:
        ticket = server.gate.ticket_link.partition("#ticket=")[2]
        assert api_token(server) not in server.gate.ticket_link
        for wrong in ("", "x", ticket[:-1], 1, None):
            refused(open_with(server, wrong), 403)
        assert open_with(server, ticket).json() == {"token": api_token(server)}
        assert "another user" in refused(open_with(server, ticket), 403)


@pytest.mark.parametrize(
    ("name", "value"), [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), ("Host", "evil.example")]
)
def test_a_ticket_is_for_our_page(server: DebuggerServer, name: str, value: str) -> None:
    """Another page could not even use a ticket that it knows."""
    ticket = server.gate.ticket_link.partition("#ticket=")[2]
    fields = changed(page_fields(server), name, value)

    answer = send(server, "POST", "/api/open", fields, json.dumps({"ticket": ticket}).encode())

    assert answer.status in {403, 421}


@pytest.mark.parametrize(("passed", "is_good"), [(TICKET_LIFETIME, True), (TICKET_LIFETIME + 1, False)])
def test_a_ticket_is_good_for_two_minutes(*, passed: float, is_good: bool) -> None:
    """A ticket that was not used at once is refused later."""
    times = [1000.0, 1000.0 + passed]
    gate = Gate(1, token="t", ticket="k", clock=lambda: times.pop(0))

    if is_good:
        assert gate.redeem("k") == "t"
    else:
        with pytest.raises(RefusedError, match="two minutes"):
            gate.redeem("k")


def test_links_are_random() -> None:
    """Each start has a token and a ticket of its own, of 256 bits."""
    links = {link for _ in range(3) for gate in [Gate(1)] for link in (gate.link, gate.ticket_link)}

    assert len(links) == 6
    assert {len(link.rpartition("=")[2]) for link in links} == {43}


def test_the_server_is_on_loopback_alone(server: DebuggerServer) -> None:
    """It listens on 127.0.0.1, not on the machine's other addresses."""
    assert server.server_address == ("127.0.0.1", server.server_port)


def test_every_file_of_the_page_is_on_the_list() -> None:
    """The page asks for nothing that is not served, and nothing lies there in vain."""
    from importlib.resources import files

    there = {file.name for file in files("jwtguard.cli.debugger").joinpath("page").iterdir()}

    assert there == set(NAMES)
