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
    from jwtguard.core.authorization import Requirement as Requirement
    from jwtguard.core.authorization import authenticated as authenticated
    from jwtguard.core.authorization import denied as denied
    from jwtguard.core.authorization import fresh as fresh
    from jwtguard.core.authorization import has_permission as has_permission
    from jwtguard.core.authorization import has_role as has_role
    from jwtguard.core.authorization import has_scope as has_scope
    from jwtguard.core.authorization import optional as optional
    from jwtguard.core.authorization import optional_lenient as optional_lenient
    from jwtguard.core.authorization import predicate as predicate
    from jwtguard.core.authorization import public as public
    from jwtguard.core.cookies import TokenCookie as TokenCookie
    from jwtguard.core.csrf import CSRF as CSRF
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
    from jwtguard.core.events import fan_out as fan_out
    from jwtguard.core.extraction import AuthorizationHeader as AuthorizationHeader
    from jwtguard.core.extraction import TokenHeader as TokenHeader
    from jwtguard.core.extraction import TokenQuery as TokenQuery
    from jwtguard.core.extraction import TokenSubprotocol as TokenSubprotocol
    from jwtguard.core.grants import Grants as Grants
    from jwtguard.core.grants import TokenResponse as TokenResponse
    from jwtguard.core.http import HTTPAnswer as HTTPAnswer
    from jwtguard.core.http import HTTPRequest as HTTPRequest
    from jwtguard.core.issuance import TokenIssuer as TokenIssuer
    from jwtguard.core.jwk import SigningKey as SigningKey
    from jwtguard.core.jwk import VerificationKey as VerificationKey
    from jwtguard.core.jwk_set import JWKSet as JWKSet
    from jwtguard.core.jwk_set import LocalJWKSet as LocalJWKSet
    from jwtguard.core.kind import TokenKind as TokenKind
    from jwtguard.core.principal import ClaimPath as ClaimPath
    from jwtguard.core.principal import ClaimsMapping as ClaimsMapping
    from jwtguard.core.principal import Principal as Principal
    from jwtguard.core.revocation import SessionRevocation as SessionRevocation
    from jwtguard.core.rules import Rule as Rule
    from jwtguard.core.rules import Rules as Rules
    from jwtguard.core.session_events import SessionEvent as SessionEvent
    from jwtguard.core.session_store import Session as Session
    from jwtguard.core.session_store import SessionStore as SessionStore
    from jwtguard.core.sessions import Sessions as Sessions
    from jwtguard.core.unchecked import UNCHECKED as UNCHECKED
    from jwtguard.core.verification import VerifiedToken as VerifiedToken
    from jwtguard.guard import Guard as Guard
    from jwtguard.keys.fetching import FetchRequest as FetchRequest
    from jwtguard.keys.fetching import FetchResponse as FetchResponse
    from jwtguard.keys.introspection import Introspection as Introspection
    from jwtguard.keys.issuers import TrustedIssuer as TrustedIssuer
    from jwtguard.keys.openid import OpenIDProvider as OpenIDProvider
    from jwtguard.keys.remote import RemoteJWKSet as RemoteJWKSet
    from jwtguard.keys.signing_keys import SigningKeys as SigningKeys
    from jwtguard.keys.x509 import X509Keys as X509Keys
else:
    from jwtguard.core.lazy import lazy_names as _lazy_names

    __getattr__, __dir__ = _lazy_names(
        __name__,
        {
            "jwtguard.core.authorization": [
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
            "jwtguard.core.cookies": ["TokenCookie"],
            "jwtguard.core.csrf": ["CSRF"],
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
            "jwtguard.core.events": ["Event", "fan_out"],
            "jwtguard.core.extraction": ["AuthorizationHeader", "TokenHeader", "TokenQuery", "TokenSubprotocol"],
            "jwtguard.core.grants": ["Grants", "TokenResponse"],
            "jwtguard.core.http": ["HTTPAnswer", "HTTPRequest"],
            "jwtguard.core.issuance": ["TokenIssuer"],
            "jwtguard.core.jwk": ["SigningKey", "VerificationKey"],
            "jwtguard.core.jwk_set": ["JWKSet", "LocalJWKSet"],
            "jwtguard.core.kind": ["TokenKind"],
            "jwtguard.core.principal": ["ClaimPath", "ClaimsMapping", "Principal"],
            "jwtguard.core.revocation": ["SessionRevocation"],
            "jwtguard.core.rules": ["Rule", "Rules"],
            "jwtguard.core.session_events": ["SessionEvent"],
            "jwtguard.core.session_store": ["Session", "SessionStore"],
            "jwtguard.core.sessions": ["Sessions"],
            "jwtguard.core.unchecked": ["UNCHECKED"],
            "jwtguard.core.verification": ["VerifiedToken"],
            "jwtguard.guard": ["Guard"],
            "jwtguard.keys.fetching": ["FetchRequest", "FetchResponse"],
            "jwtguard.keys.introspection": ["Introspection"],
            "jwtguard.keys.issuers": ["TrustedIssuer"],
            "jwtguard.keys.openid": ["OpenIDProvider"],
            "jwtguard.keys.remote": ["RemoteJWKSet"],
            "jwtguard.keys.signing_keys": ["SigningKeys"],
            "jwtguard.keys.x509": ["X509Keys"],
        },
    )
