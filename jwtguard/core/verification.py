"""Verifying a token: the numbered steps, in order, and the cache of tokens that passed them.

>>> from jwtguard.core.jwk import SigningKey
>>> from jwtguard.core.jwk_set import JWKSet
>>> from jwtguard.core.jws import sign
>>> from jwtguard.core.policy import Policy
>>> key = SigningKey.generate("HS256")
>>> text = sign(b'{"iss":"i","aud":"a","sub":"user-1","exp":1000}', key)
>>> policy = Policy(issuer="i", audience="a", keys=JWKSet([key.verification_key]))
>>> TokenVerifier([policy], clock=lambda: 900.0).verify(text).run().claims["sub"]
'user-1'

Steps 1 to 4 stand in `jws.py`, 6 in `jwk.py` and `signatures.py`, 7 and 8 in `policy.py`, step 5 here, as the glance
that settles step 1 does.
"""

# No `from __future__ import annotations`: FastAPI must find `NoParameter` in the constructor, not the text of it.
import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any, TypeAlias, cast

from jwtguard.core.bounded import make_room
from jwtguard.core.dataclasses import dataclass
from jwtguard.core.errors import ConfigurationError, InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.from_guard import FromGuard, NoParameter, never_read
from jwtguard.core.frozen import draft_of
from jwtguard.core.jose import ClaimsSet, JOSEHeader, decode_base64, parse_object_as
from jwtguard.core.jwk import VerificationKey
from jwtguard.core.jwk_set import JWKSet
from jwtguard.core.jws import MAX_TOKEN_BYTES, TOKEN_TYPES, check_length, has_jws_form, read_header, split
from jwtguard.core.logs import log_fields
from jwtguard.core.no_issuer import NO_ISSUER
from jwtguard.core.policy import UNCHECKED, Policy
from jwtguard.core.principal import Principal
from jwtguard.core.tenants import TenantPattern

logger = logging.getLogger("jwtguard")

