"""From one process to ten thousand, by discrete events: what many small caches do to a store and to an issuer.

`python3 -m benchmarks.simulation` prints the tables of docs/scale.md. Nothing but the standard library is needed, and
the seed is fixed, so the figures are the same on every machine. The models are those of
`jwtguard.core.sessions.revocation`, `jwtguard.key_sources.cached` and `jwtguard.core.tokens.verifier`; a test runs the
first beside the real thing.
"""
