"""Verifying a token: the numbered steps, in order, and the cache of tokens that passed them.

>>> from jwtguard.core.tokens.keys import SigningKey
>>> from jwtguard.core.tokens.jwk_set import JWKSet
>>> from jwtguard.core.tokens.jws import sign
>>> from jwtguard.core.tokens.claims_policy import Policy
>>> key = SigningKey.generate("HS256")
>>> text = sign(b'{"iss":"i","aud":"a","sub":"user-1","exp":1000}', key)
>>> policy = Policy(issuer="i", audience="a", keys=JWKSet([key.verification_key]))
>>> TokenVerifier([policy], clock=lambda: 900.0).verify(text).run().claims["sub"]
'user-1'

Steps 1 to 4 are in `jws.py`, step 5 is here, step 6 is `VerificationKey.verify` in `keys.py`, and steps 7 and 8 are in
`claims_policy.py`.
"""

# No `from __future__ import annotations`: FastAPI must find `NoParameter` in the constructor, not the text of it.
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from jwtguard.core.bounded import make_room
from jwtguard.core.errors import InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.claims_policy import Policy, Validity
from jwtguard.core.tokens.encoding import ClaimsSet, JOSEHeader, decode_base64, parse_object_as
from jwtguard.core.tokens.from_guard import FromGuard, NoParameter, never_read
from jwtguard.core.tokens.jwk_set import JWKSet, KeySource, ReplaceableKeySource
from jwtguard.core.tokens.jws import (
    MAX_TOKEN_BYTES,
    TOKEN_TYPES,
    UnverifiedJWS,
    check_length,
    has_jws_form,
    is_signed_by,
    read_header,
    split,
)
from jwtguard.core.tokens.key_sources import may_hold
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.sentinels import NO_ISSUER, UNCHECKED
from jwtguard.core.tokens.tenants import TenantPattern
from jwtguard.core.tokens.trust_domains import SPIFFE, TrustDomain
from jwtguard.core.validation import Problems

logger = logging.getLogger("jwtguard")

CACHE_SIZE = 1024
"""The number of verified tokens in the cache; 0 turns the cache off."""
_HEADERS, _HEADER_BYTES = 256, 1024
_LONGEST = 65536
"""The largest `max_token_bytes`. Servers refuse header fields of this size, and `MAX_FIELD` is larger."""


