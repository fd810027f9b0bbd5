"""The core: it decides, and touches nothing.

The rule of this folder: no input or output, no framework, no clock of its own. Time, randomness and whatever must be
fetched come in as parameters or are asked for through `jwtguard.core.flow`. It imports the standard library, itself,
and, in `jwk.py` and `jws.py` alone, PyJWT and cryptography. `tests/test_imports.py` holds it to that.
"""