CACHE_SIZE = 1024
"""Tokens remembered after they passed; 0 turns the cache off."""
_HEADERS, _HEADER_BYTES = 256, 1024
_LONGEST = 65536
"""What `max_token_bytes` can be: no server lets such a field pass, and `MAX_FIELD` lies above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedToken(FromGuard):
    """A token that passed every step: its header, its claims, and the SHA-256 of its text, never the text itself.

    `principal` is the caller it speaks for, by the mapping of its issuer.
    """

    header: Annotated[JOSEHeader, NoParameter(never_read("VerifiedToken"))]
    claims: ClaimsSet
    sha256: bytes = field(repr=False)
    policy: Policy = field(repr=False, compare=False)
    principal: Principal = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "principal", self.policy.claims.principal(self.claims))


_Draft = draft_of(VerifiedToken)

# Plain tuples, for one of each is read at every request, and a name costs a look-up where unpacking costs none.
_Remembered: TypeAlias = tuple[VerifiedToken, JWKSet | None, float, float]
"""A cached token with all that must still hold when it comes again: its keys, None if its issuer's cannot change, and
when it holds."""
_KnownHeader: TypeAlias = tuple[JOSEHeader | None, Policy, JWKSet, VerificationKey]
"""A header that came with a good signature, and the key of those keys that it led to under that policy."""
_UNKNOWN = cast("_KnownHeader", (None, None, None, None))
"""What is known of a header that did not."""


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
        problems = []
        if type(max_token_bytes) is not int or not 0 < max_token_bytes <= _LONGEST:
            problems.append(f"max_token_bytes is a number of bytes, 1 to {_LONGEST}, found {max_token_bytes!r}")
        if type(cache_size) is not int or cache_size < 0:
            problems.append(f"cache_size is a number of tokens, 0 for no cache, found {cache_size!r}")
        by_issuer = {policy.issuer: policy for policy in policies if policy.issuer is not UNCHECKED}
        if len(policies) > 1 and len(by_issuer) < len(policies):
            problems.append("each of several policies needs an issuer of its own, which tells whose token it is")
        ConfigurationError.raise_all(problems)
        # With keys at hand, the issuer of a single policy can wait until the signature held.
        only = policies[0] if len(policies) == 1 else None
        self._single = only if only and (only.issuer is UNCHECKED or isinstance(only.keys, JWKSet)) else None
        self._by_issuer = by_issuer
        self._patterns = [(policy.issuer, policy) for policy in policies if isinstance(policy.issuer, TenantPattern)]
        self._max_token_bytes = max_token_bytes
        self._cache_size = cache_size
        self._types = types
        self._clock = clock
        # Both are plain dicts without a lock: each use is one atomic operation, and a lost race only costs a repeat.
        self._cache: dict[bytes, _Remembered] = {}
        self._headers: dict[bytes, _KnownHeader] = {}

    def verify(self, text: str) -> Flow[VerifiedToken]:
        """Verify `text`; raises `InvalidTokenError`, or `UnavailableError` if its key cannot be fetched."""
        return Flow(self._verifying(text))

    def _verifying(self, text: str) -> Steps[VerifiedToken]:
        verified = self.begin(text)
        return verified if isinstance(verified, VerifiedToken) else (yield from verified)

    def begin(
        self, text: str, refused: Callable[[JWTGuardError], object] | None = None
    ) -> VerifiedToken | Steps[VerifiedToken]:
        """The verified token, or the steps that are left where a key must be fetched first; raises as `verify`.

        A plain function, since next to no verification has to wait, and a generator for each takes a quarter of the
        time of a warm one. `refused` hears of an error before it is raised, but of none in the steps: who would catch
        it for that, and raise it again, would make refusing dearer than accepting.
        """
        try:
            # Step 1. As nearly every token is; what is not, the function names, and a call is saved.
            is_sound = type(text) is str and len(text) <= self._max_token_bytes and text.isascii()
            data = text.encode() if is_sound else check_length(text, self._max_token_bytes)
            sha256 = hashlib.sha256(data).digest()
            now = self._clock()
            remembered = self._cache.get(sha256)
            if remembered is not None:
                token, keys, not_before, not_after = remembered
                # What time and key rotation can change is checked again; the rest cannot have changed.
                if not_before <= now < not_after and (keys is None or _current_keys(token.policy) is keys):
                    return token
            return self._verify_anew(data, sha256, now)
        except JWTGuardError as error:
            if refused is not None:
                refused(error)
            raise
        except Exception as error:  # noqa: BLE001 - whatever we did not foresee denies, and names no token
            unforeseen = type(error).__name__
        raise _unforeseen(unforeseen, refused)

    def _verify_anew(
        self, data: bytes, sha256: bytes, now: float, fetched: JWKSet | None = None
    ) -> VerifiedToken | Steps[VerifiedToken]:
        """Steps 2 to 8, with the keys of the issuer, or with those that were `fetched` for this token.

        One function, since a call in front of every step would cost what two steps cost.
        """
        # Step 2.
        header_segment, payload_segment, signature, signing_input = split(data)
        # Steps 3 and 4. One issuer's tokens share a header, so it is read once; by its segment, so exactly.
        header, known_policy, known_keys, known_key = self._headers.get(header_segment, _UNKNOWN)
        if header is None:
            header = read_header(header_segment, self._types)
        # Step 5: the key.
        policy, claims = self._single, None
        if policy is None:
            # Which issuer must be known before any key is fetched for it: a stranger's token causes no traffic.
            claims = parse_object_as(ClaimsSet, decode_base64(payload_segment))
            policy = self.policy_of(claims)
        source, keys = policy.keys, fetched
        if keys is None:
            # A set that was handed to the guard can be neither newer nor out of reach: as most guards are set up.
            keys = source if type(source) is JWKSet else _current_keys(policy)
        if known_policy is policy and known_keys is keys:
            # Step 6, with the key that this header led to before: the same question has the same answer.
            known_key.verify(signing_input, signature)
        else:
            policy.check_header(header)
            kid = header.kid
            key = None if keys is None else keys.find(kid, header.algorithm)
            may_be_newer = fetched is None and type(source) is not JWKSet
            if may_be_newer and (keys is None or (key is None and kid is not None and kid not in keys)):
                # The issuer may have changed its keys since we last looked.
                return self._with_fetched_keys(data, sha256, now, policy, kid)
            if keys is None or key is None:
                raise InvalidTokenError("key")
            # Step 6. Only what the signature covers is read from here on; a header is remembered once one held.
            key.verify(signing_input, signature)
            if len(header_segment) <= _HEADER_BYTES:
                make_room(self._headers, _HEADERS)
                self._headers[header_segment] = (header, policy, keys, key)
        # Steps 7 and 8: the claims, parsed from the very bytes that were signed.
        if claims is None:
            claims = parse_object_as(ClaimsSet, decode_base64(payload_segment))
        not_before, not_after = policy.check(claims, now)
        draft = _Draft()
        draft.header = header
        draft.claims = claims
        draft.sha256 = sha256
        draft.policy = policy
        draft.principal = policy.claims.principal(claims)
        draft.__class__ = VerifiedToken
        token: VerifiedToken = draft
        if self._cache_size:
            make_room(self._cache, self._cache_size)
            self._cache[sha256] = (token, None if type(source) is JWKSet else keys, not_before, not_after)
        return token

    def _with_fetched_keys(
        self, data: bytes, sha256: bytes, now: float, policy: Policy, kid: str | None
    ) -> Steps[VerifiedToken]:
        try:
            keys = yield from _refreshed_keys(policy, kid)
            verified = self._verify_anew(data, sha256, now, keys)
            return verified if isinstance(verified, VerifiedToken) else (yield from verified)
        except JWTGuardError:
            raise
        except Exception as error:  # noqa: BLE001 - as in `begin`
            unforeseen = type(error).__name__
        raise _unforeseen(unforeseen)

    def takes_as_opaque(self, text: str) -> bool:
        """Whether `text` is short enough to look at and has not the form of a JWS (RFC 7515 §7.1)."""
        return isinstance(text, str) and len(text) <= self._max_token_bytes and not has_jws_form(text)

    def policy_of(self, claims: Mapping[str, Any]) -> Policy:
        """The policy for the issuer that `claims` name; raises `InvalidTokenError` for one that nobody trusts."""
        issuer = claims.get("iss", NO_ISSUER)
        if isinstance(issuer, str) or issuer is NO_ISSUER:
            policy = self._by_issuer.get(issuer)
            if policy is not None:
                return policy
        if isinstance(issuer, str):
            for pattern, policy in self._patterns:
                if pattern.matches(issuer):
                    return policy
        raise InvalidTokenError("iss")


def _unforeseen(name: str, refused: Callable[[JWTGuardError], object] | None = None) -> InvalidTokenError:
    """For an error of this name; the error itself may quote the token."""
    logger.error("token refused: unforeseen %s while verifying", name, extra=log_fields("unforeseen", reason=name))
    error = InvalidTokenError("unforeseen")
    if refused is not None:
        refused(error)
    return error


# A key source that breaks is an outage, not the caller's fault: 503, since a 401 would log users out.


def _current_keys(policy: Policy) -> JWKSet | None:
    try:
        return policy.keys.current()
    except JWTGuardError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        unforeseen = error
    raise _broken(unforeseen)


def _refreshed_keys(policy: Policy, kid: str | None) -> Steps[JWKSet]:
    try:
        keys: object = yield from policy.keys.refreshed(kid)
    except JWTGuardError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        unforeseen = error
    else:
        if isinstance(keys, JWKSet):
            return keys
        unforeseen = TypeError(f"refreshed() of a KeySource gives a JWKSet, not {type(keys).__name__}")
    raise _broken(unforeseen)


def _broken(unforeseen: Exception) -> UnavailableError:
    name = type(unforeseen).__name__
    logger.error(
        "keys unavailable: unforeseen %s from the key source", name, extra=log_fields("unforeseen", reason=name)
    )
    return UnavailableError("keys")
