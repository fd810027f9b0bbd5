"""Keys: secrets that can be guessed, addresses without https, and what ends soon.

>>> from jwtguard import Guard, VerificationKey
>>> key = VerificationKey.from_secret("my-secret-my-secret-my-secret-my", algorithm="HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="a", keys=key)
>>> [finding.code for finding in check_secrets(DoctorContext(guards=(guard,)))]
['secret_guessable']
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime

from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.doctor.context import DoctorContext
from jwtguard.guard_checks import Finding, Severity
from jwtguard.key_rotation.signing_keys import SigningKeys
from jwtguard.key_sources.cached import FetchedKeys

DAY = 86400.0
SOON = 30 * DAY
"""Before the end of a certificate, in seconds: when it is time to see to the next one."""
OLD = 400 * DAY
"""Seconds after which a key that signs is called old."""


_NEW_SECRET = 'make one with python -c "import secrets; print(secrets.token_hex(32))"'


def check_secrets(context: DoctorContext) -> Iterator[Finding]:
    """Find shared secrets that can be guessed. Secrets that are too short are refused when they are loaded."""
    for key in _keys(context):
        if key.is_guessable:
            yield Finding(
                "error",
                "secret_guessable",
                f"the {key.algorithm} secret{_named(key)} looks guessable",
                why="An attacker who has one token can try millions of secrets a second, and then be any user.",
                remedy=_NEW_SECRET,
            )
    for key in (key for sessions in context.sessions for key in sessions.refresh_keys):
        if key.is_guessable:
            yield Finding(
                "error",
                "refresh_secret_guessable",
                f"the {key.algorithm} secret{_named(key)} of refresh_keys looks guessable",
                why="An attacker who has one refresh token can try millions of secrets a second, and then write tokens"
                " for sessions of other users.",
                remedy=_NEW_SECRET,
            )


_LOAD_KEYS = (
    'make a key once (jwtguard keygen) and load it: SigningKey.from_pem(Path("key.pem").read_text(), ...),'
    ' SigningKey.from_secret(os.environ["SECRET"], ...), or SigningKeys("keys"), a directory that all workers read'
)


def check_generated_keys(context: DoctorContext) -> Iterator[Finding]:
    """Keys that `SigningKey.generate` made in this process: another worker has other keys."""
    of_issuers = (key for sessions in context.sessions for key in sessions.issuer.known_keys)
    access = {_described(key) for key in (*_keys(context), *of_issuers) if key.is_generated}
    refresh = {_described(key) for sessions in context.sessions for key in sessions.refresh_keys if key.is_generated}
    several = context.workers is not None and context.workers > 1
    workers = f", and there are {context.workers} workers" if several else ""
    severity: Severity = "error" if several else "note"
    for described in sorted(access):
        yield Finding(
            severity,
            "key_generated",
            f"SigningKey.generate() made {described} in this process{workers}",
            why="Each worker makes a key of its own, so it refuses the tokens of the others with 401. A restart makes a"
            " new key, which refuses all tokens from before.",
            remedy=_LOAD_KEYS,
        )
    for described in sorted(refresh):
        yield Finding(
            severity,
            "refresh_key_generated",
            f"SigningKey.generate() made {described} of refresh_keys in this process{workers}",
            why="Each worker makes a key of its own, so it refuses the refresh tokens of the others. A restart makes a"
            " new key, and all users must log in again.",
            remedy=_LOAD_KEYS,
        )


def check_transport(context: DoctorContext) -> Iterator[Finding]:
    """Keys that come over plain http, which jwtguard speaks to this machine, and to hosts that were named."""
    for source in context.key_sources:
        if isinstance(source, FetchedKeys) and source.address.startswith("http://"):
            yield Finding(
                "warning",
                "keys_over_http",
                f"the keys of {source.address} come over plain http",
                why="An attacker on the network can replace the keys and sign tokens.",
                remedy="use https, and leave out allow_http_loopback and allow_http_hosts",
            )


def check_certificates(context: DoctorContext) -> Iterator[Finding]:
    """Find certificates of verification keys that expire soon."""
    now = context.guards[0].clock() if context.guards else 0.0
    for key in _keys(context):
        if key.not_after is None or key.not_after - now > SOON:
            continue
        severity: Severity = "error" if key.not_after <= now else "warning"
        ends = datetime.fromtimestamp(key.not_after, UTC).date().isoformat()
        yield Finding(
            severity,
            "certificate_ends",
            f"the certificate of a key{_named(key)} {'ended' if severity == 'error' else 'ends'} on {ends}",
            why="Its issuer will sign with another key, if it does not already. jwtguard does not go by the date.",
            remedy="get the issuer's next certificate, or take its keys from its JWK Set: RemoteJWKSet(url)",
        )


def check_signing_keys(context: DoctorContext) -> Iterator[Finding]:
    """Our own keys on disk."""
    issuers = [sessions.issuer for sessions in context.sessions]
    sources = {id(source): source for source in (*context.key_sources, *(each.signing_keys for each in issuers))}
    for keys in sources.values():
        if isinstance(keys, SigningKeys):
            yield from _of_signing_keys(keys)


def _of_signing_keys(keys: SigningKeys) -> Iterator[Finding]:
    states = keys.states()
    if keys.last_error is not None:
        yield Finding(
            "error",
            "signing_keys_unreadable",
            f"the signing keys at {keys.path} cannot be read: {keys.last_error}",
            why="The keys at hand serve on, and a restart finds none.",
            remedy="make the files readable for the user that the application runs as",
        )
    readable = [path.name for path in keys.key_files() if path.stat().st_mode & 0o077] if os.name == "posix" else []
    if readable:
        yield Finding(
            "error",
            "signing_keys_exposed",
            f"others on this machine may read {', '.join(readable)} in {keys.path}",
            why="A user who reads a signing key can sign tokens for every subject.",
            remedy="chmod 600 them, and think about jwtguard keys rotate",
        )
    now = keys.clock()
    current = next((state for state in states if state.role == "current"), None)
    if current is None:
        yield Finding(
            "error",
            "no_signing_key",
            f"no key at {keys.path} signs",
            why="No user can log in.",
            remedy="make one: jwtguard keys rotate",
        )
    elif current.signs_from is not None and now - current.signs_from > OLD and "next" not in {s.role for s in states}:
        days = int((now - current.signs_from) / DAY)
        yield Finding(
            "note",
            "signing_key_old",
            f"the key {current.kid} has signed for {days} days, and there is no next one",
            why="The longer a key is in use, the more copies of it there are.",
            remedy="jwtguard keys rotate, which logs no user out",
        )


def _keys(context: DoctorContext) -> Iterator[VerificationKey]:
    for source in context.key_sources:
        yield from source.current() or ()


def _described(key: VerificationKey) -> str:
    return f"the {key.algorithm} key{_named(key)}"


def _named(key: VerificationKey) -> str:
    return "" if key.kid is None else f" {key.kid!r}"
