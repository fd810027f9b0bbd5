"""JSON Web Tokens at the door of a web application: find, verify, authorize.

>>> from jwtguard import Guard, SigningKey, TokenIssuer
>>> key = SigningKey.generate("ES256", kid="2026-11")
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example", audience="https://api.example", client_id="web", signing_keys=[key]
... )
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> token = guard.verify(issuer.access_token("user-1", roles=["admin"])).run()  # or: await guard.verify(...)
>>> guard.principal_of(token).roles
frozenset({'admin'})

The adapters are `jwtguard.flask`, `jwtguard.asgi`, `jwtguard.fastapi` and `jwtguard.django`.

PYTEST_DONT_REWRITE: a word for pytest, which else warns programs that import this package before they run their tests.
"""

import typing

if typing.TYPE_CHECKING:
    from jwtguard.core.access.delegation import acted_by as acted_by
    from jwtguard.core.access.delegation import not_delegated as not_delegated
    from jwtguard.core.access.requirements import Requirement as Requirement
    from jwtguard.core.access.requirements import authenticated as authenticated
    from jwtguard.core.access.requirements import denied as denied
    from jwtguard.core.access.requirements import fresh as fresh
    from jwtguard.core.access.requirements import has_permission as has_permission
    from jwtguard.core.access.requirements import has_role as has_role
    from jwtguard.core.access.requirements import has_scope as has_scope
    from jwtguard.core.access.requirements import optional as optional
    from jwtguard.core.access.requirements import optional_lenient as optional_lenient
    from jwtguard.core.access.requirements import predicate as predicate
    from jwtguard.core.access.requirements import public as public
    from jwtguard.core.access.rules import Rule as Rule
    from jwtguard.core.access.rules import Rules as Rules
    from jwtguard.core.errors import AccessDeniedError as AccessDeniedError
    from jwtguard.core.errors import AmbiguousPathError as AmbiguousPathError
    from jwtguard.core.errors import ConfigurationError as ConfigurationError
    from jwtguard.core.errors import CSRFError as CSRFError
    from jwtguard.core.errors import InsufficientScopeError as InsufficientScopeError
    from jwtguard.core.errors import InsufficientUserAuthenticationError as InsufficientUserAuthenticationError
    from jwtguard.core.errors import InvalidGrantError as InvalidGrantError
    from jwtguard.core.errors import InvalidRequestError as InvalidRequestError
    from jwtguard.core.errors import InvalidTokenError as InvalidTokenError
    from jwtguard.core.errors import JWTGuardError as JWTGuardError
    from jwtguard.core.errors import LoginFailedError as LoginFailedError
    from jwtguard.core.errors import MalformedTokenError as MalformedTokenError
    from jwtguard.core.errors import MissingTokenError as MissingTokenError
    from jwtguard.core.errors import TooManyRequestsError as TooManyRequestsError
    from jwtguard.core.errors import UnavailableError as UnavailableError
    from jwtguard.core.events import Event as Event
    from jwtguard.core.events import SessionEvent as SessionEvent
    from jwtguard.core.events import fan_out as fan_out
    from jwtguard.core.http.cookies import TokenCookie as TokenCookie
    from jwtguard.core.http.csrf import CSRF as CSRF
    from jwtguard.core.http.resource_metadata import ResourceMetadata as ResourceMetadata
    from jwtguard.core.http.response import HTTPRequest as HTTPRequest
    from jwtguard.core.http.response import HTTPResponse as HTTPResponse
    from jwtguard.core.http.token_sources import AuthorizationHeader as AuthorizationHeader
    from jwtguard.core.http.token_sources import TokenHeader as TokenHeader
    from jwtguard.core.http.token_sources import TokenQuery as TokenQuery
    from jwtguard.core.http.token_sources import TokenSubprotocol as TokenSubprotocol
    from jwtguard.core.sessions.grants import Grants as Grants
    from jwtguard.core.sessions.grants import TokenResponse as TokenResponse
    from jwtguard.core.sessions.revocation import SessionRevocation as SessionRevocation
    from jwtguard.core.sessions.sessions import Sessions as Sessions
    from jwtguard.core.sessions.store_protocol import Session as Session
    from jwtguard.core.sessions.store_protocol import SessionStore as SessionStore
    from jwtguard.core.tokens.actor import Actor as Actor
    from jwtguard.core.tokens.jwk_set import JWKSet as JWKSet
    from jwtguard.core.tokens.jwk_set import LocalJWKSet as LocalJWKSet
    from jwtguard.core.tokens.keys import SigningKey as SigningKey
    from jwtguard.core.tokens.keys import VerificationKey as VerificationKey
    from jwtguard.core.tokens.principal import ClaimPath as ClaimPath
    from jwtguard.core.tokens.principal import ClaimsMapping as ClaimsMapping
    from jwtguard.core.tokens.principal import Principal as Principal
    from jwtguard.core.tokens.sentinels import UNCHECKED as UNCHECKED
    from jwtguard.core.tokens.token_kind import TokenKind as TokenKind
    from jwtguard.core.tokens.verifier import VerifiedToken as VerifiedToken
    from jwtguard.guard import Guard as Guard
    from jwtguard.key_rotation.signing_keys import SigningKeys as SigningKeys
    from jwtguard.key_sources.http_client import FetchRequest as FetchRequest
    from jwtguard.key_sources.http_client import FetchResponse as FetchResponse
    from jwtguard.key_sources.openid_discovery import OpenIDProvider as OpenIDProvider
    from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet as RemoteJWKSet
    from jwtguard.key_sources.x509 import X509Keys as X509Keys
    from jwtguard.token_issuer import TokenIssuer as TokenIssuer
    from jwtguard.trust.introspection import Introspection as Introspection
    from jwtguard.trust.trusted_issuer import TrustedIssuer as TrustedIssuer
