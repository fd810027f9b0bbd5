"""One verification: the bare signature with base64 and JSON, which is the limit; jwtguard; and four libraries."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import jwt
import oxyjwt
import webtoken
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt

from benchmarks.limit import limit
from benchmarks.measuring import LIMIT, Batch, Findings, Pace, interleaved
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
            "oxyjwt": _oxyjwt(mint),
            "webtoken": _webtoken(mint),
        }
        for name, verify in verifiers.items():
            prove_verifier(name, verify, mint)
        known = _jwtguard(mint)
        batches = {
            LIMIT: cycling(limit(mint), tokens),
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


def _oxyjwt(mint: Mint) -> Callable[[str], object]:
    kinds: dict[str, Callable[[str], Any]] = {
        "HS256": oxyjwt.DecodingKey.from_secret,
        "RS256": oxyjwt.DecodingKey.from_rsa_pem,
        "ES256": oxyjwt.DecodingKey.from_ec_pem,
        "EdDSA": oxyjwt.DecodingKey.from_ed_pem,
    }
    key, algorithms = kinds[mint.algorithm](mint.public_text), [mint.algorithm]
    options: Any = {"require": ["exp", "iss", "aud", "sub"]}
    return lambda text: oxyjwt.decode(
        text, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE, options=options, leeway=10
    )


def _webtoken(mint: Mint) -> Callable[[str], object]:
    key: Any = mint.public_text
    options: Any = {"require": ["exp", "iss", "aud", "sub"]}
    return lambda text: webtoken.decode(
        text, key, algorithms=[mint.algorithm], issuer=ISSUER, audience=AUDIENCE, options=options, leeway=10
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
