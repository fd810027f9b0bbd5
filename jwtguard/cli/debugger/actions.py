"""What the page can ask for, each a function from JSON to JSON: inspect, sign, generate, fetch, example.

>>> actions = Actions()
>>> shown = actions.inspect({"token": "eyJhbGciOiJub25lIn0.e30.", "check": {"kind": "none"}})
>>> shown["verdict"]["state"], shown["verdict"]["reason"]
('refused', 'form')

A token is verified by a guard: the project's own, or one made of the key that was typed. What the guard says is put
into words by `jwtguard.explanation`. Nothing is kept between two calls but the keys that were fetched.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, TypeAlias

from jwtguard.cli.debugger.editing import Draft, UnreadableError
from jwtguard.cli.debugger.keys import SECRET_ALGORITHMS, checking_keys, private_key, secret_bytes, secret_key
from jwtguard.cli.debugger.problems import RefusedError
from jwtguard.cli.debugger.reading import Part, read_token
from jwtguard.cli.debugger.verdict import verdict_of, verdict_of_refused
from jwtguard.cli.refused_keys import JudgedKey, judged, short, with_signature_of
from jwtguard.core.errors import ConfigurationError, UnavailableError
from jwtguard.core.tokens.issuer import TokenIssuer
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.guard import Guard
from jwtguard.key_sources.cached import FetchedKeys
from jwtguard.key_sources.entries import PUBLIC_ALGORITHMS
from jwtguard.key_sources.openid_discovery import OpenIDProvider
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet

Data: TypeAlias = Mapping[str, Any]

LIFETIME = 300
"""Seconds that a renewed token and the example last."""
MAX_FETCHED = 20
"""Addresses whose keys are remembered."""
EXAMPLE_ISSUER, EXAMPLE_AUDIENCE = "https://login.example", "https://api.example"


class Actions:
    """The calls of the page. `guard` is the project's own, called `guard_name`.

    `clock` gives seconds since the epoch. Every call raises `RefusedError` for data that our page would not send.
    """

    def __init__(
        self, guard: Guard | None = None, *, guard_name: str = "", clock: Callable[[], float] = time.time
    ) -> None:
        self._guard = guard
        self._guard_name = guard_name
        self._clock = clock
        self._fetched: dict[str, JWKSet] = {}

    @property
    def by_name(self) -> Mapping[str, Callable[[Data], Data]]:
        """What the server performs."""
        return {
            "start": self.start,
            "inspect": self.inspect,
            "sign": self.sign,
            "generate": self.generate,
            "fetch": self.fetch,
            "example": self.example,
        }

    def start(self, data: Data) -> Data:
        """What the page has to know first."""
        del data
        guard = self._guard
        return {
            "guard": None if guard is None else {"name": self._guard_name, "summary": repr(guard)},
            "algorithms": ["ES256", *(name for name in PUBLIC_ALGORITHMS if name != "ES256")],
        }

    def inspect(self, data: Data) -> Data:
        """A token taken apart, and what the guard says of it."""
        return self._inspected(_text(data, "token").strip(), _mapping(data, "check"))

    def sign(self, data: Data) -> Data:
        """The token of an edited header and payload, inspected; or what is wrong with them or with the key."""
        try:
            draft = Draft.read(_text(data, "header"), _text(data, "payload"))
            if data.get("renew") is True:
                draft = draft.lasting(LIFETIME, now=self._clock())
        except UnreadableError as error:
            return {"problems": {error.part: error.problem}}
        signing, problems = _mapping(data, "signing"), {}
        try:
            text = _signed(draft, signing, _text(data, "signature"))
        except ConfigurationError as error:
            # The signature of what was there before the edit would look as if it were one of this.
            text, problems = draft.with_signature(""), {"signing": _advised(error.detail, signing, draft.algorithm)}
        return {"token": text, "problems": problems, **self._inspected(text, _mapping(data, "check"))}

    def generate(self, data: Data) -> Data:
        """A new key pair, or a new secret."""
        algorithm = _text(data, "algorithm")
        if algorithm in SECRET_ALGORITHMS:
            return {"secret": secrets.token_urlsafe(64)}
        try:
            key = SigningKey.generate(algorithm, kid=f"debugger-{secrets.token_hex(3)}")
        except ConfigurationError as error:
            raise RefusedError(400, error.detail) from None
        return _pair(key)

    def fetch(self, data: Data) -> Data:
        """Fetch the keys behind an address, of a JWK Set or of an issuer: the one call that uses the network."""
        address = _text(data, "address").strip()
        problems = []
        for kind in (RemoteJWKSet, OpenIDProvider):
            try:
                source = kind(address, allow_http_loopback=True)
            except ConfigurationError as error:
                return {"problem": f"{error.detail}."}
            try:
                source.prefetch().run()
            except UnavailableError:
                problems.append(source.last_error)
            else:
                return {"keys": self._remember(address, source)}
        return {"problem": f"As a JWK Set: {problems[0]}. As an issuer: {problems[1]}."}

    def _remember(self, address: str, source: FetchedKeys) -> list[Data]:
        keys = source.current() or JWKSet([])
        while len(self._fetched) >= MAX_FETCHED:
            del self._fetched[next(iter(self._fetched))]
        self._fetched[address] = keys
        return [{"kid": key.kid, "algorithm": key.algorithm} for key in keys]

    def example(self, data: Data) -> Data:
        """A token that is good for five minutes, and the key pair that signed it."""
        del data
        key = SigningKey.generate("ES256", kid="example-1")
        issuer = TokenIssuer(
            issuer=EXAMPLE_ISSUER,
            audience=EXAMPLE_AUDIENCE,
            client_id="web",
            signing_keys=[key],
            access_token_lifetime=timedelta(seconds=LIFETIME),
            clock=self._clock,
        )
        text = issuer.access_token(
            "alice", roles=["editor"], scope=["reports:read", "reports:write"], auth_time=self._clock() - 40
        )
        return {"token": text, "issuer": EXAMPLE_ISSUER, "audience": EXAMPLE_AUDIENCE, **_pair(key)}

    def _inspected(self, text: str, check: Data) -> Data:
        reading = read_token(text)
        guard, problem = None, None
        try:
            guard = self._checking(check, reading.algorithm)
            verdict = verdict_of(text, guard)
        except ConfigurationError as error:
            problem, key = error.detail, _judged(text, check, error.detail)
            verdict = verdict_of(text, None) if key is None else verdict_of_refused(text, key)
        return {
            "now": self._clock(),
            "check_problem": problem,
            "verdict": asdict(verdict),
            "header": _part(reading.header),
            "payload": _part(reading.payload),
            "signature": asdict(reading.signature),
        }

    def _checking(self, check: Data, algorithm: str | None) -> Guard | None:
        """The guard to ask: the project's, or one of what was typed; None if no key was."""
        kind = _text(check, "kind")
        if kind == "guard":
            return self._guard
        keys = self._typed_keys(kind, check, algorithm)
        if keys is None:
            return None
        return Guard(
            issuer=_text(check, "issuer").strip() or UNCHECKED,
            audience=_text(check, "audience").strip() or UNCHECKED,
            keys=keys,
            clock=self._clock,
            cache_size=0,
        )

    def _typed_keys(self, kind: str, check: Data, algorithm: str | None) -> JWKSet | None:
        typed = _text(check, "key")
        if kind == "secret":
            key = (
                secret_key(typed, is_base64url=check.get("is_base64url") is True, preferred=algorithm)
                if typed
                else None
            )
            return None if key is None else JWKSet([key.verification_key])
        if typed.strip():
            return checking_keys(typed, preferred=algorithm)
        return self._fetched.get(_text(check, "address").strip())


