"""Which issuers are trusted, and on what terms: several issuers, tenants, introspection of opaque tokens.

The rule of this folder: it imports `jwtguard.core`, `jwtguard.key_sources` and itself.
"""
