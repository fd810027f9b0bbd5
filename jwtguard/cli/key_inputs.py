"""How keys come in: a file in PEM, JWK or JWK Set form, a directory of keys, a secret, a URL, an issuer.

>>> from jwtguard import SigningKey
>>> pem = SigningKey.generate("ES256").to_private_pem()
>>> verification_keys(pem, name="key.pem"), signing_key(pem, name="key.pem")
([VerificationKey(algorithm='ES256', kid=None)], SigningKey(algorithm='ES256', kid=None))

Either half of a key pair is taken wherever it is enough: this is a tool for developers, not a guard.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from jwtguard.cli.inputs import STDIN, F, read_file, read_variable
from jwtguard.cli.output import Problem, printable
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.algorithms import ALGORITHMS, candidate_algorithms
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.keys import SigningKey, VerificationKey
from jwtguard.key_rotation.key_files import USUAL_ALGORITHMS, fitting
from jwtguard.key_rotation.signing_keys import SigningKeys
from jwtguard.key_sources.entries import PUBLIC_ALGORITHMS
from jwtguard.key_sources.http_client import FetchError, FetchResponse
from jwtguard.key_sources.remote_jwk_set import fetched_set


class RefusedKeyError(Problem):
    """A key that a guard would refuse. `content` is the secret, or what the file holds; `problem` says why."""

    def __init__(self, message: str, *, content: bytes, is_secret: bool, problem: str) -> None:
        super().__init__(message)
        self.content = content
        self.is_secret = is_secret
        self.problem = problem


_USUAL = (*USUAL_ALGORITHMS, "HS256")
_ALGORITHM = click.Choice(sorted(ALGORITHMS), case_sensitive=False)

algorithm_option = click.option(
    "--algorithm",
    type=_ALGORITHM,
    help="What the key is for, where it does not say so itself. Usual: HS256 for a secret, RS256 for an RSA key.",
)


def secret_options(command: F) -> F:
    """Give a command the options that name a shared secret: `secret_file`, `secret_env`, `secret_base64`."""
    for option in (
        click.option("--secret-base64", is_flag=True, help="The secret is written in base64: decode it first."),
        click.option("--secret-env", metavar="VARIABLE", help="The environment variable that holds a shared secret."),
        click.option("--secret-file", metavar="FILE", help="The file that holds a shared secret; - is standard input."),
    ):
        command = option(command)
    return command


def read_secret(file: str | None, variable: str | None, *, base64: bool) -> bytes:
    """The bytes of a secret, without the line break at the end of its file; raises `Problem`."""
    if file is not None and variable is not None:
        raise Problem("give either --secret-file or --secret-env")
    if variable is not None:
        secret = read_variable(variable, option="--secret-env").encode("utf-8", "surrogateescape")
    else:
        secret = read_file(file or STDIN, option="--secret-file")
        secret = secret.removesuffix(b"\n").removesuffix(b"\r")
    if not base64:
        return secret
    try:
        text = secret.strip().translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
        return binascii.a2b_base64(text + b"=" * (-len(text) % 4), strict_mode=True)
    except binascii.Error:
        pass  # Its words might quote the secret.
    raise Problem("--secret-base64: the secret is not base64")


def read_keys(name: str, *, algorithm: str | None, kid: str | None) -> SigningKeys | JWKSet | list[VerificationKey]:
    """The keys that check tokens, from a file or a directory; raises `Problem`."""
    if Path(name).is_dir():
        return directory(name)
    return verification_keys(read_file(name, option="--key-file"), name=name, algorithm=algorithm, kid=kid)


def read_signing_key(name: str, *, algorithm: str | None, kid: str | None) -> SigningKey:
    """The key that signs, from a file or a directory; raises `Problem`."""
    if Path(name).is_dir():
        return directory(name).signing_key
    return signing_key(read_file(name, option="--key-file"), name=name, algorithm=algorithm, kid=kid)


def directory(name: str, **settings: Any) -> SigningKeys:  # noqa: ANN401 - those of `SigningKeys`
    """The keys of a directory, or of a JWK Set file that stands for one; raises `Problem` where there are none."""
    try:
        return SigningKeys(name, **settings)
    except ConfigurationError as error:
        if "there are no keys" not in error.detail:
            raise
    raise Problem(f"there are no keys at {printable(name)}: jwtguard keys rotate {printable(name)} makes a first one")


def verification_keys(
    content: bytes, *, name: str, algorithm: str | None = None, kid: str | None = None
) -> JWKSet | list[VerificationKey]:
    """The keys in a file's content, which comes from `name`; raises `Problem`."""
    try:
        if not _is_json(content):
            return [_from_pem(content, algorithm, kid)]
        document = _object(content)
        if "keys" not in document:
            return [_from_jwk(document, algorithm, kid)]
        if any(_is_private(entry) for entry in _entries(document)):
            return JWKSet(_from_jwk(entry, algorithm, None) for entry in _entries(document))
        # A published set, as a provider has it: what is of no use in it is skipped, as if it had been fetched.
        allowed = PUBLIC_ALGORITHMS if algorithm is None else (algorithm,)
        return fetched_set(FetchResponse(status=200, body=content), allowed, printable(name)).keys
    except (ConfigurationError, FetchError) as error:
        message, problem = _advice(name, str(error)), str(error)
    raise RefusedKeyError(message, content=content, is_secret=False, problem=problem)


