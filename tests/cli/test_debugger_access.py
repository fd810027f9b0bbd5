"""The debugger's page for everybody: keyboard, screen reader, contrast, small screens, dark rooms, still eyes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from jwtguard.cli.debugger.server import DebuggerServer
from tests.chromium import browser as browser
from tests.chromium import page as page
from tests.cli.debugger_pages import DebuggerPage, watched
from tests.cli.debuggers import running
from tests.samples import AUDIENCE, SECRET, guard, token

TOKEN = token(roles=["admin"], scope=["reports:read"])


@pytest.fixture
def server() -> Iterator[DebuggerServer]:
    """A debugger with a guard, so that all that can be shown is there."""
    with running(guard()) as server:
        yield server


@pytest.fixture
def debugger(page: Page, server: DebuggerServer) -> Iterator[DebuggerPage]:
    """The page, open."""
    with watched(page, server) as debugger:
        debugger.open()
        yield debugger


def empty(debugger: DebuggerPage) -> None:
    """As it comes up."""


def accepted(debugger: DebuggerPage) -> None:
    """A token that the guard takes."""
    debugger.paste(TOKEN)
    debugger.shows("Accepted")
    debugger["steps-details"].locator("summary").click()


def refused(debugger: DebuggerPage) -> None:
    """A token for another audience, with all steps shown."""
    debugger.check_against("secret", SECRET)
    debugger["audience"].fill("https://other.example")
    debugger.paste(TOKEN)
    debugger.shows("Refused", "aud")
    debugger["steps-details"].locator("summary").click()


def unknown(debugger: DebuggerPage) -> None:
    """One without a key, and a key that is none."""
    debugger.check_against("public", "hello")
    debugger.paste(TOKEN)
    debugger.shows("Not verified")
    expect(debugger["check-problem"]).to_be_visible()


def broken(debugger: DebuggerPage) -> None:
    """Mistakes everywhere: drafts, keys, a server that does not answer."""
    debugger.paste("!!!.???.%%.more")
    expect(debugger["header-problem"]).to_be_visible()
    debugger.check_against("jwks", "{}")
    debugger.sign_with("private")
    debugger["private-key"].fill("hello")
    debugger["header"].fill("{}")
    debugger["payload"].fill("{}")
    expect(debugger["sign-problem"]).to_be_visible()
    debugger.page.route("**/api/*", lambda route: route.abort())
    debugger["payload"].fill("{")
    expect(debugger["alert"]).to_be_visible()


def signing(debugger: DebuggerPage) -> None:
    """The example, with the key that was made."""
    debugger["example"].click()
    debugger.shows("Accepted")
    debugger["show-secret"].evaluate("it => it.setAttribute('aria-pressed', 'true')")
    debugger.check_against("secret", SECRET)


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
STATES = [empty, accepted, refused, unknown, broken, signing]
states = pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)

CONTRASTS = """() => {
  const parsed = (text) => {
    const numbers = text.match(/-?[\\d.]+(e-?\\d+)?/g).map(Number);
    if (text.startsWith("color(srgb")) {
      return { rgb: numbers.slice(0, 3).map((part) => part * 255), alpha: numbers[3] ?? 1 };
    }
    if (!text.startsWith("rgb")) throw new Error(`a colour that this test cannot read: ${text}`);
    return { rgb: numbers.slice(0, 3), alpha: numbers[3] ?? 1 };
  };
  const over = (front, back) => ({
    rgb: front.rgb.map((part, index) => part * front.alpha + back.rgb[index] * (1 - front.alpha)), alpha: 1,
  });
  const ground = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(parsed(getComputedStyle(each).backgroundColor));
    }
    return layers.reverse().reduce((back, front) => over(front, back), { rgb: [255, 255, 255], alpha: 1 });
  };
  const luminance = ({ rgb }) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = rgb.map((part) => linear(part / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  const visible = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && element.getBoundingClientRect().width > 1;
  const found = [];
  const judge = (what, style, behind, least) => {
    const front = parsed(style.color);
    if (front.alpha === 0) return; // The textarea whose text is shown by its mirror.
    const value = contrast(over(front, behind), behind);
    found.push({ what, value, least });
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    if (!text || !visible(element) || element.tagName === "NOSCRIPT") continue;
    const least = element.matches(":disabled") ? 0 : 4.5;
    judge(`text ${element.tagName}.${element.className} ${text}`, getComputedStyle(element), ground(element), least);
  }
  for (const field of document.querySelectorAll("input:not([type=radio], [type=checkbox]), textarea, select")) {
    if (!visible(field)) continue;
    judge(`field #${field.id}`, getComputedStyle(field), ground(field), 4.5);
    if (field.placeholder) {
      judge(`placeholder #${field.id}`, getComputedStyle(field, "::placeholder"), ground(field), 4.5);
    }
    const frame = field.closest(".editor") ?? field;
    const border = getComputedStyle(frame).borderTopColor;
    if (!frame.matches(":focus-within, :focus")) {
      judge(`border of #${field.id}`, { color: border }, ground(frame.parentElement), 3);
    }
  }
  for (const button of document.querySelectorAll("button:not(:disabled)")) {
    if (!visible(button)) continue;
    const color = getComputedStyle(button).borderTopColor;
    judge(`border of #${button.id}`, { color }, ground(button.parentElement), 3);
  }
  return found;
}"""


@states
def test_contrast(debugger: DebuggerPage, state: Any) -> None:
    """All text is at least 4.5 to 1 against what is behind it, the edges of fields and buttons 3 to 1 (WCAG 2.2)."""
    debugger.page.emulate_media(reduced_motion="reduce")
    state(debugger)
    for scheme in SCHEMES:
        debugger.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = debugger.evaluate(CONTRASTS)
        assert len(found) > 40
        assert [each for each in found if each["value"] < each["least"]] == []


def test_the_schemes_differ(debugger: DebuggerPage) -> None:
    """Dark is dark, light is light: by what the system says."""
    grounds: dict[str, str] = {}
    for scheme in SCHEMES:
        debugger.page.emulate_media(color_scheme=scheme)
        grounds[scheme] = debugger.page.locator("body").evaluate("it => getComputedStyle(it).backgroundColor")
    sums = {scheme: sum(map(int, ground[4:-1].split(","))) for scheme, ground in grounds.items()}

    assert sums["light"] > 700
    assert sums["dark"] < 100


@states
def test_nothing_is_wider_than_the_screen(debugger: DebuggerPage, state: Any) -> None:
    """No scrolling to the side, down to the 320 pixels of WCAG 2.2, 1.4.10; nothing is cut off either."""
    state(debugger)
    for width in (320, 360, 480, 768, 960, 1440, 2560):
        debugger.page.set_viewport_size({"width": width, "height": 800})
        assert debugger.evaluate("document.documentElement.scrollWidth") <= width
        outside = debugger.evaluate(
            """(width) => [...document.querySelectorAll("button, input, textarea, select, h1, h2, p, dd, pre")]
              .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > width + 0.5)
              .map((one) => `${one.tagName}#${one.id}`)""",
            width,
        )
        assert outside == []


@states
def test_what_a_screen_reader_is_told(debugger: DebuggerPage, state: Any) -> None:
    """Everything that takes the focus has a name and a role, as the browser computes them; no name stands for two."""
    state(debugger)
    session = debugger.page.context.new_cdp_session(debugger.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]

    def has(node: Any, name: str) -> bool:
        return any(each["name"] == name and each["value"].get("value") for each in node.get("properties", []))

    shown = [node for node in nodes if not node["ignored"]]
    focusable = [node for node in shown if has(node, "focusable") and node["role"]["value"] != "RootWebArea"]
    names = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in focusable]
    assert len(names) >= 15
    assert [role for role, name in names if not name.strip()] == []
    assert sorted(names) == sorted(set(names))
    roles = [node["role"]["value"] for node in shown]
    for landmark in ("main", "banner"):
        assert roles.count(landmark) == 1
    assert {"status", "heading", "textbox", "radio", "button"} <= set(roles)


def test_the_structure(debugger: DebuggerPage) -> None:
    """One language, one title, one main heading, no level left out, no id twice, every field with a label."""
    accepted(debugger)
    found = debugger.evaluate(
        """() => ({
          language: document.documentElement.lang,
          title: document.title,
          levels: [...document.querySelectorAll("h1, h2, h3")]
            .filter((one) => one.checkVisibility()).map((one) => +one.tagName[1]),
          ids: [...document.querySelectorAll("[id]")].map((one) => one.id),
          unlabelled: [...document.querySelectorAll("input, textarea, select")]
            .filter((one) => !one.labels.length && !one.ariaLabel).map((one) => one.id),
          dangling: ["aria-labelledby", "aria-describedby"]
            .flatMap((name) => [...document.querySelectorAll(`[${name}]`)].map((one) => one.getAttribute(name)))
            .flatMap((names) => names.split(" ")).filter((id) => !document.getElementById(id)),
          outline: [...document.querySelectorAll("*")].filter((one) => one.tabIndex > 0).length,
        })"""
    )

    assert (found["language"], found["title"]) == ("en", "jwtguard debugger")
    assert found["levels"][0] == 1
    assert found["levels"].count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(found["levels"], found["levels"][1:], strict=False))
    assert len(found["ids"]) == len(set(found["ids"]))
    assert found["unlabelled"] == found["dangling"] == []
    assert found["outline"] == 0


def focused(debugger: DebuggerPage) -> str:
    """What has the focus: its id, or the value of a radio button."""
    name: str = debugger.evaluate(
        "(({ activeElement: it }) => it.type === 'radio' ? `${it.name}=${it.value}` : it.id || it.tagName)(document)"
    )
    return name


def test_by_keyboard_alone(debugger: DebuggerPage) -> None:
    """The whole way without a mouse: example, verdict, another key, editing, signing; and nothing holds the focus."""
    keyboard = debugger.page.keyboard

    def tab_to(name: str, *, key: str = "Tab") -> None:
        for _ in range(60):
            keyboard.press(key)
            if focused(debugger) == name:
                return
        raise AssertionError(f"{name} cannot be reached")

    keyboard.press("Tab")
    assert focused(debugger) == "skip"
    assert debugger["skip"].evaluate("it => it.getBoundingClientRect().width") > 50, "seen when it has the focus"
    tab_to("example")
    keyboard.press("Enter")
    debugger.shows("Accepted")
    tab_to("check=public")
    keyboard.press("ArrowLeft")
    assert focused(debugger) == "check=secret"
    expect(debugger["secret"]).to_be_visible()
    tab_to("make-secret")
    keyboard.press("Enter")
    debugger.shows("Refused", "key")
    tab_to("payload")
    keyboard.press("Tab")
    assert focused(debugger) != "payload", "Tab leaves the editor"
    tab_to("sign=generated")
    keyboard.press("ArrowUp")
    assert focused(debugger) == "sign=secret"
    tab_to("sign-now")
    keyboard.press("Space")
    debugger.shows("Accepted")
    tab_to("payload", key="Shift+Tab")
    keyboard.press("Control+Home")
    keyboard.press("ArrowRight")
    keyboard.type('"note": "typed", ')
    expect(debugger["payload-members"]).to_contain_text("typed")
    debugger.shows("Accepted")
    tab_to("pill", key="Shift+Tab")
    keyboard.press("Enter")
    assert focused(debugger) == "verdict"


def test_the_focus_is_seen(debugger: DebuggerPage) -> None:
    """Whatever has the focus has a ring around it, or around the frame that it is in."""
    accepted(debugger)
    debugger["token"].focus()
    seen: dict[str, str] = {}
    for _ in range(45):
        debugger.page.keyboard.press("Tab")
        seen[focused(debugger)] = debugger.evaluate(
            """() => {
              const it = document.activeElement;
              const places = [it, it.nextElementSibling, it.closest(".editor")].filter(Boolean);
              const isRinged = ({ outlineStyle, outlineWidth }) =>
                outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
              return places.some((one) => isRinged(getComputedStyle(one))) ? "ring" : "nothing";
            }"""
        )
    seen.pop("BODY", None)

    assert len(seen) >= 12
    assert {name for name, ring in seen.items() if ring != "ring"} == set()


def test_verdicts_are_announced_once(debugger: DebuggerPage) -> None:
    """The verdict is a status, which is read when it changes, and not again while it stays the same."""
    expect(debugger["verdict-status"]).to_have_attribute("role", "status")
    accepted(debugger)
    debugger.evaluate(
        """() => {
          window.heard = 0;
          new MutationObserver((all) => { window.heard += all.length; }).observe(
            document.getElementById("verdict-status"), { subtree: true, childList: true, characterData: true },
          );
        }"""
    )
    with debugger.page.expect_response("**/api/inspect"):
        debugger["token"].press("End")
        debugger["token"].type(" ")
    expect(debugger["payload-members"]).to_contain_text("user-1")
    assert debugger.evaluate("window.heard") == 0
    debugger.check_against("secret", "x")
    debugger.shows("Refused")
    assert debugger.evaluate("window.heard") > 0


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_still_eyes(debugger: DebuggerPage, motion: Any, *, moves: bool) -> None:
    """Nothing moves for who asked for that."""
    debugger.page.emulate_media(reduced_motion=motion)
    durations = debugger.evaluate(
        """[...document.querySelectorAll("*")]
          .flatMap((one) => [getComputedStyle(one), getComputedStyle(one, "::before")])
          .flatMap((style) => `${style.transitionDuration}, ${style.animationDuration}`.split(", "))
          .filter((time) => time !== "0s")"""
    )

    assert bool(durations) is moves


def test_forced_colours(debugger: DebuggerPage) -> None:
    """Where the system imposes its colours, the editors show their own text instead of the mirror's."""
    debugger.page.emulate_media(forced_colors="active")
    accepted(debugger)

    for name in ("token", "header", "payload"):
        assert debugger[name].evaluate("it => getComputedStyle(it).color") not in {"rgba(0, 0, 0, 0)", "transparent"}
        assert (
            debugger[f"{name}-editor"].locator(".mirror").evaluate("it => getComputedStyle(it).visibility") == "hidden"
        )


