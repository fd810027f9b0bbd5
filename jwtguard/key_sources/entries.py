"""One entry of a fetched JWK Set: which keys it gives, and whether one that gives none could have signed tokens.

>>> entry = {"kty": "EC", "crv": "P-256", "kid": "2026-11", "use": "enc"}
>>> could_sign(entry), could_sign({**entry, "use": "sig"})
(False, True)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.events import quoted
from jwtguard.core.tokens.algorithms import ALGORITHMS, allow_list, candidate_algorithms, header_names
from jwtguard.core.tokens.keys import VerificationKey

PUBLIC_ALGORITHMS = tuple(sorted(name for name in ALGORITHMS if not name.startswith("HS")))
"""What fetched keys may be for, unless `algorithms` says less: all but shared secrets, which are never published."""
_OTHER_USES = frozenset({"enc", "x509-svid"})
_KEY_AGREEMENT = frozenset({"X25519", "X448"})  # RFC 8037 §3.2.
# The `alg` values of encryption (RFC 7518 §4.1, §5.1) begin like this.
_ENCRYPTION = ("RSA1_5", "RSA-OAEP", "ECDH-", "HPKE-", "PBES2-", "A128", "A192", "A256", "dir")


class ExcludedKeyError(ConfigurationError):
    """The key is for an algorithm that the allow-list leaves out."""


def public_algorithms(algorithms: Iterable[str] | None) -> tuple[str, ...]:
    """The algorithms that fetched keys may be for; raises `ConfigurationError` for shared secrets."""
    if algorithms is None:
        return PUBLIC_ALGORITHMS
    names = tuple(dict.fromkeys(allow_list(algorithms)))
    secret = [name for name in names if name not in PUBLIC_ALGORITHMS]
    if secret or not names:
        raise ConfigurationError(
            "algorithms names at least one that has public keys, and no shared secrets, which are never published:"
            f' write algorithms=["RS256"], found {", ".join(names) or "none"}'
        )
    return names


def keys_of_entry(entry: object, algorithms: tuple[str, ...], *, use: str = "sig") -> list[VerificationKey]:
    """One entry as keys, one for each of `algorithms` that it may be for: several only if it names none itself.

    Raises `ConfigurationError` for an entry that is of no use.
    """
    if not isinstance(entry, Mapping):
        raise ConfigurationError("it is no object")
    members = {name: value for name, value in entry.items() if value is not None}
    stated_use = members.pop("use", "sig" if use == "sig" else None)
    if stated_use != use:
        found = "there is none" if stated_use is None else f"its use is {quoted(stated_use)}"
        raise ConfigurationError(f"{found}, and a key for tokens has {use!r} (RFC 7517 §4.2)")
    if members.get("kty") == "oct":
        raise ConfigurationError("it is a shared secret, which is public here")
    problem = ConfigurationError("it fits no algorithm")
    found_keys: list[VerificationKey] = []
    for algorithm in _chosen(members, algorithms):
        try:
            found_keys.append(VerificationKey.from_jwk(members, algorithm=algorithm))
        except ConfigurationError as error:  # Another of the algorithms may do on this machine.
            problem = error
    if not found_keys:
        raise problem
    return found_keys


def _chosen(members: Mapping[str, Any], algorithms: tuple[str, ...]) -> tuple[str, ...]:
    """The algorithms that an entry is loaded for."""
    stated = members.get("alg")
    known = candidate_algorithms(members, sorted(ALGORITHMS))
    if stated is not None and (not isinstance(stated, str) or stated not in ALGORITHMS):
        raise ConfigurationError(f"its alg {quoted(stated)} is not supported")
    if not known:
        crv = f", crv {quoted(members['crv'])}" if "crv" in members else ""
        raise ConfigurationError(f"keys of its type are not supported: kty {quoted(members.get('kty'))}{crv}")
    if stated is not None:
        if stated not in header_names(algorithms):
            raise ExcludedKeyError(f"its alg {quoted(stated)} is not among the algorithms {', '.join(algorithms)}")
        return (stated,)
    fitting = candidate_algorithms(members, algorithms)
    if not fitting:
        raise ExcludedKeyError(f"its type fits none of the algorithms {', '.join(algorithms)}")
    # A key of an Edwards curve goes by both of its names anyway (RFC 9864).
    return fitting[:1] if members["kty"] == "OKP" else fitting


def could_sign(entry: object) -> bool:
    """Whether an entry may be a key for signatures, by what it says of itself (RFC 7517 §4)."""
    if not isinstance(entry, Mapping):
        return False
    algorithm, operations = entry.get("alg"), entry.get("key_ops")
    is_for_others = isinstance(entry.get("use"), str) and entry["use"] in _OTHER_USES
    is_for_encryption = isinstance(algorithm, str) and algorithm.startswith(_ENCRYPTION)
    has_other_operations = isinstance(operations, list) and not {"sign", "verify"} & {
        each for each in operations if isinstance(each, str)
    }
    is_for_agreement = isinstance(entry.get("crv"), str) and entry["crv"] in _KEY_AGREEMENT
    return not (is_for_others or is_for_encryption or has_other_operations or is_for_agreement)
