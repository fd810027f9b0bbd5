"""The debugger in a real browser: what a user does with it, and what it says."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from jwtguard.cli.debugger.server import DebuggerServer
from tests.chromium import browser as browser
from tests.chromium import page as page
from tests.cli.debugger_pages import DebuggerPage, watched
from tests.cli.debuggers import StandingClock, running
from tests.core.keys import signing_key, verification_key
from tests.key_sources.server import answer, serving
from tests.samples import AUDIENCE, ISSUER, NOW, SECRET, guard, issuer, token

TOKEN = token()
IN_FIVE_MINUTES = re.compile(r"in (5 min|4 min 5\d s)")
PUBLIC = json.dumps(verification_key("ES256", "2026").to_jwk())
SIGNED = issuer(signing_keys=[signing_key("ES256", "2026")]).access_token("user-1")


@pytest.fixture
def clock() -> StandingClock:
    """The server's clock."""
    return StandingClock()


@pytest.fixture
def server(clock: StandingClock) -> Iterator[DebuggerServer]:
    """A debugger without a guard."""
    with running(clock=clock) as server:
        yield server


@pytest.fixture
def debugger(page: Page, server: DebuggerServer) -> Iterator[DebuggerPage]:
    """Its page, open."""
    with watched(page, server) as debugger:
        debugger.open()
        yield debugger


def test_a_pasted_token_is_coloured_and_verified(debugger: DebuggerPage) -> None:
    """Header red, payload purple, signature blue, each named; and a verdict as soon as the secret is there."""
    debugger.paste(TOKEN)
    debugger.shows("Not verified")
    expect(debugger["verdict-sentence"]).to_contain_text("only a key can tell")
    debugger.check_against("secret", SECRET)
    debugger.shows("Accepted")

    header, payload, signature = TOKEN.split(".")
    parts = debugger.page.locator("#token-editor .mirror span:not(.dot)")
    assert parts.all_text_contents() == [header, payload, signature]
    hues = parts.evaluate_all("parts => parts.map((part) => getComputedStyle(part).color)")
    red, purple, blue = ([int(part) for part in hue[4:-1].split(",")] for hue in hues)
    assert red[0] > 2 * max(red[1:])
    assert min(purple[0], purple[2]) > 2 * purple[1]
    assert blue[2] > 2 * blue[0]
    for row, name, part in zip(
        debugger.page.locator("#token-parts li").all(),
        ("Header", "Payload", "Signature"),
        (header, payload, signature),
        strict=True,
    ):
        expect(row).to_have_text(f"{name} {len(part)} characters")
    # The same hues on the parts themselves.
    for name, hue in zip(("header", "payload"), hues, strict=False):
        assert hue == debugger.page.locator(f"#{name}-editor .mirror").evaluate("it => getComputedStyle(it).color")
    assert hues[2] == debugger["signature"].evaluate("it => getComputedStyle(it).color")


def test_what_was_not_checked_is_named(debugger: DebuggerPage) -> None:
    """A valid signature alone is not shown as an accepted token."""
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET)
    expect(debugger["verdict-sentence"]).to_contain_text("The issuer and the audience were not checked")
    debugger["issuer"].fill(ISSUER)
    expect(debugger["verdict-sentence"]).to_contain_text("The audience was not checked")
    debugger["audience"].fill(AUDIENCE)
    expect(debugger["verdict-sentence"]).to_contain_text("are the expected ones")
    debugger["audience"].fill("https://other.example")
    debugger.shows("Refused", "aud")


def test_a_wrong_secret_is_explained(debugger: DebuggerPage) -> None:
    """The reason of the log, the step that failed, and what to change."""
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET[::-1])
    debugger.shows("Refused", "signature")

    expect(debugger["remedy-text"]).to_contain_text("key of the issuer")
    debugger["steps-details"].locator("summary").click()
    states = debugger.page.locator("#steps li").evaluate_all("all => all.map((one) => one.className)")
    assert states[:8] == ["passed"] * 5 + ["failed"] + ["waiting"] * 2
    # In words too, for who does not see the colours and the marks.
    expect(debugger.page.locator("#steps .failed")).to_contain_text("6. Signature failed")
    expect(debugger["pill"]).to_have_text("Refused: signature")


