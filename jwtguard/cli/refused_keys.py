"""Signatures of keys that a guard refuses: short secrets, short RSA keys, a PEM in place of a secret.

>>> from jwtguard.core.tokens.jws import sign
>>> text = with_signature_of(b"short", sign(b"{}", SigningKey.generate("HS256")))
>>> print(judged(text, b"short", is_secret=True, problem="").sentence)
The signature fits this secret. A guard refuses the secret: it has 5 bytes, HS256 needs 32.

For tools that look at a token, and for nothing else: no key of this module can be given to a guard. It computes
signatures with PyJWT itself, while `jwtguard.core.tokens.keys` keeps its rules.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm, get_default_algorithms

from jwtguard.cli.key_inputs import RefusedKeyError
from jwtguard.core.errors import InvalidTokenError
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.core.tokens.encoding import decode_segment, encode_segment
from jwtguard.core.tokens.jws import MAX_TOKEN_BYTES, UnverifiedJWS, check_length, split
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.explanation import Explanation, explain
from jwtguard.explanation.result import step
from jwtguard.explanation.token_context import read_part
from jwtguard.guard import Guard

REASON = "key_refused"
"""The reason of an explanation: a guard would not even start with this key."""
KEY_STEP, SIGNATURE_STEP = 5, 6
"""Steps of docs/verification.md: what comes before the first of them can be told without a key."""

REMEDIES = {
    "secret": 'Make one with python -c "import secrets; print(secrets.token_hex(32))", and sign with it.',
    "key": "Make a new key with jwtguard keygen, and sign with it.",
}
SECRET_ALGORITHMS = ("HS256", "HS384", "HS512")
_IMPLEMENTATIONS: Mapping[str, Any] = get_default_algorithms()
_FROM_JWK: Mapping[str, Callable[[Any], Any]] = {
    "RSA": RSAAlgorithm.from_jwk,
    "EC": ECAlgorithm.from_jwk,
    "OKP": OKPAlgorithm.from_jwk,
}

NO_KEY = Guard(issuer=UNCHECKED, audience=UNCHECKED, keys=SigningKey.generate("ES256").verification_key, cache_size=0)
"""A guard whose key signed nothing: it shows the refusals that come before the key is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedKey:
    """What can be said of a token and a key that a guard refuses.

    `noun`: "secret" or "key". `algorithm`: the token's `alg`, None if it cannot be read. `fits`: whether the signature
    is one of this key, None if the token has none that could be looked at. `problem`: why a guard refuses the key.
    """

    noun: str
    algorithm: str | None
    fits: bool | None
    problem: str

    @property
    def of_signature(self) -> str:
        """A sentence about the signature, empty if nothing can be said."""
        if self.fits is None:
            return ""
        if self.fits:
            return f"The signature fits this {self.noun}."
        takes = "key" if _takes_key(self.algorithm) else "secret"
        if self.algorithm is not None and takes != self.noun:
            needed = "a shared secret" if takes == "secret" else "a key pair"
            return f"The signature does not fit this {self.noun}: {self.algorithm} takes {needed}."
        return f"The signature does not fit this {self.noun}."

    @property
    def sentence(self) -> str:
        """Both verdicts: of the signature, and of the key."""
        return f"{self.of_signature} A guard refuses the {self.noun}: {self.problem}.".strip()


def judged(text: str, content: bytes, *, is_secret: bool, problem: str) -> JudgedKey | None:
    """The token `text` beside a key that was refused with `problem`; None if `content` holds no key at all.

    `content` is a shared secret, or a key in PEM, JWK or JWK Set form. What was handed over as a secret is tried as a
    key, too, where the token's `alg` takes one.
    """
    algorithm, jws = _algorithm(text), _jws(text)
    keys = list(_keys_in(content))
    if is_secret and not (_takes_key(algorithm) and _fits(jws, algorithm, keys)):
        fits = None if jws is None else _fits(jws, algorithm, [content])
        return JudgedKey(noun="secret", algorithm=algorithm, fits=fits, problem=short(content, algorithm) or problem)
    if not keys:
        return None
    fits = None if jws is None else _fits(jws, algorithm, keys)
    return JudgedKey(noun="key", algorithm=algorithm, fits=fits, problem=problem)


