"""The debugger as other pages in the same browser meet it, and as hostile tokens do: real attacks in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from jwtguard.cli.debugger.server import DebuggerServer
from jwtguard.core.tokens.encoding import encode_segment
from tests.chromium import browser as browser
from tests.chromium import page as page
from tests.cli.debugger_pages import DebuggerPage, watched
from tests.cli.debuggers import api_token, running
from tests.key_sources.server import Server, answer, serving
from tests.samples import NOW, SECRET, token

TOKEN = token()


class Spy:
    """An action that remembers that it was called."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def __call__(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        self.calls.append(data)
        return {"stolen": True}


@pytest.fixture
def spy() -> Spy:
    """What an attacker would like to call."""
    return Spy()


@pytest.fixture
def server(spy: Spy) -> Iterator[DebuggerServer]:
    """A debugger with one more call."""
    with running(actions={"spied": spy}) as server:
        yield server


@pytest.fixture
def evil() -> Iterator[Server]:
    """A web site of an attacker's, on another port of this machine; evil.example leads there too."""
    with serving() as site:
        site.behaviour = answer(b"<!doctype html><title>Evil</title>", headers="Content-Type: text/html\r\n")
        yield site


CALLS = """async ([url, token]) => {
  const tried = {};
  const attempt = async (name, act) => {
    try { tried[name] = await act(); } catch (error) { tried[name] = error.name; }
  };
  const readable = async (answer) => (answer.type === "opaque" ? "opaque" : `${answer.status}`);
  const json = { "Content-Type": "application/json", "X-JWTGuard-Debugger": token };
  const body = "{}";
  await attempt("fetch", async () => readable(await fetch(url, { method: "POST", headers: json, body })));
  await attempt("simple", async () => readable(await fetch(url, { method: "POST", body })));
  await attempt("no-cors", async () => readable(await fetch(url, { method: "POST", mode: "no-cors", body })));
  await attempt("beacon", async () => navigator.sendBeacon(url, new Blob([body], { type: "text/plain" })));
  await attempt("xhr", () => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    for (const [name, value] of Object.entries(json)) request.setRequestHeader(name, value);
    request.onload = () => resolve("read");
    request.onerror = () => resolve("blocked");
    request.send(body);
  }));
  await attempt("form", () => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.name = "target";
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { action: url, method: "POST", target: "target", enctype: "text/plain" });
    const field = document.createElement("input");
    Object.assign(field, { name: '{"a": "', value: '"}' });
    form.append(field);
    document.body.append(form);
    frame.onload = () => { if (frame.contentDocument === null) resolve("unreadable"); };
    form.submit();
  }));
  return tried;
}"""
READS = """async (origin) => {
  const tried = {};
  const load = (name, element, attribute, url) => new Promise((resolve) => {
    element.onload = () => { tried[name] = "loaded"; resolve(); };
    element.onerror = () => { tried[name] = "blocked"; resolve(); };
    element[attribute] = url;
    document.head.append(element);
  });
  await load("image", document.createElement("img"), "src", `${origin}/`);
  await load("script", document.createElement("script"), "src", `${origin}/calls.js`);
  const module = document.createElement("script");
  module.type = "module";
  await load("module", module, "src", `${origin}/calls.js`);
  const style = document.createElement("link");
  style.rel = "stylesheet";
  await load("style", style, "href", `${origin}/style.css`);
  try { tried.fetch = (await fetch(`${origin}/`)).status; } catch (error) { tried.fetch = error.name; }
  const frame = document.createElement("iframe");
  frame.src = `${origin}/`;
  document.body.append(frame);
  await new Promise((resolve) => { frame.onload = resolve; });
  try { tried.frame = frame.contentWindow.document.title; } catch (error) { tried.frame = error.name; }
  tried.frames = frame.contentWindow.length;
  return tried;
}"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "evil.example"], ids=["port", "localhost", "site"])
@pytest.mark.parametrize("known", [False, True], ids=["", "knowing the token"])
def test_another_page_cannot_call(
    page: Page, server: DebuggerServer, spy: Spy, evil: Server, host: str, *, known: bool
) -> None:
    """Neither a page on another port of this machine nor one of another site, by any means that browsers offer.

    Not even one that knows the token: the browser asks first, and is told nothing; or it says who sends.
    """
    page.goto(f"http://{host}:{evil.port}/")
    token = api_token(server) if known else "guess"
    tried = page.evaluate(CALLS, [f"{server.gate.origin}/api/spied", token])

    assert spy.calls == []
    assert tried == {
        "fetch": "TypeError",
        "simple": "TypeError",
        "no-cors": "TypeError",  # Not even an opaque answer: Cross-Origin-Resource-Policy.
        "beacon": True,  # Says only that it was sent.
        "xhr": "blocked",
        "form": "unreadable",
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_another_page_cannot_read(page: Page, server: DebuggerServer, evil: Server, host: str) -> None:
    """Nothing of ours can be put into another page: no picture, script, style or frame."""
    page.goto(f"http://{host}:{evil.port}/")
    tried = page.evaluate(READS, server.gate.origin)

    assert tried.pop("frame") in {"SecurityError", "TypeError"}
    assert tried == {
        "image": "blocked",
        "script": "blocked",
        "module": "blocked",
        "style": "blocked",
        "fetch": "TypeError",
        "frames": 0,
    }


def test_another_page_cannot_open_it_and_hold_on(page: Page, server: DebuggerServer, evil: Server) -> None:
    """A window that another page opens is refused, even by the right link, and cut off from who opened it."""
    page.goto(f"http://evil.example:{evil.port}/")
    with page.context.expect_page() as opened:
        page.evaluate("url => { window.opened = window.open(url); }", server.gate.link)
    popup = opened.value
    popup.wait_for_load_state()

    assert "another page sent you here" in popup.content()
    # Cut off: the opener's process is told a moment later, and then the window is as good as closed to it.
    page.wait_for_function("window.opened.closed")


def test_dns_rebinding(page: Page, server: DebuggerServer, spy: Spy) -> None:
    """A name of the attacker's that now leads to this machine and port: one origin with our server for the browser.

    So no rule of the browser's stands in the way, and only the Host header tells.
    """
    rebound = f"http://evil.example:{server.server_port}"
    answer = page.goto(f"{rebound}/")
    assert answer is not None
    assert (answer.status, answer.headers["content-type"]) == (421, "application/problem+json")

    tried = page.evaluate(
        """async (token) => {
          const answers = {};
          for (const [name, path, options] of [
            ["page", "/", {}],
            ["script", "/calls.js", {}],
            ["call", "/api/spied", {
              method: "POST", body: "{}", headers: { "Content-Type": "application/json", "X-JWTGuard-Debugger": token },
            }],
            ["open", "/api/open", { method: "POST", body: "{}", headers: { "Content-Type": "application/json" } }],
          ]) {
            try { answers[name] = (await fetch(path, options)).status; } catch (error) { answers[name] = error.name; }
          }
          return answers;
        }""",
        api_token(server),
    )
    # The refusal's own policy keeps its page from asking anything; without it, the Host would be refused again.
    assert set(tried.values()) <= {421, "TypeError"}
    assert spy.calls == []


def test_dns_rebinding_from_a_page_that_was_there_before(page: Page, spy: Spy) -> None:
    """The whole attack: the attacker's page comes from their server, then their name and port lead to ours."""
    with serving() as site:
        site.behaviour = answer(b"<!doctype html><title>Evil</title>", headers="Content-Type: text/html\r\n")
        page.goto(f"http://evil.example:{site.port}/")
    with running(actions={"spied": spy}, port=site.port) as server:
        tried = page.evaluate(
            """async (token) => {
              const headers = { "Content-Type": "application/json", "X-JWTGuard-Debugger": token };
              const asked = [
                fetch("/api/spied", { method: "POST", body: "{}", headers }), fetch("/calls.js"), fetch("/style.css"),
              ];
              return (await Promise.all(asked)).map((answer) => answer.status);
            }""",
            api_token(server),
        )

    assert tried == [421, 421, 421]
    assert spy.calls == []


