"""What the debugger's page can ask for: verdicts against every kind of key, signing again, fetching, the example."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from jwtguard import UNCHECKED, Guard, SigningKey
from jwtguard.cli.debugger.actions import MAX_FETCHED, Actions
from tests.cli.debuggers import StandingClock
from tests.core.keys import signing_key, verification_key
from tests.key_sources.server import Server, answer, serving
from tests.samples import AUDIENCE, ISSUER, NOW, SECRET, guard, issuer, token

NOTHING = {"kind": "none"}


def actions(guard: Guard | None = None) -> Actions:
    """The calls, at a time that stands still."""
    return Actions(guard, guard_name="project.auth:guard", clock=StandingClock())


def check(kind: str, key: str = "", **more: Any) -> dict[str, Any]:
    """What the page says that a token is to be checked against."""
    return {"kind": kind, "key": key, "issuer": ISSUER, "audience": AUDIENCE, **more}


def inspected(text: str, against: dict[str, Any], guard: Guard | None = None) -> dict[str, Any]:
    """The whole answer, as JSON brings it to the page."""
    found: dict[str, Any] = json.loads(json.dumps(actions(guard).inspect({"token": text, "check": against})))
    return found


def verdict(text: str, against: dict[str, Any], guard: Guard | None = None) -> tuple[str, str]:
    """State and reason."""
    found = inspected(text, against, guard)["verdict"]
    return found["state"], found["reason"]


ES256 = signing_key("ES256", "2026")
SIGNED = issuer(signing_keys=[ES256]).access_token("user-1")
PUBLIC = json.dumps(verification_key("ES256", "2026").to_jwk())
OTHER = json.dumps(SigningKey.generate("ES256", kid="2026").verification_key.to_jwk())


@pytest.mark.parametrize(
    ("text", "against", "state", "reason"),
    [
        ("", check("secret", SECRET), "empty", ""),
        ("  \n", check("secret", SECRET), "empty", ""),
        (token(), check("secret", SECRET), "accepted", "accepted"),
        (f" {token()}\n", check("secret", SECRET), "accepted", "accepted"),
        (token(), check("secret", SECRET[::-1]), "refused", "signature"),
        (token(), check("secret", SECRET, issuer="https://other.example"), "refused", "iss"),
        (token(), check("secret", SECRET, audience="https://other.example"), "refused", "aud"),
        (token(), check("secret", "short"), "refused", "key_refused"),
        ("a.b", check("secret", "short"), "refused", "form"),
        ("", check("secret", "short"), "empty", ""),
        (token(), check("secret", "!", is_base64url=True), "unknown", "no_key"),
        (token(), check("public", "hello"), "unknown", "no_key"),
        (token(), check("secret", ""), "unknown", "no_key"),
        (token(), NOTHING, "unknown", "no_key"),
        (SIGNED, check("public", PUBLIC), "accepted", "accepted"),
        (SIGNED, check("public", OTHER), "refused", "signature"),
        (SIGNED, check("public", " "), "unknown", "no_key"),
        (SIGNED, check("jwks", f'{{"keys": [{PUBLIC}]}}'), "accepted", "accepted"),
        (SIGNED, check("jwks", address="https://never.example/fetched"), "unknown", "no_key"),
        # An HS256 token signed with a public key is the oldest forgery of all (RFC 8725 §2.1).
        (token(), check("public", PUBLIC), "refused", "key"),
        # Without a key, what needs none is told.
        ("a.b", NOTHING, "refused", "form"),
        ("a" * 9000, NOTHING, "refused", "too_long"),
        ("ä.b.c", NOTHING, "refused", "alphabet"),
        ("\ud800.b.c", NOTHING, "refused", "alphabet"),
        ("e30.e30.e30", NOTHING, "refused", "alg"),
    ],
)
def test_verdicts(text: str, against: dict[str, Any], state: str, reason: str) -> None:
    """Each kind of key, each way to be wrong."""
    assert verdict(text, against) == (state, reason)


def test_times() -> None:
    """Whether a token has expired is asked of the clock, not of the page."""
    clock = StandingClock()
    calls = Actions(clock=clock)
    asked = {"token": token(), "check": check("secret", SECRET)}

    assert calls.inspect(asked)["verdict"]["state"] == "accepted"
    clock.now += 300 + 9
    assert calls.inspect(asked)["verdict"]["state"] == "accepted"  # Within the leeway.
    clock.now += 1
    found = calls.inspect(asked)
    assert (found["verdict"]["reason"], found["now"]) == ("expired", NOW + 310)


def test_a_refusal_says_what_to_change() -> None:
    """The failing step, what was expected and found, and the remedy, all of them for people."""
    found = inspected(token(), check("secret", SECRET, audience="https://other.example"))["verdict"]

    failed = [step for step in found["steps"] if step["outcome"] == "failed"]
    assert [(step["number"], step["title"]) for step in failed] == [(7, "Claims")]
    assert found["remedy"] == failed[0]["remedy"] != ""
    assert failed[0]["found"] != ""
    assert found["sentence"] == "It fails at step 7, Claims."
    assert [step["outcome"] for step in found["steps"]][:6] == ["passed"] * 6


def test_without_a_key_nothing_is_said_about_keys() -> None:
    """The steps that need a key were not reached, and the sentence says what is missing."""
    found = inspected(token(), NOTHING)["verdict"]

    assert {step["outcome"] for step in found["steps"] if step["number"] >= 5} == {"not reached"}
    assert "only a key can tell" in found["sentence"]


def test_what_was_not_checked_is_said() -> None:
    """An empty field means: any. The verdict says that it is not checked."""
    assert inspected(token(), check("secret", SECRET))["verdict"]["unchecked"] == []
    assert inspected(token(), check("secret", SECRET, issuer=" ", audience=""))["verdict"]["unchecked"] == [
        "issuer",
        "audience",
    ]


def test_a_key_that_is_of_no_use_is_explained() -> None:
    """The page shows why beside the field, and what can be said without a key."""
    found = inspected(token(), check("secret", "short"))

    assert "needs at least 32" in found["check_problem"]
    assert found["payload"]["members"][0]["name"] == "iss"


def test_the_guard_decides() -> None:
    """With a guard, its keys, issuer and audience count, whatever stands in the page's fields."""
    ours = check("guard", "", issuer="https://other.example")

    assert verdict(token(), ours, guard()) == ("accepted", "accepted")
    assert verdict(token(), ours, guard(audience="https://other.example")) == ("refused", "aud")
    assert verdict(token(), ours) == ("unknown", "no_key")
    assert inspected(token(), ours, guard(issuer=UNCHECKED))["verdict"]["unchecked"] == ["issuer"]


