"""The core: it decides, and touches nothing.

The rule of this folder: no input or output, no framework, no clock of its own. Time, randomness and whatever must be
fetched come in as parameters or are asked for through `jwtguard.core.flow`. It imports the standard library, itself,
and, in `jwk.py` and `signatures.py` alone, PyJWT and cryptography. `tests/test_imports.py` holds it to that.
"""

import typing

if typing.TYPE_CHECKING:
    from jwtguard.core.access.rules import Rules as Rules
    from jwtguard.core.sessions.revocation import SessionRevocation as SessionRevocation
    from jwtguard.core.sessions.sessions import Sessions as Sessions
else:
    from jwtguard.core.lazy import lazy_names as _lazy_names

    __getattr__, __dir__ = _lazy_names(
        __name__,
        {
            "jwtguard.core.sessions.revocation": ["SessionRevocation"],
            "jwtguard.core.access.rules": ["Rules"],
            "jwtguard.core.sessions.sessions": ["Sessions"],
        },
    )
