"""Tokens: their encoding, keys, verification and issuing."""