def test_a_guard_that_cannot_work_from_here() -> None:
    """A guard whose fetcher is asynchronous says so beside the field, and nothing breaks."""
    from jwtguard import FetchRequest, FetchResponse, RemoteJWKSet

    async def fetch(request: FetchRequest) -> FetchResponse:
        raise AssertionError(request)

    keys = RemoteJWKSet("https://issuer.example/jwks.json", fetcher=fetch)
    found = inspected(SIGNED, check("guard"), guard(keys=keys))

    assert (found["verdict"]["state"], found["verdict"]["reason"]) == ("unknown", "no_key")
    assert "async" in found["check_problem"]


def test_unreachable_keys() -> None:
    """A guard whose keys are out of reach is an outage, not a refusal."""
    from jwtguard import FetchRequest, FetchResponse, RemoteJWKSet

    def fetch(request: FetchRequest) -> FetchResponse:
        return FetchResponse(status=500)

    keys = RemoteJWKSet("https://issuer.example/jwks.json", fetcher=fetch)

    assert verdict(SIGNED, check("guard"), guard(keys=keys)) == ("unknown", "keys")


def test_a_guard_hears_of_nothing() -> None:
    """Looking at a token in the debugger is no event of the application."""
    heard: list[object] = []
    verdict(token(), check("guard"), guard(on_event=heard.append))

    assert heard == []


def test_start() -> None:
    """The page learns whether there is a guard, and which algorithms keys can be made for."""
    assert actions().start({})["guard"] is None
    started = actions(guard()).start({})
    assert started["guard"]["name"] == "project.auth:guard"
    assert ISSUER in started["guard"]["summary"]
    assert SECRET not in json.dumps(started)
    assert started["algorithms"][0] == "ES256"
    assert not {name for name in started["algorithms"] if name.startswith("HS")}


