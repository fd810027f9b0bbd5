"""Checking signatures with one key: PyJWT's `Algorithm.verify`, with all made once that it makes at each call.

>>> import hashlib, hmac
>>> secret = b"not a secret, only an example!!!"
>>> check = signature_check(secret, kty="oct", digest=hashes.SHA256())
>>> check(hmac.digest(secret, b"header.payload", "sha256"), b"header.payload")

A request is mostly this. The hash of what is signed is worked out by `hashlib`, which hashes the token as well, and the
primitives are given that: to look up a second library's hash takes 0.5 µs, and some 4 behind a web framework, whose own
code has driven that library out of the caches.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

SignatureCheck: TypeAlias = Callable[[bytes, bytes], object]
"""Of a signature, whose length is right, and what it should cover; raises `InvalidSignature`."""
_Hash: TypeAlias = Callable[..., Any]
"""One of `hashlib`'s, whose objects have no public type."""

# The order of each curve's group: a signature's r and s lie in 1 … n-1 (FIPS 186-5 §6.4.2).
_GROUP_ORDERS: dict[str, int] = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "secp521r1": int("1" + "F" * 65 + "A51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409", 16),
}
# What stands before the hash in a DigestInfo (RFC 8017 §9.2, note 1): one spelling each.
_DIGEST_INFO: dict[str, bytes] = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


def signature_check(
    key: Any,  # noqa: ANN401 - bytes, or one of cryptography's key objects, which have no type in common
    *,
    kty: str,
    digest: hashes.HashAlgorithm | None,
    is_pss: bool = False,
) -> SignatureCheck:
    """The check for a key of type `kty`; `digest` is None where the algorithm has its own (EdDSA)."""
    if digest is None:
        eddsa: SignatureCheck = key.verify
        return eddsa
    hash_of: _Hash = getattr(hashlib, digest.name)
    if kty == "oct":
        return hmac_check(key, hash_of)
    if kty == "EC":
        return ecdsa_check(key, digest, hash_of)
    if not is_pss:
        return _pkcs1_check(key, _DIGEST_INFO[digest.name], hash_of)
    # RFC 7518 §3.5: the salt is as long as the hash, and MGF1 uses that hash too.
    pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
    prehashed = Prehashed(digest)
    return lambda signature, signing_input: key.verify(signature, hash_of(signing_input).digest(), pss, prehashed)


def hmac_check(key: bytes, hash_of: _Hash) -> SignatureCheck:
    """HMAC (RFC 2104 §2), whose two hashes have read the key already, so that a check copies them.

    The `hmac` module offers the same with three more Python calls for each, or from the start each time.
    """
    size = hash_of().block_size
    block = (hash_of(key).digest() if len(key) > size else key).ljust(size, b"\0")
    inner, outer = hash_of(block.translate(_INNER_PAD)), hash_of(block.translate(_OUTER_PAD))

    def check(signature: bytes, signing_input: bytes) -> None:
        text, mac = inner.copy(), outer.copy()
        text.update(signing_input)
        mac.update(text.digest())
        if not hmac.compare_digest(mac.digest(), signature):  # In constant time.
            raise InvalidSignature

    return check


def _pkcs1_check(key: rsa.RSAPublicKey, digest_info: bytes, hash_of: _Hash) -> SignatureCheck:
    """RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2): the encoded message is compared, never parsed.

    The primitive gives what the signature covers, with the padding checked, and only one text can be right: to have it
    compare by itself takes 1 µs more, and some 6 behind a web framework, since it looks up the hash again to do so.
    """
    recover, pkcs1 = key.recover_data_from_signature, padding.PKCS1v15()

    def check(signature: bytes, signing_input: bytes) -> None:
        if recover(signature, pkcs1, None) != digest_info + hash_of(signing_input).digest():
            raise InvalidSignature

    return check


def ecdsa_check(key: ec.EllipticCurvePublicKey, digest: hashes.HashAlgorithm, hash_of: _Hash) -> SignatureCheck:
    """ECDSA, of whose signatures, of the right length, r and s must be in range (FIPS 186-5 §6.4.2).

    They are written for the primitive here (RFC 3279 §2.2.3), without being made numbers on the way, as the library's
    function has them: 0.5 µs in place of 1.1, and behind a web framework some 5 less.
    """
    half = (key.key_size + 7) // 8
    zero, order = bytes(half), _GROUP_ORDERS[key.curve.name].to_bytes(half, "big")
    scheme = ec.ECDSA(Prehashed(digest))

    def check(signature: bytes, signing_input: bytes) -> None:
        r, s = signature[:half], signature[half:]
        # Bytes of one length compare as the numbers that they write.
        if not (zero < r < order and zero < s < order):
            raise InvalidSignature
        # An INTEGER is as short as it can be, and without a sign bit (X.690 §8.3).
        r, s = r.lstrip(b"\0"), s.lstrip(b"\0")
        if r[0] > 127:
            r = b"\0" + r
        if s[0] > 127:
            s = b"\0" + s
        length = len(r) + len(s) + 4
        sequence = b"0%c\x02%c%b\x02%c%b" if length < 128 else b"0\x81%c\x02%c%b\x02%c%b"
        key.verify(sequence % (length, len(r), r, len(s), s), hash_of(signing_input).digest(), scheme)

    return check
