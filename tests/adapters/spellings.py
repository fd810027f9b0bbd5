"""Other spellings of a path, and a comparison of what a router serves with what the rules in front of it decide.

>>> list(spellings("/admin"))[0], "/admin%0a" in spellings("/admin"), "/x/../admin" in spellings("/admin")
('/admin', True, True)
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jwtguard import Guard, Rule, Rules, has_role, public
from jwtguard.testing import RawAnswer, RawRequest
from jwtguard.testing.conformance.adapter_case import bearer, token
from jwtguard.testing.conformance.adapter_sites import guard_for_tests

Send: TypeAlias = Callable[[RawRequest], RawAnswer]
Build: TypeAlias = Callable[[Guard | None], Send]
"""Builds the application behind a guard, or without one, and returns a client of it. A view answers with its name."""

BYTES = [f"%{byte:02x}" for byte in range(256) if not chr(byte).isalnum() or byte > 127]
CHARACTERS = [
    # Line ends, spaces and characters without a width.
    *"\x85\xa0\xad\u1680\u180e\u2000\u2003\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff",
    # Looks like a slash, a backslash, a dot, a percent sign or a digit, or becomes one when normalised.
    *"\uff0f\u2044\u2215\u29f5\ufe68\uff3c\uff0e\u2024\ufe52\u2025\uff05\u0660\uff13",
    # Combines, folds to an ASCII letter, or stands for what cannot be decoded.
    *"\u0301\u0130\u0131\u017f\u212a\ufffd\ufffe\U000e0020",
]
ENCODED = [
    *CHARACTERS,
    # Not UTF-8: overlong slashes and dots, surrogates, a sequence that ends too early, bytes that never occur.
    *("%c0%af", "%c0%ae", "%e0%80%af", "%f0%80%80%af", "%ed%a0%80", "%ed%b3%bf", "%e2%80", "%c3", "%fe", "%f8%88"),
    # Encoded twice.
    *("%252f", "%252e", "%255c", "%250a", "%2500", "%25ff", "%25"),
]
SEPARATORS = [
    *(
        "//",
        "///",
        "%2f",
        "/%2f",
        "%2f%2f",
        "\\",
        "/\\",
        "%5c",
        "/%5c",
        "%255c",
        "%c0%af",
        "/;/",
        ";/",
        "/;x=1/",
        ";x=1/",
    ),
    *("/./", "/.//", "/%2e/", "/.;/", "/../", "/x/../", "/x/%2e%2e/", "/x/.%2e/", "/x/..;/", "/x/..%2f", "/x%2f../"),
    *("/x/y/../../", "/.%00/", "/..%00/", "/x//../", "/x/..//", "/x/..\\", "/%20/", "/%0a/", "/\uff0e\uff0e/"),
]
ENDINGS = [
    *(
        "/",
        "//",
        "/.",
        "/..",
        "/./",
        "/../",
        "/x/..",
        "/x/../",
        ".",
        "..",
        "...",
        "%2e",
        " ",
        "%20",
        "+",
        "~",
        ";",
        ";x=1",
    ),
    *(
        ".json",
        ".html",
        "::$DATA",
        "::$INDEX_ALLOCATION",
        "\\",
        "%5c",
        "/%5c",
        "%00.json",
        "%0a.json",
        "?",
        "?x=/",
        "%3f",
        "%23",
    ),
    *("/%0a", "%0a/", "%0a%0a", "%0d%0a", "%c2%85", "%e2%80%a8"),
]
BEGINNINGS = [
    *(
        "/",
        "//",
        "///",
        "/.",
        "/..",
        "/./",
        "/x/..",
        "/x/../..",
        "/%2e",
        "/%2f",
        "\\",
        "/\\",
        "%5c",
        "/;",
        ";",
        "x",
        ".",
        "%00",
    ),
    *(
        "http://api.example",
        "https://api.example",
        "//api.example",
        "http:",
        "*",
        "%2a",
        "/http://api.example",
        "@",
        ":",
    ),
]


def on_one_loop(runner: asyncio.Runner, app: Any) -> Send:
    """A client of an ASGI application that makes no loop, and no threads, for each of many requests."""

    def send(request: RawRequest) -> RawAnswer:
        path = request.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        scope = {
            "type": "http",
            "method": request.method,
            "path": request.root_path + path,
            "root_path": request.root_path,
            "query_string": request.query.encode("latin-1"),
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers],
        }
        sent: list[Any] = []
        incoming = iter([{"type": "http.request", "body": b""}])

        async def receive() -> Any:
            return next(incoming, None) or await asyncio.Event().wait()

        async def collect(message: Any) -> None:
            sent.append(message)

        runner.run(app(scope, receive, collect))
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return RawAnswer(status=sent[0]["status"], headers=(), body=body)

    return send


def spellings(path: str) -> dict[str, None]:
    """Request targets that some program may take for `path`, which is the first of them, without repetition."""
    return dict.fromkeys(_ASCII.sub(_encoded, target) for target in _spellings(path))


_ASCII = re.compile("[^\x00-\x7f]")


def _encoded(character: re.Match[str]) -> str:
    return "".join(f"%{byte:02x}" for byte in character[0].encode())


def _spellings(path: str) -> Iterator[str]:
    yield path
    slashes = [index for index, character in enumerate(path) if character == "/"]
    # In front of the path, and at the start, in the middle and at the end of its last segment.
    for place in sorted({0, slashes[-1] + 1, len(path) - 2, len(path)}):
        for inserted in (*BYTES, *ENCODED):
            yield path[:place] + inserted + path[place:]
    for index in slashes:
        for separator in SEPARATORS:
            yield path[:index] + separator + path[index + 1 :]
    yield from (path + ending for ending in ENDINGS)
    yield from (beginning + path for beginning in BEGINNINGS)
    yield path.removeprefix("/")
    for index, character in enumerate(path):
        if character.isalnum():
            wide = chr(ord(character) + 0xFEE0)
            for other in (character.swapcase(), f"%{ord(character):02x}", f"%25{ord(character):02x}", wide):
                yield path[:index] + other + path[index + 1 :]
    yield from (path.upper(), path.title(), unicodedata.normalize("NFD", path), unicodedata.normalize("NFC", path))


@dataclass(kw_only=True)
class Comparison:
    """What was found: which spellings the bare router serves, by the view; and where the guard disagrees."""

    rules: Rules
    served: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Those of `served` that the guard refuses as ambiguous, also with every role."""
    opened: list[tuple[str, str]] = field(default_factory=list)
    """The view ran without the role that its rule asks for."""
    closed: list[tuple[str, str]] = field(default_factory=list)
    """A plain path was refused although the caller has every role."""