@pytest.mark.parametrize(
    ("kind", "text", "field", "problem"),
    [
        ("public", "hello", "public-key", "PEM"),
        ("jwks", "{}", "jwks", "kty"),
    ],
)
def test_a_key_that_is_of_no_use(debugger: DebuggerPage, kind: str, text: str, field: str, problem: str) -> None:
    """What is wrong with a key is said beside its field, which is marked."""
    debugger.paste(TOKEN)
    debugger.check_against(kind, text)

    expect(debugger["check-problem"]).to_contain_text(problem)
    expect(debugger[field]).to_have_attribute("aria-invalid", "true")
    expect(debugger[field]).to_have_accessible_description(debugger["check-problem"].inner_text())
    debugger.shows("Not verified")


def test_a_short_secret(debugger: DebuggerPage) -> None:
    """Whether the signature fits is said though a guard refuses the secret; signing with it has a box."""
    debugger.paste(TOKEN)
    debugger.check_against("secret", "short")
    debugger.shows("Refused", "key_refused")
    expect(debugger["verdict-sentence"]).to_have_text(
        "The signature does not fit this secret. A guard refuses the secret: it has 5 bytes, HS256 needs 32."
    )
    expect(debugger["check-problem"]).to_contain_text("needs at least 32")

    debugger.sign_with("secret")
    debugger["payload"].fill('{"sub": "user-2"}')
    expect(debugger["sign-problem"]).to_contain_text("tick the box")
    expect(debugger["token"]).to_have_value(re.compile(r"\.$"))
    debugger["allow-short"].check()
    debugger["sign-now"].click()
    expect(debugger["verdict-sentence"]).to_contain_text("The signature fits this secret. A guard refuses the secret")


@pytest.mark.parametrize(("kind", "key"), [("public", PUBLIC), ("jwks", f'{{"keys": [{PUBLIC}]}}')])
def test_public_keys(debugger: DebuggerPage, kind: str, key: str) -> None:
    """A public key or a set of them checks as a secret does."""
    debugger.paste(SIGNED)
    debugger.check_against(kind, key)

    debugger.shows("Accepted")


def test_keys_are_fetched_when_asked(debugger: DebuggerPage) -> None:
    """A JWK Set is fetched once, by the program, when the button is pressed; the page itself sends no request."""
    with serving() as provider:
        provider.behaviour = {"/jwks.json": answer(f'{{"keys": [{PUBLIC}]}}'.encode())}
        debugger.paste(SIGNED)
        debugger.check_against("jwks")
        debugger["jwks-url"].fill(f"{provider.origin}/jwks.json")
        debugger.shows("Not verified")
        assert provider.count == 0
        debugger["fetch"].click()
        expect(debugger["jwks-note"]).to_have_text("Fetched one key: 2026 (ES256).")
        debugger.shows("Accepted")
        assert provider.count == 1
        debugger["jwks-url"].fill(f"{provider.origin}/elsewhere")
        debugger["jwks-url"].press("Enter")
        expect(debugger["jwks-note"]).to_contain_text("answered 404")
        debugger.shows("Not verified")


def test_the_projects_guard_decides(page: Page, clock: StandingClock) -> None:
    """Started with a guard, the page checks against it from the beginning, and says which it is."""
    with running(guard(), clock=clock) as server, watched(page, server) as debugger:
        debugger.open()
        expect(debugger["guard-name"]).to_have_text("project.auth:guard")
        expect(debugger["guard-summary"]).to_contain_text(ISSUER)
        debugger.paste(TOKEN)
        debugger.shows("Accepted")
        debugger.paste(SIGNED)
        debugger.shows("Refused", "key")
        expect(debugger["expectations"]).to_be_hidden()