@pytest.fixture
def server() -> Iterator[Server]:
    """A provider on this machine."""
    with serving() as server:
        yield server


def edited(signing: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What comes back for an edited token."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "mallory", "exp": NOW + 60}
    data = {
        "header": '{"alg": "HS256"}',
        "payload": json.dumps(claims),
        "signature": "c2ln",
        "signing": signing,
        "check": check("secret", SECRET),
        **changes,
    }
    found: dict[str, Any] = json.loads(json.dumps(actions().sign(data)))
    return found


def test_signing_again() -> None:
    """An edited payload with the right secret is a new token, and accepted."""
    found = edited({"kind": "secret", "key": SECRET})

    assert found["verdict"]["state"] == "accepted"
    assert found["token"].startswith("eyJ")
    assert json.loads(found["payload"]["text"])["sub"] == "mallory"


def test_editing_without_a_key() -> None:
    """The old signature stays, which is what a forger has, and the verdict says that it does not fit."""
    secret_tail = token().rpartition(".")[2]
    found = edited({"kind": "none", "key": ""}, signature=secret_tail)

    assert found["token"].endswith(f".{secret_tail}")
    assert (found["verdict"]["state"], found["verdict"]["reason"]) == ("refused", "signature")
    assert edited({"kind": "private", "key": " "}, signature=secret_tail)["verdict"]["reason"] == "signature"


def test_signing_with_a_private_key() -> None:
    """The header says what the key is for, whatever it said before."""
    found = edited(
        {"kind": "private", "key": json.dumps(ES256.to_private_jwk())}, check=check("public", PUBLIC), renew=True
    )

    assert found["verdict"]["state"] == "accepted"
    assert json.loads(found["header"]["text"]) == {"alg": "ES256", "kid": "2026"}
    claims = json.loads(found["payload"]["text"])
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 300)


@pytest.mark.parametrize(
    ("changes", "part", "problem"),
    [
        ({"header": "{"}, "header", "Line 1"),
        ({"payload": "[]"}, "payload", "no object"),
    ],
)
def test_what_cannot_be_read(changes: dict[str, Any], part: str, problem: str) -> None:
    """The page learns beside which field to say it; there is no token then."""
    found = edited(**{"signing": {"kind": "secret", "key": SECRET}, **changes})

    assert found.keys() == {"problems"}
    assert problem in found["problems"][part]


SHORT = "your-256-bit-secret"


@pytest.mark.parametrize(
    ("signing", "problem"),
    [
        ({"kind": "private", "key": "hello"}, "PEM"),
        ({"kind": "private", "key": "hello", "allow_short": True}, "PEM"),
        ({"kind": "secret", "key": SHORT}, "or tick the box to sign with a short secret"),
        ({"kind": "secret", "key": "!", "is_base64url": True}, "not base64url"),
        ({"kind": "secret", "key": PUBLIC, "allow_short": True}, "JWK form"),
    ],
)
def test_what_cannot_be_signed(signing: dict[str, Any], problem: str) -> None:
    """The token follows the edit without a signature: the one that was there is not one of it."""
    found = edited(signing)

    assert problem in found["problems"]["signing"]
    assert found["token"].endswith(".")
    assert (found["verdict"]["state"], found["verdict"]["reason"]) == ("refused", "form")
    assert json.loads(found["payload"]["text"])["sub"] == "mallory"


