"""`keygen` and `jwks`: new keys with a private half that no other user can read or overwrite."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jwtguard import SigningKey, SigningKeys, VerificationKey
from jwtguard.cli.keygen import write
from jwtguard.cli.output import Problem
from tests.cli.running import run
from tests.core.keys import ALGORITHMS, ASYMMETRIC, SECRET, signing_key


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, with a umask that would let everybody read."""
    monkeypatch.chdir(tmp_path)
    before = os.umask(0)
    yield tmp_path
    os.umask(before)


def mode(name: str) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(Path(name).stat().st_mode)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_has_a_key(algorithm: str) -> None:
    """As JWK with a name, it signs what its public half checks."""
    answer = run("keygen", "--algorithm", algorithm, "--out", "k.jwk")
    key = SigningKey.from_jwk(json.loads(Path("k.jwk").read_text()))

    assert answer.exit_code == 0
    assert key.kid is not None
    assert mode("k.jwk") == 0o600
    assert Path("k.pub.jwk").exists() is not algorithm.startswith("HS")
    if algorithm in ASYMMETRIC:
        public = VerificationKey.from_jwk(json.loads(Path("k.pub.jwk").read_text()))
        public.verify(b"x", key.sign(b"x"))
        assert mode("k.pub.jwk") == 0o644


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "Ed448"])
def test_a_pair_is_pem_by_default(algorithm: str) -> None:
    """The public half beside the private one."""
    answer = run("keygen", "--algorithm", algorithm.lower(), "--out", "key.pem")
    key = SigningKey.from_pem(Path("key.pem").read_bytes(), algorithm=algorithm)
    public = VerificationKey.from_pem(Path("key.pub.pem").read_bytes(), algorithm=algorithm)

    assert answer.exit_code == 0
    assert "key.pub.pem" in answer.output
    public.verify(b"x", key.sign(b"x"))
    assert mode("key.pem") == 0o600


def test_a_name_without_an_ending_gets_one_for_the_public_half() -> None:
    """By the form of the key."""
    run("keygen", "--out", "key")

    assert sorted(path.name for path in Path().iterdir()) == ["key", "key.pub.pem"]


def test_a_secret_is_text_that_is_the_secret_itself() -> None:
    """Long enough for its algorithm, and not something to be decoded first."""
    run("keygen", "--algorithm", "HS512", "--out", "secret")
    text = Path("secret").read_text()

    assert (len(bytes.fromhex(text)), text[-1], mode("secret")) == (64, "\n", 0o600)
    assert run("keygen", "--algorithm", "HS256").output != run("keygen", "--algorithm", "HS256").output


def test_without_a_file_the_private_key_alone_is_printed() -> None:
    """For a pipe."""
    answer = run("keygen", "--format", "jwk", "--kid", "mine")

    assert json.loads(answer.output)["kid"] == "mine"


def test_a_name_follows_from_the_key() -> None:
    """The thumbprint of RFC 7638 §3.1, by its own example."""
    from jwtguard.cli.keygen import thumbprint
    from tests.core.vectors import public

    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    jwk = public({"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256"})

    assert thumbprint(VerificationKey.from_jwk(jwk)) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--algorithm", "HS256", "--format", "pem"], "a secret is text or jwk"),
        (["--format", "text"], "a key pair pem or jwk"),
        (["--kid", "x"], "--kid needs --format jwk"),
        (["--out", "no/such/folder/k.pem"], "No such file or directory"),
        (["--algorithm", "RS1"], "is not one of"),
        (["--format", "jwk", "--kid", "x" * 300], "kid must be"),
    ],
)
def test_wrong_usage(arguments: list[str], words: str) -> None:
    """With a sentence."""
    answer = run("keygen", *arguments)

    assert answer.exit_code == 2
    assert words in answer.output


@pytest.mark.parametrize("there", ["k.pem", "k.pub.pem"])
def test_nothing_is_overwritten(there: str) -> None:
    """Neither half, and not one without the other."""
    Path(there).write_text("mine")
    answer = run("keygen", "--out", "k.pem")

    assert answer.exit_code == 2
    assert f"{there} is there already" in answer.output
    assert [path.name for path in Path().iterdir()] == [there]
    assert Path(there).read_text() == "mine"


def test_force_replaces_a_file_whole() -> None:
    """With the right mode, and not what a link points to."""
    Path("elsewhere").write_text("mine")
    Path("k.pem").symlink_to("elsewhere")
    Path("k.pub.pem").write_text("mine")
    answer = run("keygen", "--out", "k.pem", "--force")

    assert answer.exit_code == 0
    assert Path("elsewhere").read_text() == "mine"
    assert not Path("k.pem").is_symlink()
    assert mode("k.pem") == 0o600
    assert sorted(path.name for path in Path().iterdir()) == ["elsewhere", "k.pem", "k.pub.pem"]


def test_a_link_to_nowhere_is_a_file_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who put it there could read the key; also if it comes between looking and writing."""
    Path("k.pem").symlink_to("nowhere")
    assert run("keygen", "--out", "k.pem").exit_code == 2
    with pytest.raises(Problem, match="there already"):
        write(Path("k.pem"), b"x", private=True)
    monkeypatch.setattr("jwtguard.cli.keygen.check_absent", lambda *paths: None)
    with pytest.raises(FileExistsError):
        write(Path("k.pem"), b"x", private=True)
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("force", [False, True])
def test_a_failed_write_leaves_nothing(force: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is no reason to keep half a key."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(OSError, match="No space"):
        write(Path("k.pem"), b"x", private=True, force=force)
    assert list(Path().iterdir()) == []


# jwks


def jwks(*arguments: str) -> list[tuple[str, str | None]]:
    """The keys of the printed set; none of them is private."""
    keys = json.loads(run("jwks", *arguments).output)["keys"]
    assert not any({"d", "k", "p"} & set(key) for key in keys)
    return [(key["alg"], key.get("kid")) for key in keys]


def test_the_public_set_of_files() -> None:
    """Of private keys the public half, of a directory all that are trusted, of a secret nothing."""
    Path("a.pem").write_bytes(signing_key("ES256").to_private_pem())
    Path("b.jwk").write_text(json.dumps(signing_key("RS256", "r").to_private_jwk()))
    secret = SigningKey.from_secret(SECRET, algorithm="HS256", kid="s")
    Path("c.jwk").write_text(json.dumps(secret.to_private_jwk()))
    keys = SigningKeys("keys", algorithm="EdDSA")

    assert jwks("a.pem") == [("ES256", None)]
    assert jwks("a.pem", "--kid", "x", "--algorithm", "ES256") == [("ES256", "x")]
    assert jwks("b.jwk", "c.jwk", "keys") == [("RS256", "r"), ("EdDSA", keys.signing_key.kid)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name at least one file"),
        (["a.pem", "b.pem", "--kid", "x"], "--kid names one key"),
        (["a.pem", "b.pem"], "each of several keys needs a name"),
        (["c.jwk"], "only shared secrets"),
        (["nowhere"], "cannot be read"),
    ],
)
def test_what_cannot_be_published(arguments: list[str], words: str) -> None:
    """With a sentence."""
    for name in ("a.pem", "b.pem"):
        Path(name).write_bytes(signing_key("ES256").to_private_pem())
    secret = SigningKey.from_secret(SECRET, algorithm="HS256", kid="s")
    Path("c.jwk").write_text(json.dumps(secret.to_private_jwk()))
    answer = run("jwks", *arguments)

    assert answer.exit_code == 2
    assert words in answer.output