def test_claims_are_explained(debugger: DebuggerPage) -> None:
    """Each claim with its meaning in words; dates as dates, and how far away they are."""
    debugger.paste(token(roles=["admin"], scope=["reports:read"]))
    rows = debugger["payload-members"].locator("> div")
    expect(rows).to_have_count(9)
    expect(rows.filter(has_text="The user or the client")).to_contain_text("user-1")
    expect(rows.filter(has_text="Expires at")).to_contain_text(IN_FIVE_MINUTES)
    expect(rows.filter(has_text="Expires at")).to_contain_text("It was made for 5 min.")
    moment = rows.filter(has_text="Expires at").locator("time").get_attribute("datetime")
    assert moment == time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(NOW + 300))
    expect(debugger["header-members"]).to_contain_text("Who can check can also sign")
    expect(debugger["signature-note"]).to_contain_text("32 bytes")


def test_an_expired_token(debugger: DebuggerPage, clock: StandingClock) -> None:
    """It says when it expired, that this is the reason, and what to do."""
    clock.now += 3900
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET)

    debugger.shows("Refused", "expired")
    expect(debugger["time-left"]).to_have_text("Expired 1 h ago")
    expect(debugger["remedy-text"]).to_contain_text("new token")


def test_a_countdown_to_the_end(page: Page, server: DebuggerServer, clock: StandingClock) -> None:
    """The time that is left counts down, quietly; when the token ends, the verdict changes by itself."""
    with watched(page, server) as debugger:
        page.clock.install(time=NOW)
        debugger.open()
        page.clock.pause_at(NOW + 60)
        debugger.paste(TOKEN)
        debugger.check_against("secret", SECRET)
        page.clock.run_for(500)
        debugger.shows("Accepted")
        expect(debugger["time-left"]).to_have_text(re.compile("Expires in (5 min|4 min 59 s)"))
        debugger.evaluate(
            """() => {
              window.announced = [];
              new MutationObserver((changes) => window.announced.push(...changes)).observe(
                document.body, { subtree: true, childList: true, characterData: true },
              );
              window.heard = () => window.announced.filter(
                ({ target }) => (target.closest ? target : target.parentElement).closest("[role=status], [role=alert]"),
              ).length;
            }"""
        )

        def passing(seconds: int) -> None:
            for _ in range(seconds):
                clock.now += 1
                page.clock.run_for(1000)

        passing(60)
        # An answer that is under way while the clocks are moved may put the page's a second off.
        expect(debugger["time-left"]).to_have_text(re.compile("Expires in (4 min( [12] s)?|3 min 5[89] s)$"))
        assert debugger.evaluate("window.announced.length") > 50
        assert debugger.evaluate("window.heard()") == 0, "a countdown that is read aloud every second"
        passing(245)
        expect(debugger["time-left"]).to_have_text(re.compile("Expired [34567] s ago"))
        debugger.shows("Accepted")  # Within the leeway.
        passing(20)
        debugger.shows("Refused", "expired")
        assert debugger.evaluate("window.heard()") > 0


def test_editing_a_claim_signs_again(debugger: DebuggerPage) -> None:
    """With a key to sign with, the token follows the claims as they are edited; the cursor stays where it was."""
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET)
    debugger.sign_with("secret")
    debugger.shows("Accepted")
    debugger["payload"].fill(debugger["payload"].input_value().replace("user-1", "user-2"))
    expect(debugger["token"]).not_to_have_value(TOKEN)
    debugger.shows("Accepted")
    expect(debugger["payload-members"]).to_contain_text("user-2")

    # The token is the one of these claims, and pasting it anew shows the same.
    text = debugger["token"].input_value()
    claims = guard().verify(text).run().claims
    assert claims["sub"] == "user-2"
    debugger["payload"].press("End")
    debugger["payload"].type(" ")
    assert debugger["payload"].evaluate("it => document.activeElement === it && it.selectionStart > 0")


