"""Where keys come from at run time: remote JWK Sets, OpenID discovery, several issuers, introspection, directories.

The rule of this folder: it imports `jwtguard.core` and itself. What is slow to import (asyncio, urllib, ssl) is
imported where it is first used, and a module of this folder by who uses it.
"""

import typing

if typing.TYPE_CHECKING:
    from jwtguard.trust.introspection import Introspection as Introspection
    from jwtguard.trust.trusted_issuer import TrustedIssuer as TrustedIssuer
else:
    from jwtguard.core.lazy import lazy_names as _lazy_names

    __getattr__, __dir__ = _lazy_names(
        __name__,
        {
            "jwtguard.trust.introspection": ["Introspection"],
            "jwtguard.trust.trusted_issuer": ["TrustedIssuer"],
        },
    )
