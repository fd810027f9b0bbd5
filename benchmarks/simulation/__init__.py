"""From one process to ten thousand, by discrete events: what many small caches do to a store and to an issuer.

`python3 -m benchmarks.simulation` prints the tables of docs/scale.md. Nothing but the standard library is needed, and
the seed is fixed, so the figures are the same on every machine. The models are those of `jwtguard.core.revocation`,
`jwtguard.keys.fetched_keys` and `jwtguard.core.verification`; a test runs the first beside the real thing.
"""