def test_editing_without_a_key_breaks_the_signature(debugger: DebuggerPage) -> None:
    """What a forger would do, and what becomes of it."""
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET)
    debugger.shows("Accepted")
    debugger["payload"].fill(debugger["payload"].input_value().replace("user-1", "admin"))

    debugger.shows("Refused", "signature")
    assert debugger["token"].input_value().split(".")[2] == TOKEN.split(".")[2]


def test_editing_the_token_follows_in_the_parts(debugger: DebuggerPage) -> None:
    """The other way round: another payload in the token is another payload in the editor."""
    debugger.paste(TOKEN)
    expect(debugger["payload-members"]).to_contain_text("user-1")
    debugger.paste(token("user-9"))
    expect(debugger["payload-members"]).to_contain_text("user-9")
    assert json.loads(debugger["payload"].input_value())["sub"] == "user-9"


@pytest.mark.parametrize(
    ("field", "text", "problem"),
    [("payload", '{"sub": }', "Line 1, column 9"), ("header", "[]", "but no object"), ("payload", "", "Line 1")],
)
def test_drafts_that_cannot_be_read(debugger: DebuggerPage, field: str, text: str, problem: str) -> None:
    """The place of the mistake is said below the editor, and the token stays as it was."""
    debugger.paste(TOKEN)
    expect(debugger["payload-members"]).to_contain_text("user-1")
    debugger[field].fill(text)

    expect(debugger[f"{field}-problem"]).to_contain_text(problem)
    expect(debugger[field]).to_have_attribute("aria-invalid", "true")
    expect(debugger["token"]).to_have_value(TOKEN)
    expect(debugger[field]).to_have_value(text)


def test_signing_with_a_new_key(debugger: DebuggerPage, tmp_path: Path) -> None:
    """A key is made, shows its public half, signs, checks when asked to, and can be taken along."""
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET)
    debugger.sign_with("generated")
    expect(debugger["generated-public"]).to_contain_text('"ES256"')
    assert '"d"' not in debugger["generated-public"].inner_text()
    debugger["sign-now"].click()
    debugger.shows("Refused", "key")
    debugger["use-public"].click()
    debugger.shows("Accepted")
    expect(debugger["header-members"]).to_contain_text("debugger-")

    with debugger.page.expect_download() as public:
        debugger["download-public"].click()
    with debugger.page.expect_download() as private:
        debugger["download-private"].click()
    public.value.save_as(tmp_path / public.value.suggested_filename)
    private.value.save_as(tmp_path / private.value.suggested_filename)
    assert json.loads((tmp_path / "public.jwk.json").read_text())["alg"] == "ES256"
    assert "BEGIN PRIVATE KEY" in (tmp_path / "private.pem").read_text()

    debugger["algorithm"].select_option("EdDSA")
    expect(debugger["generated-public"]).to_contain_text('"EdDSA"')
    debugger["sign-now"].click()
    debugger["use-public"].click()
    debugger.shows("Accepted")
    before = debugger["generated-public"].inner_text()
    debugger["generate"].click()
    expect(debugger["generated-public"]).not_to_have_text(before)


def test_signing_with_a_key_of_ones_own(debugger: DebuggerPage) -> None:
    """A private key that is pasted signs; one that is none is explained."""
    debugger.paste(TOKEN)
    debugger.check_against("public", PUBLIC)
    debugger.sign_with("private")
    expect(debugger["sign-now"]).to_be_disabled()
    debugger["private-key"].fill("hello")
    debugger["sign-now"].click()
    expect(debugger["sign-problem"]).to_contain_text("PEM")
    debugger["private-key"].fill(json.dumps(signing_key("ES256", "2026").to_private_jwk()))
    expect(debugger["sign-problem"]).to_be_hidden()
    debugger["sign-now"].click()
    debugger.shows("Accepted")


