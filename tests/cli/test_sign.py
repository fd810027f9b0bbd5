"""`sign`: a token for trying out an API, made as an issuer makes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jwtguard import SigningKey
from tests.cli.projects import project
from tests.cli.running import AUDIENCE, ISSUER, KEY, run
from tests.core.keys import signing_key

fixtures = [project]
NAMED = ["--issuer", ISSUER, "--audience", AUDIENCE, "--subject", "alice"]
BY_SECRET = ["--secret-env", "SECRET"]


def signed(*arguments: str) -> dict[str, Any]:
    """Header and payload of the token that is printed, as `decode` shows them."""
    answer = run("sign", *arguments)
    assert answer.exit_code == 0, answer.output
    assert answer.output.count("\n") == 1
    shown: dict[str, Any] = json.loads(run("decode", "--json", typed=answer.output).output)
    return shown


def test_what_is_said_stands_in_the_token() -> None:
    """Under the claims of RFC 9068."""
    found = signed(
        *(*BY_SECRET, *NAMED, "--role", "admin", "--role", "editor", "--scope", "a b", "--scope", "c"),
        *("--permission", "p", "--session-id", "s", "--client-id", "web", "--expires-in", "1h", "--kid", "k"),
        *("--claim", 'act={"sub": "x"}', "--claim", "plain=text", "--claim", "number=1"),
    )
    payload = found["payload"]

    assert found["header"] == {"typ": "at+jwt", "alg": "HS256", "kid": "k"}
    assert payload["exp"] - payload["iat"] == 3600
    assert {name: value for name, value in payload.items() if name not in {"exp", "iat", "jti"}} == {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "roles": ["admin", "editor"],
        "scope": "a b c",
        "permissions": ["p"],
        "sid": "s",
        "client_id": "web",
        "act": {"sub": "x"},
        "plain": "text",
        "number": 1,
    }


def test_it_can_be_piped_into_verify() -> None:
    """`jwtguard sign … | jwtguard verify …`."""
    text = run("sign", *BY_SECRET, *NAMED, "--audience", "other").output

    assert run("verify", *BY_SECRET, "--issuer", ISSUER, "--audience", "other", typed=text).exit_code == 0


@pytest.mark.parametrize(
    ("ends", "reason"), [("-1m", "expired"), ("0", "accepted"), ("-1h", "expired"), ("10m", "accepted")]
)
def test_a_token_may_have_expired(ends: str, reason: str) -> None:
    """To see what becomes of it."""
    text = run("sign", *BY_SECRET, *NAMED, "--expires-in", ends).output

    assert json.loads(run("verify", *BY_SECRET, "--json", typed=text).output)["reason"] == reason


def test_by_a_file(tmp_path: Path) -> None:
    """In each form."""
    (tmp_path / "k.pem").write_bytes(KEY.to_private_pem())
    (tmp_path / "k.jwk").write_text(json.dumps(signing_key("EdDSA", "d").to_private_jwk()))

    assert signed("--key-file", str(tmp_path / "k.pem"), *NAMED)["header"] == {"typ": "at+jwt", "alg": "ES256"}
    assert signed("--key-file", str(tmp_path / "k.jwk"), *NAMED)["header"]["kid"] == "d"


def test_by_a_projects_guard(project: str) -> None:
    """Whose issuer, audience and secret it takes, so that the guard takes the token."""
    text = run("sign", "--guard", f"{project}.auth:guard", "--subject", "alice", "--role", "admin").output

    assert run("verify", "--guard", f"{project}.auth:guard", typed=text).exit_code == 0


def test_by_a_guard_with_a_directory_of_keys(project: str) -> None:
    """The key that signs in the running program signs here too."""
    Path(project, "rotating.py").write_text(
        "from jwtguard import Guard, SigningKeys, UNCHECKED\n"
        "keys = SigningKeys('keys', algorithm='ES256')\n"
        "guard = Guard(issuer='i', audience=['b', 'a'], keys=keys)\n"
        "open_to_all = Guard(issuer=UNCHECKED, audience=UNCHECKED, keys=keys)\n"
    )
    found = signed("--guard", f"{project}.rotating:guard", "--subject", "x")
    other = run("sign", "--guard", f"{project}.rotating:open_to_all", "--subject", "x")

    assert (found["payload"]["iss"], found["payload"]["aud"]) == ("i", "a")
    assert other.exit_code == 2
    assert "a token needs --issuer and --audience" in other.output


def test_options_win_over_the_guard(project: str) -> None:
    """To see what it says of others."""
    found = signed("--guard", f"{project}.auth:guard", "--subject", "x", "--audience", "other", *BY_SECRET)

    assert (found["payload"]["iss"], found["payload"]["aud"]) == (ISSUER, "other")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*NAMED], "name the key to sign with"),
        ([*NAMED, "--guard", "{}.auth:public_half"], "the guard can only check"),
        ([*NAMED, "--key-file", "k", *BY_SECRET], "name one key"),
        ([*NAMED[:2], *NAMED[4:], *BY_SECRET], "a token needs --audience"),
        ([*NAMED[2:], *BY_SECRET], "a token needs --issuer"),
        ([*NAMED[:4], *BY_SECRET], "Missing option '--subject'"),
        ([*NAMED, *BY_SECRET, "--claim", "exp=1"], "claims may not hold exp"),
        ([*NAMED, *BY_SECRET, "--claim", "novalue"], "name=value"),
        ([*NAMED, *BY_SECRET, "--claim", "=1"], "name=value"),
        ([*NAMED, *BY_SECRET, "--expires-in", "9999d"], "access_token_lifetime"),
        ([*NAMED, *BY_SECRET, "--scope", 'a"b'], "a scope is printable ASCII"),
        ([*NAMED, "--key-file", "public.pem"], "not a private key"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str, project: str) -> None:
    """Ends with 2, and nothing is printed that could be taken for a token."""
    Path("public.pem").write_bytes(SigningKey.generate("ES256").verification_key.to_pem())
    answer = run("sign", *(each.format(project) if "{}" in each else each for each in arguments))

    assert answer.exit_code == 2
    assert words in answer.output
