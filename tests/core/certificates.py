"""X.509 certificates for the tests."""

from __future__ import annotations

import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.core.keys import signing_key

LONG_GONE = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)


def certificate(
    algorithm: str, encoding: Encoding, *, key: Any = None, not_after: datetime.datetime = LONG_GONE
) -> bytes:
    """A certificate for the key of `algorithm`, signed with an EC key; its dates are long gone."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer.example")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key or signing_key(algorithm)._key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(not_after)
    )
    return builder.sign(signing_key("ES256")._key, hashes.SHA256()).public_bytes(encoding)
