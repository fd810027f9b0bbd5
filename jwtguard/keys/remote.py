"""A JWK Set at a URL (RFC 7517 §5), fetched when it is needed and kept through outages.

>>> keys = RemoteJWKSet("https://issuer.example/jwks.json", algorithms=["RS256"])
>>> keys.stale  # nothing was fetched yet
True
>>> from jwtguard import Guard
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=keys)

When it is fetched, who waits and what is answered meanwhile stands in `fetched_keys.py`; here, what is in the document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Unpack

from jwtguard.core.errors import ConfigurationError, MalformedTokenError
from jwtguard.core.flow import Steps
from jwtguard.core.jose import parse_object
from jwtguard.core.jwk import VerificationKey, candidate_algorithms
from jwtguard.core.jwk_set import JWKSet
from jwtguard.keys.fetched_keys import Fetched, FetchedKeys, FetchSettings, fingerprint, lifetime_of
from jwtguard.keys.fetching import FetchError, FetchResponse, check_url

MAX_KEYS = 100
"""Entries of a set; real ones have a handful."""


class RemoteJWKSet(FetchedKeys):
    """The JWK Set at `url`, for the `keys` of a guard or of a `TrustedIssuer`.

    `algorithms` are the `alg` values that its keys may be for: all with public keys by default. A key without `alg`
    serves those of them that fit its type. Entries that are of no use (encryption keys, unknown types, weak keys,
    shared secrets, a `kid` given twice) are skipped and the rest serve. The settings are those of `FetchSettings`.
    Makes no request when it is made; raises `ConfigurationError` for an address that is not https.
    """

    def __init__(self, url: str, *, algorithms: Iterable[str] | None = None, **settings: Unpack[FetchSettings]) -> None:
        super().__init__(url, algorithms=algorithms, **settings)

    def _check_address(self, address: str, *, allow_http_loopback: bool) -> None:
        check_url(address, allow_http_loopback=allow_http_loopback)

    def _fetching(self, fetch: Callable[[str], Steps[FetchResponse]]) -> Steps[Fetched]:
        response = yield from fetch(self._address)
        return fetched_set(response, self.algorithms, self._address)


def fetched_set(response: FetchResponse, algorithms: tuple[str, ...], url: str) -> Fetched:
    """The usable keys of a fetched document; raises `FetchError` if it is malformed or has none."""
    entries = fetched_object(response, url).get("keys")
    if not isinstance(entries, list):
        raise FetchError(f'{url} is no JWK Set: {{"keys": [...]}} (RFC 7517 §5)')
    if len(entries) > MAX_KEYS:
        raise FetchError(f"{url} has {len(entries)} keys, and at most {MAX_KEYS} are accepted")
    usable, problems = [], []
    for index, entry in enumerate(entries):
        try:
            usable.append(_keys_of(entry, algorithms))
        except ConfigurationError as error:
            problems.append(f"key {index + 1}: {error.detail[:200]}")
    # Which of two the provider means, nobody can tell.
    kids = Counter(keys[0].kid for keys in usable if keys[0].kid is not None)
    unique = [key for keys in usable for key in keys if kids.get(keys[0].kid or "", 1) == 1]
    problems += [f"{count} keys have the kid {kid!r}" for kid, count in kids.items() if count > 1]
    if not unique:
        raise FetchError(f"{url} has no usable key ({'; '.join(problems[:3]) or 'it is empty'})")
    return Fetched(
        keys=JWKSet(unique), lifetime=lifetime_of(response.headers), sha256=fingerprint(url.encode(), response.body)
    )


def fetched_object(response: FetchResponse, url: str) -> Mapping[str, Any]:
    """The JSON object that was fetched; raises `FetchError` for anything else, HTML for example."""
    try:
        return parse_object(response.body)
    except MalformedTokenError:
        pass  # Its words are about tokens.
    raise FetchError(f"{url} sent something that is not a JSON object")


def _keys_of(entry: Any, algorithms: tuple[str, ...]) -> list[VerificationKey]:  # noqa: ANN401 - until it is read
    """One entry as keys, one for each algorithm that it may be for: several only if it names none itself."""
    if not isinstance(entry, Mapping):
        raise ConfigurationError("it is no object")
    candidates = candidate_algorithms(entry, algorithms)
    stated = entry.get("alg")
    if not candidates or (stated not in candidates and stated is not None and entry.get("kty") != "OKP"):
        raise ConfigurationError("neither its type nor its alg is among the algorithms that are allowed")
    if "alg" in entry:
        return [VerificationKey.from_jwk(entry)]
    # A key of an Edwards curve goes by both of its names anyway (RFC 9864).
    chosen = candidates[:1] if entry.get("kty") == "OKP" else candidates
    return [VerificationKey.from_jwk(entry, algorithm=algorithm) for algorithm in chosen]