# Hostile tokens.


@pytest.fixture
def debugger(page: Page, server: DebuggerServer) -> Iterator[DebuggerPage]:
    """The page, open."""
    with watched(page, server) as debugger:
        debugger.open()
        yield debugger


def made(header: str | bytes, payload: str | bytes, signature: str = "c2ln") -> str:
    """A token of whatever is in it."""
    parts = (part.encode() if isinstance(part, str) else part for part in (header, payload))
    return ".".join([*map(encode_segment, parts), signature])


MARKUP = '<script>document.title = "owned"</script><img src=x onerror="document.title=\'owned\'"><svg onload=alert(1)>'
ELEMENTS = "document.querySelectorAll('*').length + document.scripts.length + document.images.length"


def test_markup_is_text(debugger: DebuggerPage) -> None:
    """A token, a name, a value, a reason that hold markup are shown as what they are."""
    claims = {MARKUP: MARKUP, "sub": MARKUP, "iss": MARKUP, "exp": NOW + 60, "aud": [MARKUP], "__proto__": MARKUP}
    header = {"alg": MARKUP, "kid": MARKUP, "typ": "JWT"}
    debugger.paste(made(json.dumps(header), json.dumps(claims)))
    expect(debugger["payload-members"].locator("> div")).to_have_count(6)
    debugger.check_against("secret", SECRET)
    debugger["issuer"].fill(MARKUP)
    debugger["audience"].fill(MARKUP)
    debugger.shows("Refused")

    assert debugger.evaluate("document.images.length") == 0
    assert debugger.evaluate("document.scripts.length") == 1
    assert debugger.page.title() == "jwtguard debugger"
    assert debugger["payload-members"].locator("bdi").first.inner_text() == MARKUP