@dataclass(frozen=True, kw_only=True)
class VerifiedToken(FromGuard):
    """A token that passed every step: its header, its claims, and the SHA-256 of its text, never the text itself."""

    header: Annotated[JOSEHeader, NoParameter(never_read("VerifiedToken"))]
    claims: ClaimsSet
    sha256: bytes = field(repr=False)
    policy: Policy = field(repr=False, compare=False)

    @cached_property
    def principal(self) -> Principal:
        """The caller, as the `ClaimsMapping` of its issuer finds it in the claims; found at the first use."""
        return self.policy.claims.principal(self.claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CacheEntry:
    """A verified token, with what is checked again at each use: the keys of its source, and when it is valid."""

    token: VerifiedToken
    source: KeySource
    keys: JWKSet
    validity: Validity


@dataclass(frozen=True, slots=True, kw_only=True)
class _Presented:
    """A token at step 5. `claims` is None until its payload is parsed."""

    jws: UnverifiedJWS
    sha256: bytes
    header: JOSEHeader
    policy: Policy
    claims: ClaimsSet | None


class TokenVerifier:
    """Verifies tokens of one issuer or several, each by its own policy.

    `clock` gives seconds since the epoch. Raises `ConfigurationError` for a limit out of range.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        *,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        cache_size: int = CACHE_SIZE,
        types: frozenset[str] = TOKEN_TYPES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems = Problems()
        if type(max_token_bytes) is not int or not 0 < max_token_bytes <= _LONGEST:
            problems.append(f"max_token_bytes is a number of bytes, 1 to {_LONGEST}, found {max_token_bytes!r}")
        if type(cache_size) is not int or cache_size < 0:
            problems.append(f"cache_size is a number of tokens, 0 for no cache, found {cache_size!r}")
        by_issuer: dict[object, Policy] = {
            policy.issuer: policy for policy in policies if policy.issuer is not UNCHECKED
        }
        if len(policies) > 1 and len(by_issuer) < len(policies):
            problems.append("each of several policies needs an issuer of its own, which tells whose token it is")
        problems.raise_all()
        # A single policy with local keys needs no issuer to choose it; `iss` is checked after the signature.
        only = policies[0] if len(policies) == 1 else None
        self._single = only if only and (only.issuer is UNCHECKED or isinstance(only.keys, JWKSet)) else None
        self._by_issuer = by_issuer
        self._patterns = [(policy.issuer, policy) for policy in policies if isinstance(policy.issuer, TenantPattern)]
        self._domains = [(policy.issuer, policy) for policy in policies if isinstance(policy.issuer, TrustDomain)]
        self.max_token_bytes = max_token_bytes
        """Longer texts are refused unread."""
        self.cache_size = cache_size
        """Verified tokens that are kept; 0 means none."""
        self._usual_types = types
        # Each policy with types of its own checks later that the token has one of them.
        self._types = types.union(*(policy.kind.types or () for policy in policies)) - {""}
        self._clock = clock
        # Both dicts need no lock: each use is one atomic operation, and a lost race only repeats work.
        self._cache: dict[bytes, _CacheEntry] = {}
        self._headers: dict[bytes, JOSEHeader] = {}

    def _cached(self, sha256: bytes, now: float) -> VerifiedToken | None:
        entry = self._cache.get(sha256)
        if entry is None:
            return None
        # Time and key rotation can invalidate a cached token, so both are checked at each use.
        not_before, not_after = entry.validity
        return entry.token if not_before <= now < not_after and _current_keys(entry.source) is entry.keys else None

    def verify(self, text: str) -> Flow[VerifiedToken]:
        """Verify `text`; raises `InvalidTokenError`, or `UnavailableError` if its key cannot be fetched."""
        return Flow(self._verify(text))

    def _verify(self, text: str) -> Steps[VerifiedToken]:
        try:
            # Step 1.
            data = check_length(text, self.max_token_bytes)
            sha256 = hashlib.sha256(data).digest()
            now = self._clock()
            return self._cached(sha256, now) or (yield from self._verify_anew(data, sha256, now))
        except JWTGuardError:
            raise
        except Exception as error:  # noqa: BLE001 - an unforeseen error refuses the token, and may quote it
            unforeseen = type(error).__name__
        raise _unforeseen(unforeseen)

    def _verify_anew(self, data: bytes, sha256: bytes, now: float) -> Steps[VerifiedToken]:
        """Steps 2 to 8, first with the keys at hand, then with the newer keys of the sources."""
        # Step 2.
        jws = split(data)
        # Steps 3 and 4. Tokens of one issuer share a header, so parsed headers are cached by their exact segment.
        header = self._headers.get(jws.header_segment)
        if header is None:
            header = read_header(jws.header_segment, self._types)
        # Step 5: the key.
        policy, claims = self._single, None
        if policy is None:
            # The issuer is known before a key is fetched: a token of an unknown issuer causes no traffic.
            claims = _claims_of(jws)
            policy = self.policy_of(claims)
        policy.check_header(header, self._usual_types)
        presented = _Presented(jws=jws, sha256=sha256, header=header, policy=policy, claims=claims)
        at_hand: list[tuple[KeySource, JWKSet | None]] = []
        is_tried = False
        for source in policy.key_sources:
            if may_hold(source, header.algorithm):
                keys = _current_keys(source)
                candidates = () if keys is None else keys.candidates(header.kid, header.algorithm)
                if keys is not None and candidates:
                    if is_signed_by(jws, candidates):
                        return self._accept(presented, source, keys, now)
                    is_tried = True
                at_hand.append((source, keys))
        # A `JWKSet` is its own source: it cannot become newer, and is always available.
        elsewhere = [(source, keys) for source, keys in at_hand if keys is not source]
        if not elsewhere:
            raise InvalidTokenError("signature" if is_tried else "key")
        return (yield from self._with_newer_keys(presented, elsewhere, now, is_tried=is_tried))

    def _with_newer_keys(
        self, presented: _Presented, at_hand: list[tuple[KeySource, JWKSet | None]], now: float, *, is_tried: bool
    ) -> Steps[VerifiedToken]:
        """Steps 5 to 8 with what the sources have found since; `at_hand` is what they had before.

        `is_tried`: whether a key fitted, and the signature did not hold by it.
        """
        kid, algorithm = presented.header.kid, presented.header.algorithm
        outage: UnavailableError | None = None
        for source, keys in at_hand:
            try:
                newer = yield from _newer_keys(source, keys, presented, now)
            except UnavailableError as error:
                outage = outage or error  # Another source may have the key.
                continue
            candidates = () if newer is None else newer.candidates(kid, algorithm)
            if newer is not None and candidates:
                if is_signed_by(presented.jws, candidates):
                    return self._accept(presented, source, newer, now)
                is_tried = True
        if outage is not None:
            raise outage
        raise InvalidTokenError("signature" if is_tried else "key")

    def _accept(self, presented: _Presented, source: KeySource, keys: JWKSet, now: float) -> VerifiedToken:
        """Steps 7 and 8 for a token that one of `keys` verified; stores it in the caches."""
        header, policy, segment = presented.header, presented.policy, presented.jws.header_segment
        # The signature is verified, so the header may be cached.
        if len(segment) <= _HEADER_BYTES and segment not in self._headers:
            make_room(self._headers, _HEADERS)
            self._headers[segment] = header
        # The claims, parsed from the bytes that were signed.
        claims = _claims_of(presented.jws) if presented.claims is None else presented.claims
        validity = policy.check(claims, now)
        token = VerifiedToken(header=header, claims=claims, sha256=presented.sha256, policy=policy)
        if self.cache_size:
            make_room(self._cache, self.cache_size)
            self._cache[presented.sha256] = _CacheEntry(token=token, source=source, keys=keys, validity=validity)
        return token

    def takes_as_opaque(self, text: str) -> bool:
        """Whether `text` is short enough to look at and has not the form of a JWS (RFC 7515 §7.1)."""
        return isinstance(text, str) and len(text) <= self.max_token_bytes and not has_jws_form(text)

    def policy_of(self, claims: Mapping[str, Any]) -> Policy:
        """The policy for the issuer in `claims`; raises `InvalidTokenError` for an issuer that is not trusted."""
        issuer, subject = claims.get("iss", NO_ISSUER), claims.get("sub")
        if not isinstance(issuer, str) and issuer is not NO_ISSUER:
            raise InvalidTokenError("iss")
        if isinstance(issuer, str):
            policy = self._by_issuer.get(issuer)
            if policy is not None:
                return policy
            for pattern, policy in self._patterns:
                if pattern.matches(issuer):
                    return policy
        for domain, policy in self._domains:
            if domain.holds(subject):
                return policy
        if issuer is NO_ISSUER and NO_ISSUER in self._by_issuer:
            return self._by_issuer[NO_ISSUER]
        is_spiffe = isinstance(subject, str) and subject.lower().startswith(SPIFFE)
        raise InvalidTokenError("trust_domain" if self._domains and (is_spiffe or issuer is NO_ISSUER) else "iss")


def _unforeseen(name: str) -> InvalidTokenError:
    """The refusal for an error of this class name; the error itself may quote the token."""
    logger.error("token refused: unforeseen %s while verifying", name, extra=log_fields("unforeseen", reason=name))
    return InvalidTokenError("unforeseen")


def _claims_of(jws: UnverifiedJWS) -> ClaimsSet:
    return parse_object_as(ClaimsSet, decode_base64(jws.payload_segment))


def _newer_keys(source: KeySource, keys: JWKSet | None, presented: _Presented, now: float) -> Steps[JWKSet | None]:
    """The newer keys of a source, if they could verify a token that none of its `keys` verifies."""
    header = presented.header
    is_unknown = header.kid is not None and keys is not None and header.kid not in keys
    has_candidates = keys is not None and bool(keys.candidates(header.kid, header.algorithm))
    # An unknown `kid` means a new key if the keys of the set have names. Without names it means nothing.
    if keys is None or (is_unknown and (keys.names_keys or not has_candidates)):
        return (yield from _refreshed_keys(source, header.kid))
    if isinstance(source, ReplaceableKeySource) and _passes_otherwise(presented, now):
        return (yield from _replaced_keys(source, keys))
    return None


def _passes_otherwise(presented: _Presented, now: float) -> bool:
    """Whether a token would be accepted if its signature were valid. The claims are used for nothing else."""
    try:
        presented.policy.check(_claims_of(presented.jws) if presented.claims is None else presented.claims, now)
    except InvalidTokenError:
        return False
    return True


# An unforeseen error of a key source is an outage (503). A 401 would log users out.


def _current_keys(source: KeySource) -> JWKSet | None:
    try:
        return source.current()
    except JWTGuardError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        unforeseen = error
    raise _broken(unforeseen)


def _refreshed_keys(source: KeySource, kid: str | None) -> Steps[JWKSet]:
    try:
        keys: object = yield from source.refreshed(kid)
    except JWTGuardError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        unforeseen = error
    else:
        if isinstance(keys, JWKSet):
            return keys
        unforeseen = TypeError(f"refreshed() of a KeySource gives a JWKSet, not {type(keys).__name__}")
    raise _broken(unforeseen)


def _replaced_keys(source: ReplaceableKeySource, keys: JWKSet) -> Steps[JWKSet | None]:
    """The keys that replaced `keys`; None if there are none or the source fails: then the signature stays invalid."""
    try:
        return (yield from source.replaced(keys))
    except JWTGuardError:
        return None


def _broken(unforeseen: Exception) -> UnavailableError:
    name = type(unforeseen).__name__
    logger.error(
        "keys unavailable: unforeseen %s from the key source", name, extra=log_fields("unforeseen", reason=name)
    )
    return UnavailableError("keys")
