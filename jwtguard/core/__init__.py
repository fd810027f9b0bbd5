"""The core: the decisions, without input or output, without a framework, and without a clock of its own.

Time and randomness are parameters; what must be fetched is requested through `jwtguard.core.flow`. The core imports the
standard library and itself; only `tokens/algorithms.py`, `tokens/key_loading.py` and `tokens/keys.py` import PyJWT and
cryptography. Inside it `sessions` may import `access`, `access` may import `http`, and `http` may import `tokens`.
`tests/test_imports.py` enforces this.
"""
