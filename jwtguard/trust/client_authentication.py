"""How a client of an authorization server proves who it is (OpenID Connect Core §9, RFC 7523 §2.2, RFC 8705 §2).

>>> from jwtguard.core.tokens.keys import SigningKey
>>> client = IntrospectionClient.of(
...     client_id="orders-api",
...     authentication="private_key_jwt",
...     signing_key=SigningKey.generate("ES256", kid="2026-11"),
...     default_audience="https://issuer.example/introspect",
... )
>>> sorted(client.proof(1_800_000_000).form)
['client_assertion', 'client_assertion_type']
"""

from __future__ import annotations

import json
import secrets
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Self, TypeAlias, get_args

from jwtguard.core.tokens.jws import sign
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.validation import Problems

AuthenticationMethod: TypeAlias = Literal[
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
]
"""The names of the registry (RFC 7591 §2, RFC 8705 §2.1.1 and §2.2.1)."""

ASSERTION_LIFETIME = 60
"""Seconds: an assertion is made for one request."""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a request carries that proves the client: parameters of its form, and header fields."""

    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionClient:
    """A client, with the one way in which it authenticates."""

    client_id: str
    authentication: AuthenticationMethod
    client_secret: str | None = field(default=None, repr=False)
    signing_key: SigningKey | None = None
    audience: str = ""

    @property
    def credentials(self) -> str:
        """What it shows, in words."""
        if self.authentication == "private_key_jwt":
            return "client_assertion"
        return "certificate" if self.client_secret is None else "client_secret"

    @classmethod
    def of(
        cls,
        *,
        client_id: str,
        authentication: AuthenticationMethod,
        client_secret: str | None = None,
        signing_key: SigningKey | None = None,
        assertion_audience: str | None = None,
        default_audience: str = "",
        has_certificate: bool = False,
    ) -> Self:
        """Read the arguments of `Introspection`; raises `ConfigurationError` with all problems."""
        problems = Problems()
        methods = get_args(AuthenticationMethod)
        if authentication not in methods:
            problems.append(f"authentication is one of {', '.join(methods)}: found {authentication!r}")
        if not isinstance(client_id, str) or not client_id:
            problems.append("client_id is a string that is not empty: the endpoint answers registered clients only")
        wants_secret = authentication in {"client_secret_basic", "client_secret_post"}
        wants_key = authentication == "private_key_jwt"
        if wants_secret and (not isinstance(client_secret, str) or not client_secret):
            problems.append(f"client_secret is a string that is not empty, for authentication={authentication!r}")
        if wants_key:
            problems += _problems_of_key(signing_key)
            if assertion_audience is not None and (not isinstance(assertion_audience, str) or not assertion_audience):
                problems.append("assertion_audience is the `aud` of the assertion, a string that is not empty")
        if authentication in methods:
            unused = {
                "client_secret": not wants_secret and client_secret is not None,
                "signing_key": not wants_key and signing_key is not None,
                "assertion_audience": not wants_key and assertion_audience is not None,
            }
            problems += [
                f"{name} changes nothing with authentication={authentication!r}: leave it out"
                for name, is_unused in unused.items()
                if is_unused
            ]
            if not wants_secret and not wants_key and not has_certificate:
                problems.append(
                    f"authentication={authentication!r} needs a client certificate: pass tls=context after"
                    " context.load_cert_chain(...), or a fetcher that has one"
                )
        problems.raise_all()
        return cls(
            client_id=client_id,
            authentication=authentication,
            client_secret=client_secret,
            signing_key=signing_key,
            audience=assertion_audience or default_audience,
        )

    def proof(self, now: float) -> Proof:
        """What a request at `now` carries, in seconds since the epoch; an assertion is new each time."""
        if self.authentication == "private_key_jwt":
            return Proof(form={"client_assertion_type": _ASSERTION_TYPE, "client_assertion": self._assertion(now)})
        if self.client_secret is None:
            # RFC 8705 §2: the certificate is the proof, and the server must know whose to look for.
            return Proof(form={"client_id": self.client_id})
        if self.authentication == "client_secret_post":
            return Proof(form={"client_id": self.client_id, "client_secret": self.client_secret})
        from urllib.parse import quote_plus  # noqa: PLC0415 - slow to import

        # RFC 6749 §2.3.1: each is form-encoded before they are joined.
        joined = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
        return Proof(headers={"Authorization": f"Basic {b64encode(joined.encode('ascii')).decode('ascii')}"})

    def _assertion(self, now: float) -> str:
        """RFC 7523 §3: issuer and subject are the client, `jti` serves once."""
        assert self.signing_key is not None  # noqa: S101 - for the type checker: `of` has seen to it
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.audience,
            "jti": secrets.token_urlsafe(24),
            "iat": int(now),
            "exp": int(now) + ASSERTION_LIFETIME,
        }
        return sign(json.dumps(claims).encode("ascii"), self.signing_key, header={"typ": "JWT"})


def _problems_of_key(signing_key: object) -> list[str]:
    if not isinstance(signing_key, SigningKey):
        found = type(signing_key).__name__
        return [f"signing_key is SigningKey.from_pem(...), for authentication='private_key_jwt': found {found}"]
    if signing_key.verification_key.is_symmetric:
        return ["signing_key has a private key, of an asymmetric algorithm, for authentication='private_key_jwt'"]
    return []
