"""A JWK Set at a URL (RFC 7517 §5), fetched when it is needed and kept through outages.

>>> keys = RemoteJWKSet("https://issuer.example/jwks.json", algorithms=["RS256"])
>>> keys.stale  # nothing was fetched yet
True
>>> from jwtguard import Guard
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=keys)

When it is fetched, who waits and what is answered meanwhile stands in `cached.py`; here, what is in the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Unpack

from jwtguard.core.errors import ConfigurationError, MalformedTokenError
from jwtguard.core.events import quoted
from jwtguard.core.flow import Steps
from jwtguard.core.tokens.encoding import parse_object
from jwtguard.core.tokens.jwk_set import FetchedJWKSet, SkippedKey
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.core.validation import Problems
from jwtguard.key_sources.cached import FetchedKeys
from jwtguard.key_sources.documents import Fetch, Fetched, FetchSettings, fingerprint, lifetime_of
from jwtguard.key_sources.entries import ExcludedKeyError, could_sign, keys_of_entry
from jwtguard.key_sources.http_client import FetchError, FetchResponse, check_url

MAX_KEYS = 100
"""Entries of a set; real ones have a handful."""


class RemoteJWKSet(FetchedKeys):
    """The JWK Set at `url`, for the `keys` of a guard or of a `TrustedIssuer`.

    `algorithms` are the `alg` values that its keys may be for: all with public keys by default. A key without `alg`
    serves those of them that fit its type. Keys are told apart by `kid` and `alg`. Entries that are of no use
    (encryption keys, unknown types, weak keys, shared secrets) are skipped and the rest serve; those that could have
    signed tokens are told in the log and in `skipped`. `use` is what the entries must say of themselves: `sig`, or
    nothing; with `jwt-svid` exactly that (SPIFFE Trust Domain and Bundle §4.2.2). The settings are those of
    `FetchSettings`. Makes no request when it is made; raises `ConfigurationError` for an address that is not https.
    """

    def __init__(
        self,
        url: str,
        *,
        algorithms: Iterable[str] | None = None,
        use: Literal["sig", "jwt-svid"] = "sig",
        **settings: Unpack[FetchSettings],
    ) -> None:
        self._use = use
        super().__init__(url, algorithms=algorithms, **settings)

    def _check_address(self, address: str) -> None:
        problems = Problems()
        problems.of(lambda: check_url(address, self._http))
        if self._use not in {"sig", "jwt-svid"}:
            problems.append(f'use is "sig" or "jwt-svid", found {self._use!r}')
        problems.raise_all()

    def _fetching(self, fetch: Fetch) -> Steps[Fetched]:
        response = yield from fetch(self._address, self._address)
        return fetched_set(response, self.algorithms, self._address, use=self._use)


def fetched_set(response: FetchResponse, algorithms: tuple[str, ...], name: str, *, use: str = "sig") -> Fetched:
    """The usable keys of a fetched document, which messages call `name`.

    Raises `FetchError` if it is malformed or has none.
    """
    entries = fetched_object(response, name).get("keys")
    if not isinstance(entries, list):
        raise FetchError(f'{name} is no JWK Set: {{"keys": [...]}} (RFC 7517 §5)')
    if len(entries) > MAX_KEYS:
        raise FetchError(f"{name} has {len(entries)} keys, and at most {MAX_KEYS} are accepted")
    usable: list[VerificationKey] = []
    skipped: list[SkippedKey] = []
    problems = Problems()
    for number, entry in enumerate(entries, 1):
        try:
            usable += keys_of_entry(entry, algorithms, use=use)
        except ConfigurationError as error:
            problems.append(f"key {number}: {error.detail}")
            if could_sign(entry):
                kid = entry.get("kid") or None
                skipped.append(
                    SkippedKey(
                        kid=None if kid is None else quoted(kid),
                        reason=error.detail,
                        is_excluded=isinstance(error, ExcludedKeyError),
                    )
                )
    if not usable:
        raise FetchError(f"{name} has no usable key ({'; '.join(problems[:3]) or 'it is empty'})")
    return Fetched(
        keys=FetchedJWKSet(usable, address=name),
        lifetime=lifetime_of(response.headers),
        sha256=fingerprint(name.encode(), response.body),
        skipped=tuple(skipped),
    )


def fetched_object(response: FetchResponse, name: str) -> Mapping[str, Any]:
    """The JSON object that was fetched; raises `FetchError` for anything else, HTML for example."""
    try:
        return parse_object(response.body)
    except MalformedTokenError:
        pass  # Its words are about tokens.
    looks = ": it looks compressed, and has no Content-Encoding" if response.body[:2] == b"\x1f\x8b" else ""
    raise FetchError(f"{name} sent something that is not a JSON object{looks}")