else:
    import importlib as _importlib
    import sys as _sys

    # Importing the package costs nothing: each name is loaded at its first use (PEP 562).
    _MODULES = {
        "jwtguard.core.access.requirements": [
            "Requirement",
            "authenticated",
            "denied",
            "fresh",
            "has_permission",
            "has_role",
            "has_scope",
            "optional",
            "optional_lenient",
            "predicate",
            "public",
        ],
        "jwtguard.core.access.delegation": ["acted_by", "not_delegated"],
        "jwtguard.core.http.cookies": ["TokenCookie"],
        "jwtguard.core.http.csrf": ["CSRF"],
        "jwtguard.core.errors": [
            "AccessDeniedError",
            "AmbiguousPathError",
            "ConfigurationError",
            "CSRFError",
            "InsufficientScopeError",
            "InsufficientUserAuthenticationError",
            "InvalidGrantError",
            "InvalidRequestError",
            "InvalidTokenError",
            "JWTGuardError",
            "LoginFailedError",
            "MalformedTokenError",
            "MissingTokenError",
            "TooManyRequestsError",
            "UnavailableError",
        ],
        "jwtguard.core.events": ["Event", "fan_out", "SessionEvent"],
        "jwtguard.core.http.resource_metadata": ["ResourceMetadata"],
        "jwtguard.core.http.token_sources": [
            "AuthorizationHeader",
            "TokenHeader",
            "TokenQuery",
            "TokenSubprotocol",
        ],
        "jwtguard.core.sessions.grants": ["Grants", "TokenResponse"],
        "jwtguard.core.http.response": ["HTTPResponse", "HTTPRequest"],
        "jwtguard.core.tokens.actor": ["Actor"],
        "jwtguard.core.tokens.keys": ["SigningKey", "VerificationKey"],
        "jwtguard.core.tokens.jwk_set": ["JWKSet", "LocalJWKSet"],
        "jwtguard.core.tokens.token_kind": ["TokenKind"],
        "jwtguard.core.tokens.principal": ["ClaimPath", "ClaimsMapping", "Principal"],
        "jwtguard.core.sessions.revocation": ["SessionRevocation"],
        "jwtguard.core.access.rules": ["Rule", "Rules"],
        "jwtguard.core.sessions.store_protocol": ["Session", "SessionStore"],
        "jwtguard.core.sessions.sessions": ["Sessions"],
        "jwtguard.core.tokens.sentinels": ["UNCHECKED"],
        "jwtguard.core.tokens.verifier": ["VerifiedToken"],
        "jwtguard.guard": ["Guard"],
        "jwtguard.key_sources.http_client": ["FetchRequest", "FetchResponse"],
        "jwtguard.token_issuer": ["TokenIssuer"],
        "jwtguard.trust.introspection": ["Introspection"],
        "jwtguard.trust.trusted_issuer": ["TrustedIssuer"],
        "jwtguard.key_sources.openid_discovery": ["OpenIDProvider"],
        "jwtguard.key_sources.remote_jwk_set": ["RemoteJWKSet"],
        "jwtguard.key_rotation.signing_keys": ["SigningKeys"],
        "jwtguard.key_sources.x509": ["X509Keys"],
    }
    _HOMES = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name: str) -> object:
        if name == "__all__":
            return sorted(_HOMES)
        if name not in _HOMES:
            # With the name and the module, Python adds its "Did you mean".
            raise AttributeError(
                f"module {__name__!r} has no attribute {name!r}", name=name, obj=_sys.modules[__name__]
            )
        value = globals()[name] = getattr(_importlib.import_module(_HOMES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})