def secret_key(secret: bytes, *, algorithm: str, kid: str | None) -> VerificationKey:
    """The key of a shared secret; raises `RefusedKeyError`."""
    try:
        return VerificationKey.from_secret(secret, algorithm=algorithm, kid=kid)
    except ConfigurationError as error:
        problem = error.detail
    raise RefusedKeyError(problem, content=secret, is_secret=True, problem=problem)


def signing_key(content: bytes, *, name: str, algorithm: str | None = None, kid: str | None = None) -> SigningKey:
    """The private key in a file's content: of a set the last, or the one named `kid`; raises `Problem`."""
    try:
        if not _is_json(content):
            return fitting(lambda each: SigningKey.from_pem(content, algorithm=each, kid=kid), _chosen(algorithm))
        document = _object(content)
        if "keys" not in document:
            return _private_from_jwk(document, algorithm, kid)
        fit = [entry for entry in _entries(document) if kid is None or entry.get("kid") == kid]
        if not fit:
            raise ConfigurationError(f"no key in it has the kid {kid!r}" if kid else "there is no key in it")
        return _private_from_jwk(fit[-1], algorithm, None)
    except ConfigurationError as error:
        raise Problem(_advice(name, error.detail)) from None


def _advice(name: str, text: str) -> str:
    # What code is to write, said for a command line.
    return f"{printable(name)}: " + text.replace(
        "say which with algorithm=, for example algorithm='RS256'", "--algorithm"
    )


def _is_json(content: bytes) -> bool:
    return content.lstrip()[:1] == b"{"


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None  # The text of the error would quote what may be a key.
    if not isinstance(document, dict):
        raise ConfigurationError("it holds no JSON object")
    return document


def _entries(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    entries = document["keys"]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError('a JWK Set is {"keys": [...]} (RFC 7517 §5)')
    return entries


def _is_private(entry: Mapping[str, Any]) -> bool:
    return "d" in entry or entry.get("kty") == "oct"


def _chosen(algorithm: str | None) -> tuple[str, ...]:
    return _USUAL[:-1] if algorithm is None else (algorithm,)


def _settled(jwk: Mapping[str, Any], algorithm: str | None) -> str | None:
    """The algorithm for a JWK: its own, the one that was given, or the usual one of its type."""
    if algorithm is not None or "alg" in jwk:
        return algorithm
    return next(iter(candidate_algorithms(jwk, _USUAL)), None)


def _private_from_jwk(jwk: Mapping[str, Any], algorithm: str | None, kid: str | None) -> SigningKey:
    members = dict(jwk) if kid is None else {**jwk, "kid": kid}
    return SigningKey.from_jwk(members, algorithm=_settled(jwk, algorithm))


def _from_jwk(jwk: Mapping[str, Any], algorithm: str | None, kid: str | None) -> VerificationKey:
    if _is_private(jwk):
        return _private_from_jwk(jwk, algorithm, kid).verification_key
    members = dict(jwk) if kid is None else {**jwk, "kid": kid}
    return VerificationKey.from_jwk(members, algorithm=_settled(jwk, algorithm))


def _from_pem(content: bytes, algorithm: str | None, kid: str | None) -> VerificationKey:
    allowed = _chosen(algorithm)
    if b"PRIVATE KEY-----" in content:
        return fitting(lambda each: SigningKey.from_pem(content, algorithm=each, kid=kid), allowed).verification_key
    if b"BEGIN CERTIFICATE" in content:
        return fitting(lambda each: VerificationKey.from_x509(content, algorithm=each, kid=kid), allowed)
    return fitting(lambda each: VerificationKey.from_pem(content, algorithm=each, kid=kid), allowed)