def test_markup_from_a_provider_is_text(debugger: DebuggerPage, evil: Server) -> None:
    """What a provider answers, its key's name for instance, is shown as text too."""
    from tests.core.keys import verification_key

    key = verification_key("ES256", "k").to_jwk() | {"kid": MARKUP}
    evil.behaviour = answer(json.dumps({"keys": [key]}).encode())
    debugger.check_against("jwks")
    debugger["jwks-url"].fill(f"{evil.origin}/jwks.json")
    debugger["fetch"].click()

    expect(debugger["jwks-note"]).to_contain_text("<script>")
    assert debugger.evaluate("document.images.length") == 0


def test_text_that_turns_around_is_written_out(debugger: DebuggerPage) -> None:
    """Characters that would show "admin" as something else are escapes, and values keep to their place."""
    debugger.paste(made('{"alg": "HS256"}', '{"sub": "\u202enimda\u200b", "name": "\u05e9\u05dc\u05d5\u05dd"}'))

    expect(debugger["payload-members"]).to_contain_text("\\u202enimda\\u200b")
    assert "\u202e" not in debugger.evaluate("document.body.innerText + document.getElementById('payload').value")
    assert "\u05e9\u05dc\u05d5\u05dd" in debugger["payload"].input_value()
    assert (
        debugger["payload-members"]
        .locator("bdi")
        .evaluate_all("all => all.every((one) => getComputedStyle(one).unicodeBidi === 'isolate')")
    )


@pytest.mark.parametrize(
    "text",
    ["\ud800.\udfff.x", "\x00.\x01.\x02", "....", "a" * 50 + "." * 300, "eyJ\u202e.eyJ.x", "\U0001f600.\U0001f600.x"],
    ids=["surrogates", "control", "dots", "many dots", "direction", "emoji"],
)
def test_what_is_no_token(debugger: DebuggerPage, text: str) -> None:
    """It is refused, and the page goes on working."""
    # Not `fill`: Playwright cannot send half of a pair.
    debugger.evaluate(
        """(units) => {
          const area = document.getElementById("token");
          area.value = String.fromCharCode(...units);
          area.dispatchEvent(new Event("input"));
        }""",
        [unit for character in text for unit in utf_16(character)],
    )
    debugger.shows("Refused")
    debugger.paste(TOKEN)
    debugger.shows("Not verified")


def utf_16(character: str) -> list[int]:
    """The code units of a character, as JavaScript has them."""
    data = character.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


@pytest.mark.parametrize("length", [30_000, 1_000_000])
def test_a_megabyte(debugger: DebuggerPage, length: int) -> None:
    """What is far too long is refused for its length, not coloured, and does not stop the page."""
    debugger.paste("eyJ" + "A" * length)
    debugger.shows("Refused", "too_long")

    expect(debugger["token-editor"]).to_have_class("editor token-editor uncoloured")
    assert debugger["token-editor"].evaluate("it => it.getBoundingClientRect().height") < 500
    debugger.paste(TOKEN)
    debugger.shows("Not verified")
    expect(debugger["token-editor"]).to_have_class("editor token-editor")


def test_three_megabytes(debugger: DebuggerPage) -> None:
    """More than the server reads at all is answered with a sentence."""
    debugger.paste("A" * 3_000_000)

    expect(debugger["alert"]).to_contain_text("no token is as long")


def test_a_payload_with_a_thousand_claims(debugger: DebuggerPage) -> None:
    """The text has all of them, the explanation the first two hundred."""
    debugger.paste(made('{"alg": "HS256"}', json.dumps({f"c{number}": "x" for number in range(400)})))

    expect(debugger["payload-members"].locator("> div")).to_have_count(200)
    assert "c399" in debugger["payload"].input_value()


def test_parts_that_cannot_be_read(debugger: DebuggerPage) -> None:
    """A cut token shows what there is, and what is wrong with it."""
    debugger.paste(f"{TOKEN[:60]}!.{TOKEN.split('.')[2]}")
    expect(debugger["payload-problem"]).to_contain_text("base64url")
    debugger.check_against("secret", SECRET)
    debugger.shows("Refused", "signature")
    debugger.paste("!!!.eyJ9.%%")
    expect(debugger["header-problem"]).to_contain_text("It holds U+0021 (!)")
    expect(debugger["payload-problem"]).to_contain_text("not JSON")
    expect(debugger["signature-problem"]).to_contain_text("U+0025 (%)")


def test_a_reload_forgets(debugger: DebuggerPage) -> None:
    """Keys and tokens are nowhere but in the fields: a reload of the page leaves none."""
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET)
    debugger.shows("Accepted")
    debugger.page.reload()
    expect(debugger["verdict-title"]).to_have_text("No token yet")

    assert debugger["secret"].input_value() == ""
    assert debugger["token"].input_value() == ""
    assert threading.active_count() < 50
