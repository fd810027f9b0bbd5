"""Sessions: refresh tokens, their rotation, and revocation."""