def test_a_token_from_nothing(debugger: DebuggerPage) -> None:
    """A header, a payload and a secret that is made are enough for a token."""
    debugger["make-secret"].click()
    expect(debugger["secret"]).not_to_have_value("")
    debugger.sign_with("secret")
    debugger["header"].fill('{"typ": "at+jwt"}')
    debugger["payload"].fill('{"sub": "alice"}')
    debugger.shows("Refused", "missing_exp")
    debugger["renew"].click()
    debugger.shows("Accepted")
    expect(debugger["time-left"]).to_contain_text("Expires in")
    debugger["show-secret"].click()
    expect(debugger["secret"]).to_have_attribute("type", "text")
    expect(debugger["show-secret"]).to_have_attribute("aria-pressed", "true")


def test_a_refused_token_is_renewed(debugger: DebuggerPage, clock: StandingClock) -> None:
    """Expired, renewed, accepted: with the key at hand, one button."""
    clock.now += 3900
    debugger.paste(TOKEN)
    debugger.check_against("secret", SECRET)
    debugger.shows("Refused", "expired")
    debugger.sign_with("secret")
    debugger["renew"].click()

    debugger.shows("Accepted")


def test_the_example(debugger: DebuggerPage) -> None:
    """For who has no token at hand: one that is accepted, and can be edited at once."""
    debugger["example"].click()
    debugger.shows("Accepted")
    debugger["payload"].fill(debugger["payload"].input_value().replace("editor", "admin"))
    expect(debugger["payload-members"]).to_contain_text('["admin"]')
    debugger.shows("Accepted")
    debugger["clear"].click()
    debugger.shows("No token yet")
    expect(debugger["token"]).to_be_focused()
    expect(debugger["payload"]).to_have_value("")


def pasted(debugger: DebuggerPage, text: str) -> None:
    """Paste `text` over whatever is there."""
    debugger.evaluate(
        """(text) => {
          const data = new DataTransfer();
          data.setData("text/plain", text);
          const event = new ClipboardEvent("paste", { clipboardData: data, cancelable: true });
          // A script's paste changes nothing by itself: what the browser would do is done here.
          if (document.getElementById("token").dispatchEvent(event)) document.getElementById("token").value = text;
        }""",
        text,
    )


@pytest.mark.parametrize("member", ["access_token", "id_token"])
def test_a_token_response(debugger: DebuggerPage, member: str) -> None:
    """The answer of a token endpoint is replaced by the token in it."""
    pasted(debugger, json.dumps({"token_type": "Bearer", member: TOKEN}, indent=2))
    expect(debugger["token"]).to_have_value(TOKEN)


@pytest.mark.parametrize("text", ["null", '{"access_token":5}', "[]"])
def test_other_json_stays_as_it_is(debugger: DebuggerPage, text: str) -> None:
    """JSON without a token in it is shown as it was pasted."""
    pasted(debugger, text)
    expect(debugger["token"]).to_have_value(text)


@pytest.mark.parametrize(
    "around", ["Bearer {}", "Authorization: bearer {}", '"{}"', "\n  {}\n", "{}", "authorization:Bearer  {}\r\n"]
)
def test_what_is_copied_along_is_left_out(debugger: DebuggerPage, around: str) -> None:
    """A token comes out of a header, a log or a mail, with words around it and lines broken."""
    broken = "\n".join(TOKEN[at : at + 60] for at in range(0, len(TOKEN), 60))
    pasted(debugger, around.format(broken))

    expect(debugger["token"]).to_have_value(TOKEN)
    debugger.shows("Not verified")


