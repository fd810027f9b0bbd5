"""One verification: the bare signature with base64 and JSON, which is the limit; jwtguard; and two libraries."""

from __future__ import annotations

import base64
import itertools
import json
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from benchmarks.measuring import Batch, Findings, Pace, interleaved
from benchmarks.proof import prove_verifier
from benchmarks.tokens import ALGORITHMS, AUDIENCE, ISSUER, Mint


def measure(pace: Pace) -> Findings:
    """Each algorithm as a group, the cache off but where the name says otherwise."""
    findings = Findings()
    for algorithm in ALGORITHMS:
        mint = Mint(algorithm)
        tokens = mint.tokens()
        verifiers = {
            "jwtguard": _jwtguard(mint, cache_size=0),
            "PyJWT": _pyjwt(mint),
            "joserfc": _joserfc(mint),
        }
        for name, verify in verifiers.items():
            prove_verifier(name, verify, mint)
        known = _jwtguard(mint)
        batches = {
            "limit": cycling(_limit(mint), tokens),
            **{name: cycling(verify, tokens) for name, verify in verifiers.items()},
            "jwtguard, seen before": cycling(known, tokens[:1]),
            # Four times what the cache holds, one after the other: none is there any more when it comes again.
            "jwtguard, each new to a full cache": cycling(_jwtguard(mint, cache_size=len(tokens) // 4), tokens),
        }
        findings.series += interleaved(algorithm, batches, pace)
    return findings


def cycling(verify: Callable[[str], object], tokens: Sequence[str]) -> Batch:
    """Verify these tokens in turn."""
    coming = itertools.cycle(tokens)

    def batch(times: int) -> None:
        for _ in range(times):
            verify(next(coming))

    return batch


def _jwtguard(mint: Mint, **settings: Any) -> Callable[[str], object]:
    guard = mint.guard(**settings)
    return lambda text: guard.verify(text).run().claims


def _pyjwt(mint: Mint) -> Callable[[str], object]:
    key, algorithms = mint.public_object, [mint.algorithm]
    options: Any = {"require": ["exp", "iss", "aud", "sub"]}
    return lambda text: jwt.decode(
        text, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE, options=options, leeway=10
    )


def _joserfc(mint: Mint) -> Callable[[str], object]:
    kinds: dict[str, Any] = {
        "HS256": joserfc_jwk.OctKey,
        "RS256": joserfc_jwk.RSAKey,
        "ES256": joserfc_jwk.ECKey,
        "EdDSA": joserfc_jwk.OKPKey,
    }
    key, algorithms = kinds[mint.algorithm].import_key(mint.public_text), [mint.algorithm]
    registry = joserfc_jwt.JWTClaimsRegistry(
        leeway=10,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
        exp={"essential": True},
        sub={"essential": True},
    )

    warnings.filterwarnings("ignore", "EdDSA is deprecated")  # RFC 9864 renames it; tokens still say it.

    def verify(text: str) -> object:
        token = joserfc_jwt.decode(text, key, algorithms=algorithms)
        registry.validate(token.claims)
        return token.claims

    return verify


def _limit(mint: Mint) -> Callable[[str], object]:
    """Nothing but the signature by `cryptography`, base64 and JSON: no check of anything. Nobody should ship this."""
    check = _signature_check(mint)

    def read(text: str) -> object:
        signed, _, signature = text.encode().rpartition(b".")
        header, _, payload = signed.partition(b".")
        check(_decoded(signature), signed)
        json.loads(_decoded(header))
        return json.loads(_decoded(payload))

    return read


def _decoded(segment: bytes) -> bytes:
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


def _signature_check(mint: Mint) -> Callable[[bytes, bytes], object]:
    key, sha256 = mint.public_object, hashes.SHA256()
    if mint.algorithm == "HS256":

        def check(signature: bytes, signed: bytes) -> None:
            mac = hmac.HMAC(key, sha256)
            mac.update(signed)
            mac.verify(signature)

        return check
    if mint.algorithm == "RS256":
        pkcs1 = padding.PKCS1v15()
        return lambda signature, signed: key.verify(signature, signed, pkcs1, sha256)
    if mint.algorithm == "ES256":
        ecdsa = ec.ECDSA(sha256)

        def check_ecdsa(signature: bytes, signed: bytes) -> None:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), signed, ecdsa)

        return check_ecdsa
    ed25519: Callable[[bytes, bytes], object] = key.verify
    return ed25519
