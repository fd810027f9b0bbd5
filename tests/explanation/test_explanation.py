"""An explanation says what the guard says, and for every reason where it arose, what was wanted, found, and helps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    ConfigurationError,
    FetchRequest,
    FetchResponse,
    Guard,
    JWTGuardError,
    LocalJWKSet,
    RemoteJWKSet,
    Rule,
    Rules,
    SessionRevocation,
    TokenCookie,
    UnavailableError,
    VerificationKey,
    authenticated,
    has_role,
    optional_lenient,
    public,
)
from jwtguard.core.events import Event
from jwtguard.core.sessions.store_protocol import Session
from jwtguard.core.tokens.reasons import REASONS, STEPS, reason_named
from jwtguard.explanation import Explanation, Route, explain, quiet
from jwtguard.stores.memory import MemoryStore
from tests.core.keys import signing_key
from tests.core.token_samples import CLAIMS, NOW, compact, segment
from tests.core.vectors import Vector, wycheproof
from tests.explanation.worlds import GOOD, NOT_BY_A_TOKEN, WORLDS, World, guard, introspecting, kind, of, says

worlds = pytest.mark.parametrize(("reason", "world"), WORLDS, ids=[reason for reason, _ in WORLDS])


def explained(world: World, **settings: Any) -> Explanation:
    """What is said of the token of a world."""
    return explain(world.guard, world.text, route=world.route, **settings).run()


def reason_of(guard: Guard, text: Any) -> str:
    """The guard's own word."""
    try:
        guard.verify(text).run()
    except JWTGuardError as error:
        return error.reason
    return "accepted"


def outcomes(found: Explanation) -> dict[int, str]:
    """What became of each step."""
    return {step.number: step.outcome for step in found.steps}


@worlds
def test_every_reason_has_its_step(reason: str, world: World) -> None:
    """Its step failed, with what was wanted, found and helps; all before it passed, and none after it was reached."""
    found = explained(world)

    assert (found.reason, found.verdict) == (reason, "unavailable" if _is_outage(reason) else "refused")
    assert found.failed is not None
    assert found.failed.number == world.step
    assert found.failed.number in reason_named(reason).steps
    assert found.failed.expected
    assert found.failed.found
    assert found.failed.remedy.endswith(".")
    assert "{" not in found.failed.remedy
    before = {step.outcome for step in found.steps if step.number < world.step}
    after = {step.outcome for step in found.steps if step.number > world.step}
    assert before <= {"passed", "skipped"}
    assert after <= {"not reached", "skipped"}
    assert [step.number for step in found.steps] == sorted(outcomes(found))


def _is_outage(reason: str) -> bool:
    return reason in {"keys", "store", "introspection", "introspection_busy"}


@worlds
def test_the_guard_says_the_same(reason: str, world: World) -> None:
    """Where no route is asked about, the reason is that of `guard.verify`."""
    expected = "accepted" if world.route is not None else reason

    assert reason_of(world.guard, world.text) == expected
    assert explain(world.guard, world.text).run().reason == expected


def test_no_reason_is_forgotten() -> None:
    """Every reason of the table is that of one of the worlds, and every step is named."""
    seen = {reason if reason in REASONS else f"{reason.partition('_')[0]}_…" for reason, _ in WORLDS}

    assert seen == set(REASONS) - NOT_BY_A_TOKEN
    assert {step for reason in REASONS.values() for step in reason.steps} <= set(STEPS)


def test_an_unknown_reason_is_an_error() -> None:
    """A reason that no token can cause has no entry."""
    with pytest.raises(KeyError):
        reason_named("password")
    with pytest.raises(KeyError):
        reason_named("two_tokens")


def test_a_good_token_passes_every_step() -> None:
    """All eight steps say what they found, and nothing helps, since nothing has to."""
    found = explain(guard(), GOOD).run()

    assert (found.verdict, found.reason, found.failed) == ("accepted", "accepted", None)
    assert list(outcomes(found).values()) == ["passed"] * 8 + ["skipped"]
    assert all(step.expected and step.found and step.rfc and not step.remedy for step in found.steps[:8])


@worlds
def test_redacted_a_subject_is_not_shown(reason: str, world: World) -> None:
    """Neither the subject nor the value of a claim of the application's own stands in a redacted explanation."""
    text = of(sub="alice@example.com", name="Alice Liddell", exp=NOW - 60)
    shown = json.dumps([str(step) for step in explain(world.guard, text, redact=True).run().steps])

    assert "alice" not in shown.lower()
    assert text.split(".")[2] not in shown


def test_not_redacted_the_subject_is_shown() -> None:
    """On one's own terminal everything may be seen."""
    assert 'sub "user-1"' in explain(guard(), GOOD).run().steps[6].found
    assert "sub (6 characters)" in explain(guard(), GOOD, redact=True).run().steps[6].found


