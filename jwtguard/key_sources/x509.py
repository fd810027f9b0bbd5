"""Keys published as certificates: a JSON object that maps each `kid` to a certificate in PEM form, as Google does.

>>> keys = X509Keys("https://issuer.example/certificates", algorithms=["RS256"])
>>> keys.available  # nothing was fetched yet
False

When it is fetched, who waits and what is answered meanwhile stands in `cached.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Unpack

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.events import quoted
from jwtguard.core.flow import Steps
from jwtguard.core.tokens.jwk_set import FetchedJWKSet, SkippedKey
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.key_sources.cached import FetchedKeys
from jwtguard.key_sources.documents import Fetch, Fetched, FetchSettings, fingerprint, lifetime_of
from jwtguard.key_sources.http_client import FetchError, check_url
from jwtguard.key_sources.remote_jwk_set import MAX_KEYS, fetched_object


class X509Keys(FetchedKeys):
    """The public keys of the certificates at `url`.

    Certificates name no algorithm, so each of `algorithms` that fits a key's type is taken; name one. Their dates and
    chains are not checked: the connection says who published them. The settings are those of `FetchSettings`.
    """

    def __init__(self, url: str, *, algorithms: Iterable[str] = ("RS256",), **settings: Unpack[FetchSettings]) -> None:
        super().__init__(url, algorithms=algorithms, **settings)

    def _check_address(self, address: str) -> None:
        check_url(address, self._http)

    def _fetching(self, fetch: Fetch) -> Steps[Fetched]:
        url = self._address
        response = yield from fetch(url, url)
        certificates = fetched_object(response, url)
        if len(certificates) > MAX_KEYS:
            raise FetchError(f"{url} has {len(certificates)} certificates, and at most {MAX_KEYS} are accepted")
        keys: list[VerificationKey] = []
        skipped: list[SkippedKey] = []
        for kid, certificate in certificates.items():
            try:
                keys += _keys_of(kid, certificate, self.algorithms)
            except ConfigurationError as error:
                skipped.append(SkippedKey(kid=quoted(kid), reason=error.detail))
        if not keys:
            raise FetchError(f"{url} has no usable certificate ({'; '.join(map(str, skipped[:3])) or 'it is empty'})")
        return Fetched(
            keys=FetchedJWKSet(keys, address=url),
            lifetime=lifetime_of(response.headers),
            sha256=fingerprint(url.encode(), response.body),
            skipped=tuple(skipped),
        )


def _keys_of(kid: str, certificate: object, algorithms: Iterable[str]) -> list[VerificationKey]:
    """The key of a certificate, once for each algorithm that it fits; raises `ConfigurationError` if it fits none."""
    if not isinstance(certificate, str):
        raise ConfigurationError("it is no certificate")
    found: list[VerificationKey] = []
    problem = ""
    for algorithm in algorithms:
        try:
            # An empty kid is no name, as in a JWK.
            found.append(VerificationKey.from_x509(certificate, algorithm=algorithm, kid=kid or None))
        except ConfigurationError as error:
            problem = error.detail
    if not found:
        raise ConfigurationError(problem)
    return found
