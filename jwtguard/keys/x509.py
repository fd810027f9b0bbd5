"""Keys published as certificates: a JSON object that maps each `kid` to a certificate in PEM form, as Google does.

>>> keys = X509Keys("https://issuer.example/certificates", algorithms=["RS256"])
>>> keys.available  # nothing was fetched yet
False

When it is fetched, who waits and what is answered meanwhile stands in `fetched_keys.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Unpack

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import Steps
from jwtguard.core.jwk import VerificationKey
from jwtguard.core.jwk_set import JWKSet
from jwtguard.keys.fetched_keys import Fetched, FetchedKeys, FetchSettings, fingerprint, lifetime_of
from jwtguard.keys.fetching import FetchError, FetchResponse, check_url
from jwtguard.keys.remote import MAX_KEYS, fetched_object


class X509Keys(FetchedKeys):
    """The public keys of the certificates at `url`.

    Certificates name no algorithm, so each of `algorithms` that fits a key's type is taken; name one. Their dates and
    chains are not checked: the connection says who published them. The settings are those of `FetchSettings`.
    """

    def __init__(self, url: str, *, algorithms: Iterable[str] = ("RS256",), **settings: Unpack[FetchSettings]) -> None:
        super().__init__(url, algorithms=algorithms, **settings)

    def _check_address(self, address: str, *, allow_http_loopback: bool) -> None:
        check_url(address, allow_http_loopback=allow_http_loopback)

    def _fetching(self, fetch: Callable[[str], Steps[FetchResponse]]) -> Steps[Fetched]:
        url = self._address
        response = yield from fetch(url)
        certificates = fetched_object(response, url)
        if len(certificates) > MAX_KEYS:
            raise FetchError(f"{url} has {len(certificates)} certificates, and at most {MAX_KEYS} are accepted")
        keys = [
            key
            for kid, certificate in certificates.items()
            for algorithm in self.algorithms
            if (key := _key_of(kid, certificate, algorithm)) is not None
        ]
        if not keys:
            raise FetchError(f"{url} has no usable certificate")
        return Fetched(
            keys=JWKSet(keys), lifetime=lifetime_of(response.headers), sha256=fingerprint(url.encode(), response.body)
        )


def _key_of(kid: str, certificate: object, algorithm: str) -> VerificationKey | None:
    if not isinstance(certificate, str):
        return None
    try:
        return VerificationKey.from_x509(certificate, algorithm=algorithm, kid=kid)
    except ConfigurationError:
        return None  # It does not fit the algorithm, or is weak or broken: the others serve.