@pytest.mark.parametrize(
    ("value", "shown"), [("secret", "(6 characters)"), (["x"], "(1 members)"), (None, "(NoneType)")]
)
def test_redacted_values_are_measured(value: object, shown: str) -> None:
    """Of a value that is left out, its size is told: a wrong kind of value is a likely cause."""
    text = compact(payload={**CLAIMS, "nonce": value})
    found = explain(kind(without=["nonce"]), text, redact=True).run()
    assert found.failed is not None
    assert found.failed.found == f"nonce {shown}"


def test_an_explanation_is_no_event() -> None:
    """An explanation causes no event of the project's `on_event`; caches and keys are shared."""
    heard: list[Event] = []
    asked = guard(on_event=heard.append)

    explain(asked, GOOD).run()

    assert heard == []
    assert quiet(asked).keys is asked.keys
    asked.verify(GOOD).run()
    assert [event.reason for event in heard] == ["accepted"]


def test_an_opaque_token_is_its_issuers() -> None:
    """Of a token that was introspected, the steps of a JWT are told to be skipped."""
    answer = {
        "active": True,
        "iss": "https://issuer.example",
        "aud": "https://api.example",
        "sub": "u",
        "exp": NOW + 60,
    }
    found = explain(introspecting(says(json.dumps(answer).encode())), "opaque").run()

    assert found.verdict == "accepted"
    assert list(outcomes(found).values()) == ["passed"] + ["skipped"] * 8


def test_an_opaque_token_can_be_expired() -> None:
    """What the issuer says is held against the policy: step 7 fails, and the steps of a JWT are skipped."""
    answer = {"active": True, "iss": "https://issuer.example", "aud": "https://x.example", "sub": "u", "exp": NOW + 60}
    found = explain(introspecting(says(json.dumps(answer).encode())), "opaque").run()

    assert (found.reason, outcomes(found)[2], outcomes(found)[7]) == ("aud", "skipped", "failed")
    assert found.failed is not None
    assert found.failed.found == "something else in what the issuer says of this opaque token"


def test_an_opaque_token_of_a_stranger_fails_by_its_claims() -> None:
    """Though its issuer is looked at early where keys are to be fetched, here there are none."""
    answer = {**CLAIMS, "active": True, "iss": "https://evil.example"}
    keys = RemoteJWKSet("https://issuer.example/jwks", fetcher=says(b"{}"))
    asked = guard(introspection=introspecting(says(json.dumps(answer).encode())).introspection, keys=keys)
    found = explain(asked, "opaque").run()

    assert (found.reason, outcomes(found)[7]) == ("iss", "failed")


def test_a_guard_that_cannot_work_says_so() -> None:
    """An asynchronous fetcher, run without a loop, is no fault of the token."""

    async def fetch(request: FetchRequest) -> FetchResponse:
        raise NotImplementedError

    asked = guard(keys=RemoteJWKSet("https://issuer.example/jwks", fetcher=fetch))
    with pytest.raises(ConfigurationError, match="asynchronous"):
        explain(asked, compact(key=signing_key("ES256"))).run()


def test_keys_that_were_not_fetched_are_not_listed() -> None:
    """A token that fails before its key is looked for costs the provider nothing."""
    asked = guard(keys=RemoteJWKSet("https://issuer.example/jwks", fetcher=says(b"{}")))
    step = explain(asked, compact({"alg": "ES256", "typ": "x"})).run().steps[4]

    assert (step.outcome, step.expected) == ("not reached", "a key for the kid and alg of the header")


def test_a_parser_that_breaks_is_an_early_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of no later step it is said that it passed."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("jwtguard.explanation.split", broken)
    monkeypatch.setattr("jwtguard.core.tokens.verifier.split", broken)
    found = explain(guard(), GOOD).run()

    assert (found.reason, outcomes(found)[1], outcomes(found)[2]) == ("unforeseen", "failed", "not reached")


RULES = Rules([Rule("/admin/", has_role("admin")), Rule("/open", public), Rule("/maybe", optional_lenient)])


@pytest.mark.parametrize(
    ("path", "requirements", "text", "reason", "outcome"),
    [
        ("/admin/", (), of(roles=["admin"]), "accepted", "passed"),
        ("/admin/", (), GOOD, "insufficient_scope", "failed"),
        ("/admin/", (), of(exp=1), "expired", "not reached"),
        ("/open", (), of(exp=1), "accepted", "passed"),
        ("/open", (), GOOD, "accepted", "passed"),
        ("/maybe", (), of(exp=1), "accepted", "passed"),
        ("/open", (authenticated,), of(exp=1), "expired", "not reached"),
        ("/open/../admin", (), of(roles=["admin"]), "ambiguous_path", "failed"),
        ("/open/../admin", (), of(exp=1), "expired", "not reached"),
        ("/admin/", (has_role("root"),), of(roles=["admin"]), "insufficient_scope", "failed"),
        (None, (has_role("root"),), of(roles=["root"]), "accepted", "passed"),
        (None, (), GOOD, "accepted", "skipped"),
        (None, (), of(exp=1), "expired", "skipped"),
    ],
)
def test_a_route_is_decided_by_the_guard(
    path: str | None, requirements: tuple[Any, ...], text: str, reason: str, outcome: str
) -> None:
    """Rule and decorators must both pass; where one does without a token, a broken one does no harm."""
    found = explain(guard(rules=RULES), text, route=Route(method="GET", path=path, requirements=requirements)).run()

    assert (found.reason, outcomes(found)[11]) == (reason, outcome)


