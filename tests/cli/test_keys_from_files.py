"""Keys as commands take them: PEM, JWK, JWK Set, certificates, directories, secrets."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwtguard import ConfigurationError, SigningKey, SigningKeys
from jwtguard.cli.key_inputs import read_keys, read_secret, read_signing_key, signing_key, verification_keys
from jwtguard.cli.output import Problem
from tests.core.certificates import certificate
from tests.core.keys import SECRET
from tests.core.keys import signing_key as key_of

EC, RSA, ED = key_of("ES256", "e"), key_of("RS256", "r"), key_of("EdDSA", "d")
SECRET_KEY = SigningKey.from_secret(SECRET, algorithm="HS256", kid="s")


def written(document: Any) -> bytes:
    """A file's content."""
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    """A JWK that says less."""
    return {name: value for name, value in jwk.items() if name not in names}


@pytest.mark.parametrize(
    ("content", "options", "found"),
    [
        (EC.verification_key.to_pem(), {}, [("ES256", None)]),
        (EC.to_private_pem(), {}, [("ES256", None)]),
        (RSA.verification_key.to_pem(), {}, [("RS256", None)]),
        (RSA.verification_key.to_pem(), {"algorithm": "PS256", "kid": "x"}, [("PS256", "x")]),
        (ED.to_private_pem(), {}, [("EdDSA", None)]),
        (certificate("RS256", Encoding.PEM), {}, [("RS256", None)]),
        (EC.verification_key.to_jwk(), {}, [("ES256", "e")]),
        (EC.to_private_jwk(), {"kid": "x"}, [("ES256", "x")]),
        (without(RSA.verification_key.to_jwk(), "alg", "kid"), {"kid": "x"}, [("RS256", "x")]),
        (without(RSA.verification_key.to_jwk(), "alg"), {"algorithm": "RS512"}, [("RS512", "r")]),
        (without(SECRET_KEY.to_private_jwk(), "alg"), {}, [("HS256", "s")]),
        ({"keys": [EC.verification_key.to_jwk(), RSA.verification_key.to_jwk()]}, {}, [("ES256", "e"), ("RS256", "r")]),
        ({"keys": [EC.verification_key.to_jwk(), {"kty": "odd"}]}, {}, [("ES256", "e")]),
        ({"keys": [without(RSA.verification_key.to_jwk(), "alg")]}, {"algorithm": "RS256"}, [("RS256", "r")]),
        ({"keys": [EC.to_private_jwk(), SECRET_KEY.to_private_jwk()]}, {}, [("ES256", "e"), ("HS256", "s")]),
    ],
)
def test_keys_that_check(content: Any, options: dict[str, Any], found: list[tuple[str, str | None]]) -> None:
    """Either half will do, and what a file does not say has a usual value."""
    keys = verification_keys(written(content), name="k", **options)

    assert [(key.algorithm, key.kid) for key in keys] == found


@pytest.mark.parametrize(
    ("content", "options", "found"),
    [
        (EC.to_private_pem(), {"kid": "x"}, ("ES256", "x")),
        (RSA.to_private_pem(), {"algorithm": "PS512"}, ("PS512", None)),
        (EC.to_private_jwk(), {}, ("ES256", "e")),
        (without(RSA.to_private_jwk(), "alg"), {}, ("RS256", "r")),
        ({"keys": [EC.to_private_jwk(), RSA.to_private_jwk()]}, {}, ("RS256", "r")),
        ({"keys": [EC.to_private_jwk(), RSA.to_private_jwk()]}, {"kid": "e"}, ("ES256", "e")),
    ],
)
def test_keys_that_sign(content: Any, options: dict[str, Any], found: tuple[str, str | None]) -> None:
    """Of a set the newest, which is the last, or the one that is named."""
    key = signing_key(written(content), name="k", **options)

    assert (key.algorithm, key.kid) == found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"garbage", "expected one key in PEM form"),
        (b"{garbage", "no JSON object"),
        (b'{"kty": "odd"}', "a JWK is an object"),
        (b'{"keys": {}}', "a JWK Set is"),
        (b'{"keys": [1]}', "a JWK Set is"),
        (b'{"keys": []}', "no usable key"),
        (b"-----BEGIN PUBLIC KEY-----", "cannot be read as a public key"),
    ],
)
def test_what_is_no_key_is_wrong_usage(content: bytes, words: str) -> None:
    """The file is named, and nothing of it is repeated."""
    with pytest.raises(Problem, match=r"^k\.pem: ") as refused:
        verification_keys(content, name="k.pem")
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (EC.verification_key.to_pem(), {}, "not a private key"),
        (b'{"keys": []}', {}, "there is no key in it"),
        (b'{"keys": []}', {"kid": "x"}, "no key in it has the kid 'x'"),
        (json.dumps(EC.verification_key.to_jwk()).encode(), {}, "it is a public key"),
        (EC.to_private_pem(), {"algorithm": "RS256"}, "does not fit the algorithm RS256"),
    ],
)
def test_what_cannot_sign_is_wrong_usage(content: bytes, options: dict[str, Any], words: str) -> None:
    """With the reason."""
    with pytest.raises(Problem) as refused:
        signing_key(content, name="k", **options)
    assert words in refused.value.message.replace("the JWK is", "it is")


def test_a_directory_of_keys(tmp_path: Path) -> None:
    """All of its keys check, and the current one signs."""
    keys = SigningKeys(tmp_path / "keys", algorithm="ES256")
    found = read_keys(str(tmp_path / "keys"), algorithm=None, kid=None)

    assert isinstance(found, SigningKeys)
    assert read_signing_key(str(tmp_path / "keys"), algorithm=None, kid=None).kid == keys.signing_key.kid


def test_an_empty_directory_says_how_to_fill_it(tmp_path: Path) -> None:
    """In words of the command line."""
    with pytest.raises(Problem, match="jwtguard keys rotate"):
        read_keys(str(tmp_path), algorithm=None, kid=None)


def test_a_broken_directory_says_what_is_wrong(tmp_path: Path) -> None:
    """As the keys themselves say it."""
    (tmp_path / "k.pem").write_bytes(b"garbage")
    with pytest.raises(ConfigurationError, match=r"k\.pem"):
        read_keys(str(tmp_path), algorithm=None, kid=None)


@pytest.mark.parametrize(
    ("content", "encoded", "secret"),
    [
        (b"secret\n", False, b"secret"),
        (b"secret\r\n", False, b"secret"),
        (b"secret \n\n", False, b"secret \n"),
        (base64.b64encode(b"\xff" * 10) + b"\n", True, b"\xff" * 10),
        (base64.urlsafe_b64encode(b"\xff" * 10).rstrip(b"="), True, b"\xff" * 10),
    ],
)
def test_a_secret_is_read_as_it_stands(content: bytes, encoded: bool, secret: bytes, tmp_path: Path) -> None:
    """But for the line break that an editor puts at the end of a file, or decoded if it is said to be base64."""
    (tmp_path / "s").write_bytes(content)

    assert read_secret(str(tmp_path / "s"), None, base64=encoded) == secret


def test_a_secret_that_is_no_base64_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither as text, nor by the words of the library."""
    monkeypatch.setenv("SECRET", "hunter2!")
    with pytest.raises(Problem) as refused:
        read_secret(None, "SECRET", base64=True)
    assert refused.value.message == "--secret-base64: the secret is not base64"


def test_one_secret_is_enough() -> None:
    """Two ways at once are a slip."""
    with pytest.raises(Problem, match="either"):
        read_secret("a", "B", base64=False)
