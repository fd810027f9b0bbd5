"""`verify`: accepted, refused, or undecided by an outage; with every source of keys."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from jwtguard import SigningKeys
from tests.cli.projects import project
from tests.cli.running import AUDIENCE, ISSUER, KEY, run, token
from tests.core.keys import hs256
from tests.key_sources.server import answer as http
from tests.key_sources.server import serving

fixtures = [project]
GOOD = token(lifetime=timedelta(hours=1))
BY_SECRET = token(hs256(), lifetime=timedelta(hours=1))


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """The public key of `GOOD`."""
    (tmp_path / "key.pem").write_bytes(KEY.verification_key.to_pem())
    return str(tmp_path / "key.pem")


def test_a_good_token_is_accepted(key_file: str) -> None:
    """And shown; what was not checked is said."""
    answer = run("verify", "--key-file", key_file, typed=GOOD)

    assert answer.exit_code == 0
    assert answer.output.startswith("accepted\nnot checked: issuer and audience\n")
    assert '"sub": "user-1"' in answer.output


def test_all_is_checked_that_is_named(key_file: str) -> None:
    """Then nothing is left to say."""
    named = ["--issuer", ISSUER, "--audience", AUDIENCE, "--audience", "other", "--leeway", "0"]
    answer = run("verify", "--key-file", key_file, *named, typed=GOOD)

    assert answer.exit_code == 0
    assert "not checked" not in answer.output


@pytest.mark.parametrize(
    ("arguments", "reason", "words"),
    [
        (["--issuer", f"{ISSUER}/"], "iss", 'write issuer="https://issuer.example"'),
        (["--audience", "api://x"], "aud", 'aud is or holds "api://x"'),
        (["--algorithm", "ES256", "--kid", "x"], None, ""),
    ],
)
def test_a_bad_one_is_refused(arguments: list[str], reason: str | None, words: str, key_file: str) -> None:
    """With the step, what was wanted and found, and what helps."""
    answer = run("verify", "--key-file", key_file, *arguments, typed=GOOD)
    shown = json.loads(run("verify", "--key-file", key_file, *arguments, "--json", typed=GOOD).output)

    assert answer.exit_code == (0 if reason is None else 1)
    assert answer.output.startswith("accepted" if reason is None else f"refused: {reason}")
    assert words in answer.output
    assert shown["reason"] == (reason or "accepted")
    assert (shown["payload"] is None, shown["step"] is None) == (reason is not None, reason is None)


def test_leeway_counts(key_file: str) -> None:
    """For clocks that differ."""
    late = token(ago=330)

    assert run("verify", "--key-file", key_file, typed=late).exit_code == 1
    assert run("verify", "--key-file", key_file, "--leeway", "2m", typed=late).exit_code == 0


def test_by_a_secret(tmp_path: Path) -> None:
    """From a file or the environment."""
    (tmp_path / "s").write_text("not a secret, only an example!!!\n")

    assert run("verify", "--secret-file", tmp_path / "s", typed=BY_SECRET).exit_code == 0
    assert run("verify", "--secret-env", "SECRET", "--algorithm", "HS256", typed=BY_SECRET).exit_code == 0
    assert run("verify", "--secret-env", "SECRET", typed=GOOD).exit_code == 1


def test_by_a_directory(tmp_path: Path) -> None:
    """The keys that a program signs with."""
    keys = SigningKeys(tmp_path / "keys", algorithm="ES256")

    assert run("verify", "--key-file", tmp_path / "keys", typed=token(keys.signing_key)).exit_code == 0


def test_by_a_guard(project: str) -> None:
    """The project's own, with all that it checks."""
    answer = run("verify", "--guard", f"{project}.auth:auth", typed=BY_SECRET)

    assert answer.exit_code == 0
    assert "not checked" not in answer.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "say what to verify with"),
        (["--secret-env", "SECRET", "--jwks-url", "https://x.example"], "not --secret-env and --jwks-url at once"),
        (["--guard", "x:y", "--issuer", "i", "--leeway", "1m"], "leave out --issuer, --leeway"),
        (["--guard", "x:y", "--secret-base64"], "leave out --secret-base64"),
        (["--secret-base64"], "say what to verify with"),
        (["--secret-env", "SECRET", "--leeway", "1h"], "at most 300"),
        (["--secret-env", "SECRET", "--leeway", "soon"], "90s, 5m, 2h"),
        (["--jwks-url", "http://example.com/jwks"], "url must be https"),
        (["--jwks-url", "http://keycloak/jwks"], "with --allow-http-host keycloak"),
        (["--openid", "http://keycloak/a", "--allow-http-host", "other"], "with --allow-http-host keycloak"),
        (["--secret-env", "SECRET", "--allow-http-host", "keycloak"], "--allow-http-host is for --jwks-url and"),
        (["--guard", "a:b", "--allow-http-host", "keycloak"], "leave out --allow-http-host"),
        (["--openid", "x"], "https"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    """Ends with 2, and a sentence."""
    answer = run("verify", *arguments, typed=GOOD)

    assert answer.exit_code == 2
    assert words in answer.output


NAMED = json.dumps({"keys": [{**KEY.verification_key.to_jwk(), "kid": "k"}]}).encode()


def test_by_a_jwks_url() -> None:
    """A set that is fetched, from this machine even over http."""
    with serving() as server:
        server.behaviour = {"/jwks": http(NAMED)}
        found = run("verify", "--jwks-url", f"{server.origin}/jwks", "--algorithm", "ES256", typed=GOOD)

    assert found.exit_code == 0


def test_by_an_openid_provider() -> None:
    """Which is the issuer too, unless another is named."""
    with serving() as server:
        metadata = {"issuer": server.origin, "jwks_uri": f"{server.origin}/jwks"}
        well_known = "/.well-known/openid-configuration"
        server.behaviour = {"/jwks": http(NAMED), well_known: http(json.dumps(metadata).encode())}
        refused = run("verify", "--openid", server.origin, typed=GOOD)
        accepted = run("verify", "--openid", server.origin, "--issuer", ISSUER, typed=GOOD)

    assert (refused.exit_code, accepted.exit_code) == (1, 0)
    assert f'iss is "{server.origin}"' in refused.output


def test_an_outage_is_no_refusal() -> None:
    """Unreachable keys leave the token undecided, and the output says why."""
    with serving() as server:
        server.behaviour = http(b"", status="500 Oops")
        answer = run("verify", "--jwks-url", server.origin, "--json", typed=GOOD)

    assert answer.exit_code == 2
    assert '"verdict": "unavailable"' in answer.output