@pytest.mark.parametrize(
    ("settings", "method", "words"),
    [
        ({}, "POST", "no token from a cookie"),
        (
            {"tokens_from": [AuthorizationHeader(from_proxy=True)]},
            "POST",
            "asked only if the token comes from a gateway",
        ),
        (
            {"tokens_from": [AuthorizationHeader(from_proxy=True)], "csrf": UNCHECKED},
            "POST",
            "token from a gateway are",
        ),
        ({"tokens_from": [TokenCookie("__Host-access")]}, "GET", "GET changes nothing"),
        ({"tokens_from": [TokenCookie("__Host-access")]}, "POST", "Sec-Fetch-Site or Origin"),
        ({"tokens_from": [TokenCookie("__Host-access")], "csrf": UNCHECKED}, "POST", "UNCHECKED"),
        ({"tokens_from": [TokenCookie("__Host-access")], "csrf": CSRF()}, "post", "Sec-Fetch-Site or Origin"),
    ],
)
def test_what_a_cookie_would_need_is_said(settings: dict[str, Any], method: str, words: str) -> None:
    """The token is taken as if it came in a header: what a cookie would need besides is told."""
    step = explain(guard(**settings), GOOD, route=Route(method=method, path="/")).run().steps[8]

    assert step.outcome == "skipped"
    assert words in step.found


def test_a_session_that_is_alive_passes() -> None:
    """Where the guard asks for the session, that is a step that passed."""

    class Store(MemoryStore):
        def find(self, session_id: str, *, now: float) -> Session:
            return Session(
                session_id=session_id,
                issuer="https://issuer.example",
                subject="user-1",
                label=None,
                generation=0,
                created_at=now,
                refreshed_at=None,
                expires_at=now + 60,
            )

    found = explain(guard(revocation=SessionRevocation(Store())), of(sid="s")).run()

    assert (found.verdict, outcomes(found)[10]) == ("accepted", "passed")


tokens = st.lists(st.text("abcdefghijklmnopqrstuvwxyzABC0189-_=+/ é\n\x00", max_size=20), max_size=6).map(".".join)
objects = st.dictionaries(
    st.sampled_from(
        ["alg", "typ", "kid", "crit", "iss", "aud", "sub", "exp", "nbf", "iat", "cnf", "jti", "tid", "sid"]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.lists(st.text(max_size=3), max_size=2)
    | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    max_size=6,
)
signed = st.tuples(objects, objects).map(lambda parts: compact({**parts[0], "alg": "HS256"}, {**CLAIMS, **parts[1]}))
unsigned = st.tuples(objects, objects).map(lambda parts: f"{segment(parts[0])}.{segment(parts[1])}.c2ln")


@settings(deadline=None, max_examples=300)
@given(tokens | signed | unsigned)
def test_no_text_breaks_an_explanation(text: str) -> None:
    """Whatever stands in it, the explanation says what the guard says, and exactly one step failed if it is refused."""
    asked = guard()
    found = explain(asked, text, route=Route(method="GET", path="/")).run()

    assert found.reason == reason_of(asked, text)
    assert [step.outcome for step in found.steps].count("failed") == (found.reason != "accepted")


@pytest.mark.parametrize("name", ["json_web_signature", "json_web_key"])
def test_explanations_agree_with_the_guard_on_all_vectors(name: str) -> None:
    """For every token and key of Wycheproof, the reason is the guard's, and there is a failed step with it."""
    for group, test in wycheproof(name):
        made = _guard_with(group.get("public", group["private"]))
        if made is None:
            continue
        text = test["jws"] if isinstance(test["jws"], str) else json.dumps(test["jws"])
        found = explain(made, text).run()
        assert found.reason == reason_of(made, text)
        assert found.failed is not None
        assert found.failed.remedy


def _guard_with(jwk: Vector) -> Guard | None:
    try:
        keys = LocalJWKSet(jwk) if "keys" in jwk else VerificationKey.from_jwk(jwk)
    except JWTGuardError:
        return None
    return guard(keys=keys)


def test_a_source_of_keys_that_breaks_is_an_outage() -> None:
    """After an unforeseen error the step is shown all the same, without the keys."""

    class Source:
        def current(self) -> None:
            raise ZeroDivisionError

        def refreshed(self, kid: str | None) -> Any:
            raise ZeroDivisionError

    found = explain(guard(keys=Source()), GOOD).run()

    assert found.verdict == "unavailable"
    assert found.failed is not None
    assert found.failed.found == "they cannot be fetched"
    with pytest.raises(UnavailableError):
        guard(keys=Source()).verify(GOOD).run()