def test_copying(debugger: DebuggerPage) -> None:
    """The token goes to the clipboard."""
    debugger.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=debugger.server.gate.origin)
    debugger.paste(TOKEN)
    debugger["copy"].click()
    expect(debugger["said"]).to_have_text("Copied.")

    assert debugger.evaluate("navigator.clipboard.readText()") == TOKEN


def test_an_answer_that_was_overtaken_is_dropped(page: Page, server: DebuggerServer) -> None:
    """Of two answers the later question's counts, whichever comes last."""
    held: list[Route] = []

    def hold_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    with watched(page, server) as debugger:
        debugger.open()
        page.route("**/api/inspect", hold_first)
        with page.expect_request("**/api/inspect"):
            debugger.paste("this.is.wrong")
        debugger.paste(TOKEN)
        debugger.shows("Not verified")
        answer: Any = {"verdict": {"state": "refused"}, "now": NOW}
        held[0].fulfill(json=answer)
        expect(debugger["payload-members"]).to_contain_text("user-1")
        debugger.shows("Not verified")


def test_fast_typing_asks_once(page: Page, server: DebuggerServer) -> None:
    """A pause is waited for: forty letters are not forty questions."""
    with watched(page, server) as debugger:
        page.clock.install(time=NOW)
        debugger.open()
        # However long this machine takes for forty letters, no time passes between them.
        page.clock.pause_at(NOW + 60)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        debugger["token"].press_sequentially("abcdefghijklmnopqrst.abcdefghijklmnop.qr")
        assert asked == []
        page.clock.run_for(1000)
        debugger.shows("Refused")

    assert len(asked) == 1


def test_an_edit_is_not_overtaken(page: Page, server: DebuggerServer) -> None:
    """The verdict is asked for again every ten seconds, and not while an edit waits for its answer."""
    held: list[Any] = []
    with watched(page, server) as debugger:
        page.clock.install(time=NOW)
        debugger.open()
        page.clock.pause_at(NOW + 60)
        debugger.paste(TOKEN)
        debugger.check_against("secret", SECRET)
        debugger.sign_with("private")
        debugger["private-key"].fill("no key")
        page.clock.run_for(500)
        debugger.shows("Accepted")
        page.route("**/api/sign", lambda route: held.append(route))
        with page.expect_request("**/api/sign"):
            debugger["payload"].fill('{"sub": "user-2"}')
            page.clock.run_for(500)
        page.clock.run_for(15_000)
        held[0].continue_()
        expect(debugger["sign-problem"]).to_be_visible()


def test_a_server_that_is_gone(debugger: DebuggerPage) -> None:
    """Who ended the program is told, in an alert; nothing pretends to be up to date."""
    debugger.page.route("**/api/*", lambda route: route.abort())
    debugger.paste(TOKEN)

    expect(debugger["alert"]).to_contain_text("start it again")
    debugger.page.unroute("**/api/*")
    debugger.paste(token("user-2"))
    expect(debugger["alert"]).to_be_hidden()


@pytest.mark.parametrize("fragment", ["", "#token=wrong", "#ticket=wrong", "#"])
def test_a_page_without_the_token(page: Page, server: DebuggerServer, fragment: str) -> None:
    """Who found the address but not the link gets a page that can do nothing, and is told how to get one."""
    with watched(page, server) as debugger:
        page.goto(f"{server.gate.origin}/{fragment}")
        expect(debugger["alert"]).to_contain_text("terminal shows")
        debugger.paste(TOKEN)
        expect(debugger["payload-members"]).to_be_empty()


def test_the_ticket_that_a_browser_is_started_with(page: Page, server: DebuggerServer) -> None:
    """It becomes the token, which a reload finds again; a second use is refused."""
    with watched(page, server) as debugger:
        debugger.open(server.gate.ticket_link)
        assert page.url == server.gate.link
        page.reload()
        debugger["example"].click()
        debugger.shows("Accepted")
        page.goto("about:blank")
        page.goto(server.gate.ticket_link)
        expect(debugger["alert"]).to_contain_text("used already")