def compare(
    build: Build,
    rules: Mapping[str, str],
    paths: Iterable[str],
    *,
    root_path: str = "",
    allow_double_slash: bool = False,
    method: str = "GET",
) -> Comparison:
    """Send every spelling of `paths` to the bare application, and what it serves to the guarded one.

    `rules` has the path of the rule for each view, which asks for a role of the view's name. Whatever a rule misses is
    public, so that it shows. A caller without a token, and one who has every role but the view's, must not get in.
    """
    made = Rules(
        [Rule(path, has_role(view)) for view, path in rules.items()],
        default=public,
        allow_double_slash=allow_double_slash,
    )
    bare, guarded = build(None), build(guard_for_tests(rules=made))
    every = token(roles=sorted(rules))
    others = {view: token(roles=sorted({*rules, "none"} - {view})) for view in rules}
    found = Comparison(rules=made)
    for target in dict.fromkeys(target for path in paths for target in spellings(path)):
        request = RawRequest(method=method, target=target, headers=[("Host", "api.example")], root_path=root_path)
        answer = bare(request)
        view = answer.body.decode("latin-1")
        if answer.status != 200 or view not in rules:
            continue
        found.served[target] = view
        for headers in ([], [bearer(others[view])]):
            refusal = guarded(_with(request, *headers))
            if refusal.status not in {400, 401, 403} or refusal.body == answer.body:
                found.opened.append((target, view))
        admitted = guarded(_with(request, bearer(every)))
        if admitted.status == 400:
            found.refused[target] = view
        elif (admitted.status, admitted.body) != (200, answer.body):
            found.closed.append((target, view))
    return found


def _with(request: RawRequest, *headers: tuple[str, str]) -> RawRequest:
    return RawRequest(
        method=request.method,
        target=request.target,
        headers=[*request.headers, *headers],
        root_path=request.root_path,
    )


def assert_agreement(found: Comparison, *, served: Iterable[str], refused: Iterable[str] = ()) -> None:
    """Rules and router agree; `served` and `refused` are some of the spellings that the bare router serves, which show
    that the comparison looks at something.
    """
    assert found.opened == []
    assert found.closed == []
    assert set(served) - (set(found.served) - set(found.refused)) == set()
    assert set(refused) - set(found.refused) == set()
    for target in found.served:
        path = RawRequest(target=target).path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        assert (target in found.refused) is found.rules.is_ambiguous(path), target
