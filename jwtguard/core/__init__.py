"""The core: the decisions, without input or output, without a framework, and without a clock of its own.

Time and randomness are parameters; what must be fetched is requested through `jwtguard.core.flow`. The core imports the
standard library and itself; only `tokens/algorithms.py`, `tokens/key_loading.py` and `tokens/keys.py` import PyJWT and
cryptography. `tests/test_imports.py` enforces this.
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
