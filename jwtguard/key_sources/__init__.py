"""Verification keys from elsewhere: remote JWK Sets, OpenID discovery, X.509 files."""