def test_signing_with_a_short_secret() -> None:
    """With the box ticked: the signature fits, and a guard refuses the secret."""
    found = edited({"kind": "secret", "key": SHORT, "allow_short": True}, check=check("secret", SHORT))

    assert found["problems"] == {}
    assert found["verdict"]["sentence"] == (
        "The signature fits this secret. A guard refuses the secret: it has 19 bytes, HS256 needs 32."
    )


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_key_pairs(algorithm: str) -> None:
    """A pair that is made signs, and its public half checks."""
    pair = actions().generate({"algorithm": algorithm})
    found = edited({"kind": "private", "key": pair["private"]}, check=check("public", pair["public"]))

    assert found["verdict"]["state"] == "accepted"
    assert "d" not in json.loads(pair["public"])
    assert pair["private_pem"].startswith("-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_secrets(algorithm: str) -> None:
    """A secret that is made is long enough for each algorithm, and another each time."""
    made = [actions().generate({"algorithm": algorithm})["secret"] for _ in range(2)]
    found = edited({"kind": "secret", "key": made[0]}, check=check("secret", made[0]))

    assert len(made[0]) >= 64
    assert made[0] != made[1]
    assert found["verdict"]["state"] == "accepted"


def test_the_example() -> None:
    """A token of an issuer of its own that is good for five minutes, with its keys."""
    calls = actions()
    made = calls.example({})
    found = calls.inspect(
        {
            "token": made["token"],
            "check": {
                "kind": "public",
                "key": made["public"],
                "issuer": made["issuer"],
                "audience": made["audience"],
            },
        }
    )

    assert found["verdict"]["state"] == "accepted"
    assert signed_by(made["private"]) == json.loads(made["public"])


def signed_by(private: str) -> dict[str, Any]:
    """The public half of a private JWK."""
    return SigningKey.from_jwk(json.loads(private)).verification_key.to_jwk()


JWKS = json.dumps({"keys": [json.loads(PUBLIC)]}).encode()


def test_fetching_a_set(server: Server) -> None:
    """The keys at an address are fetched when it is asked, once, and checked against without another request."""
    server.behaviour = {"/jwks.json": answer(JWKS)}
    calls = actions()
    address = f"{server.origin}/jwks.json"

    assert calls.fetch({"address": f" {address} "}) == {"keys": [{"kid": "2026", "algorithm": "ES256"}]}
    asked = {"token": SIGNED, "check": check("jwks", address=address)}
    assert calls.inspect(asked)["verdict"]["state"] == "accepted"
    unknown = issuer(signing_keys=[SigningKey.generate("ES256", kid="other")]).access_token("user-1")
    assert calls.inspect({**asked, "token": unknown})["verdict"]["reason"] == "key"
    assert server.count == 1


def test_fetching_from_an_issuer(server: Server) -> None:
    """An issuer's name leads to its keys through its metadata."""
    metadata = {"issuer": server.origin, "jwks_uri": f"{server.origin}/keys"}
    server.behaviour = {
        "/.well-known/openid-configuration": answer(json.dumps(metadata).encode()),
        "/keys": answer(JWKS),
    }

    assert actions().fetch({"address": server.origin}) == {"keys": [{"kid": "2026", "algorithm": "ES256"}]}


def test_fetching_in_vain(server: Server) -> None:
    """Both ways to read an address are told, with what was wrong."""
    server.behaviour = answer(b"<html>", headers="Content-Type: text/html\r\n")
    problem = actions().fetch({"address": f"{server.origin}/"})["problem"]

    assert problem.startswith("As a JWK Set: ")
    assert "As an issuer: " in problem
    assert "<html>" not in problem


@pytest.mark.parametrize(
    "address",
    [
        "",
        "login.example",
        "http://login.example/jwks.json",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://user:password@login.example/",
        "https://login.example/#x",
        "gopher://127.0.0.1:6379/_",
        "https://\ud800.example",
    ],
)
def test_what_is_never_fetched(address: str) -> None:
    """Only https, or plain http on this machine: nothing that another program's files or metadata could be read by."""
    found = actions().fetch({"address": address})

    assert found.keys() == {"problem"}
    assert "https" in found["problem"] or "fragment or credentials" in found["problem"]
    assert "password" not in found["problem"]


def test_what_was_fetched_is_bounded(server: Server) -> None:
    """The oldest address makes room."""
    server.behaviour = answer(JWKS)
    calls = actions()
    addresses = [f"{server.origin}/{number}" for number in range(MAX_FETCHED + 1)]
    for address in addresses:
        calls.fetch({"address": address})

    states = [
        calls.inspect({"token": SIGNED, "check": check("jwks", address=address)})["verdict"]["state"]
        for address in (addresses[0], addresses[1], addresses[-1])
    ]
    assert states == ["unknown", "accepted", "accepted"]