def _judged(text: str, check: Data, problem: str) -> JudgedKey | None:
    """What can be said of the token and the key that was typed, which a guard refuses."""
    kind, typed = _text(check, "kind"), _text(check, "key")
    if not text or kind == "guard":
        return None
    try:
        content = _secret(check) if kind == "secret" else typed.encode("utf-8", "replace")
    except ConfigurationError:
        return None
    return judged(text, content, is_secret=kind == "secret", problem=problem)


def _secret(data: Data) -> bytes:
    return secret_bytes(_text(data, "key"), is_base64url=data.get("is_base64url") is True)


def _signed(draft: Draft, signing: Data, old: str) -> str:
    """The token of an edited header and payload; `old` is the signature that stays where there is no key."""
    kind, typed = _text(signing, "kind"), _text(signing, "key")
    if kind == "none" or not typed.strip():
        return draft.with_signature(old)
    if kind != "secret":
        return draft.signed(private_key(typed, preferred=draft.algorithm))
    try:
        return draft.signed(
            secret_key(typed, is_base64url=signing.get("is_base64url") is True, preferred=draft.algorithm)
        )
    except ConfigurationError:
        if signing.get("allow_short") is not True or not _is_short(signing, draft.algorithm):
            raise
    algorithm = _for_secrets(draft.algorithm)
    return with_signature_of(_secret(signing), draft.signed(SigningKey.generate(algorithm)))


def _for_secrets(algorithm: str | None) -> str:
    return algorithm if algorithm in SECRET_ALGORITHMS else "HS256"


def _is_short(signing: Data, algorithm: str | None) -> bool:
    return short(_secret(signing), _for_secrets(algorithm)) is not None


def _advised(problem: str, signing: Data, algorithm: str | None) -> str:
    """What keeps it from being signed, with the box that changes it for a secret that is too short."""
    try:
        is_short = _text(signing, "kind") == "secret" and _is_short(signing, algorithm)
    except ConfigurationError:
        is_short = False
    return f"{problem}; or tick the box to sign with a short secret" if is_short else problem


def _pair(key: SigningKey) -> Data:
    return {
        "private": json.dumps(key.to_private_jwk(), indent=2),
        "private_pem": key.to_private_pem().decode("ascii"),
        "public": json.dumps(key.verification_key.to_jwk(), indent=2),
    }


def _part(part: Part) -> Data:
    return {"text": part.text, "problem": part.problem, "members": [member._asdict() for member in part.members]}


def _text(data: Data, name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str):
        raise RefusedError(400, f"{name} is text")
    return value


def _mapping(data: Data, name: str) -> Data:
    value = data.get(name, {})
    if not isinstance(value, dict):
        raise RefusedError(400, f"{name} is an object")
    return value