def test_editor_and_mirror_lie_on_each_other(debugger: DebuggerPage) -> None:
    """The coloured text stands exactly where the cursor thinks it does, however it is wrapped."""
    debugger["token"].fill(TOKEN)
    for width in (340, 700, 1300):
        debugger.page.set_viewport_size({"width": width, "height": 800})
        for name in ("token", "payload"):
            boxes = debugger[f"{name}-editor"].evaluate(
                """(it) => [it.querySelector("textarea"), it.querySelector(".mirror")].map((one) => {
                  const { x, y, width, height } = one.getBoundingClientRect();
                  const style = getComputedStyle(one);
                  const { font, lineHeight, padding, letterSpacing } = style;
                  const { whiteSpace, wordBreak, overflowWrap } = style;
                  return [
                    x, y, width, height, font, lineHeight, padding, letterSpacing, whiteSpace, wordBreak, overflowWrap,
                  ];
                })"""
            )
            assert boxes[0] == boxes[1]
            assert debugger[name].evaluate("it => it.scrollHeight - it.clientHeight") <= 0


def test_zoomed_text(browser: Browser, server: DebuggerServer) -> None:
    """At twice the size of letters everything is still there (WCAG 2.2, 1.4.4)."""
    context = browser.new_context(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    with watched(context.new_page(), server) as debugger:
        debugger.open()
        debugger.paste(TOKEN)
        debugger.shows("Accepted")
        debugger.page.locator("html").evaluate("it => { it.style.fontSize = '200%'; }")
        assert debugger.evaluate("document.documentElement.scrollWidth") <= 640
        assert json.loads(debugger["payload"].input_value())["aud"] == AUDIENCE
    context.close()
