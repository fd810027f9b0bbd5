"""Signing keys that are replaced while a server runs, and the files that hold them."""