def judged_by(error: RefusedKeyError, text: str) -> JudgedKey:
    """What can be said of the token and the key that was refused; raises `error` again where no key was given."""
    key = judged(text, error.content, is_secret=error.is_secret, problem=error.problem)
    if key is None:
        raise error
    return key


def short(secret: bytes, algorithm: str | None) -> str | None:
    """Why a guard refuses a secret that is shorter than the hash of `algorithm`; None if it is long enough."""
    name = algorithm if algorithm in SECRET_ALGORITHMS else "HS256"
    needed = int(name[2:]) // 8
    return f"it has {len(secret)} bytes, {name} needs {needed}" if len(secret) < needed else None


def secret_algorithm(text: str) -> str:
    """The algorithm for a secret that says none: the token's, if that takes a secret."""
    algorithm = _algorithm(text)
    return algorithm if algorithm in SECRET_ALGORITHMS else "HS256"


def explained(text: str, key: JudgedKey, *, redact: bool = False) -> Explanation:
    """The steps of a verification up to the key, which is refused, and whether the signature is one of it."""
    told = explain(NO_KEY, text, redact=redact).run()
    if told.failed is not None and told.failed.number < KEY_STEP:
        return told
    wanted = f"a {key.noun} that a guard takes"
    steps = [each for each in told.steps if each.number < KEY_STEP]
    steps.append(step(KEY_STEP, "failed", expected=wanted, found=key.problem, remedy=REMEDIES[key.noun]))
    steps.append(step(SIGNATURE_STEP, "passed" if key.fits else "failed", found=key.of_signature))
    steps += [step(each.number, "not reached") for each in told.steps if each.number > SIGNATURE_STEP]
    return Explanation(verdict="refused", reason=REASON, steps=tuple(steps))


def with_signature_of(secret: bytes, text: str) -> str:
    """The token `text`, whose `alg` takes a secret, with the signature of a `secret` that may be too short."""
    signing_input = text.rpartition(".")[0]
    signature = _IMPLEMENTATIONS[str(_algorithm(text))].sign(signing_input.encode("ascii"), secret)
    return f"{signing_input}.{encode_segment(signature)}"


def _algorithm(text: str) -> str | None:
    header: Mapping[str, Any] = read_part(text.partition(".")[0]) or {}
    algorithm = header.get("alg")
    return algorithm if isinstance(algorithm, str) and algorithm in ALGORITHMS else None


def _takes_key(algorithm: str | None) -> bool:
    return algorithm is not None and algorithm not in SECRET_ALGORITHMS


def _jws(text: str) -> UnverifiedJWS | None:
    try:
        return split(check_length(text, MAX_TOKEN_BYTES))
    except InvalidTokenError:
        return None


def _fits(jws: UnverifiedJWS | None, algorithm: str | None, keys: Iterable[Any]) -> bool:
    """Whether one of the keys made the signature; PyJWT raises what it likes for a key of another type."""
    if jws is None or algorithm is None:
        return False
    implementation = _IMPLEMENTATIONS["EdDSA" if algorithm.startswith("Ed") else algorithm]
    for key in keys:
        try:
            if implementation.verify(jws.signing_input, key, jws.signature) is True:
                return True
        except Exception:  # noqa: BLE001, S112 - a key of another type, or one that OpenSSL does not use
            continue
    return False


def _keys_in(content: bytes) -> Iterator[Any]:
    """The keys in a PEM, a JWK or a JWK Set, however weak, as PyJWT takes them; none if there are none."""
    if content.lstrip()[:1] == b"{":
        yield from _keys_of_json(content)
        return
    loaders: tuple[Callable[[bytes], Any], ...] = (
        serialization.load_pem_public_key,
        lambda pem: serialization.load_pem_private_key(pem, password=None).public_key(),
        lambda pem: x509.load_pem_x509_certificate(pem).public_key(),
    )
    for load in loaders:
        try:
            yield load(content)
        except Exception:  # noqa: BLE001, S112 - another form
            continue


def _keys_of_json(content: bytes) -> Iterator[Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return
    entries = document.get("keys", [document])
    for jwk in entries if isinstance(entries, list) else ():
        try:
            if jwk["kty"] == "oct":
                yield decode_segment(jwk["k"].encode("ascii"))
            else:
                key = _FROM_JWK[jwk["kty"]](jwk)
                yield key.public_key() if hasattr(key, "public_key") else key
        except Exception:  # noqa: BLE001, S112 - no key, or of an unknown kind
            continue
