"""An OpenID provider on this machine, for tests: it publishes keys, issues tokens, rotates, and fails when told to.

>>> from jwtguard import Guard
>>> from jwtguard.providers import oidc
>>> with FakeProvider() as provider:
...     issuer = oidc(provider.issuer, audience="orders-api", allow_http_loopback=True)
...     guard = Guard(issuers=[issuer])
...     caller = guard.verify(provider.token("alice", guard=guard, roles=["admin"])).run().principal
...     caller.subject, caller.roles, provider.count("jwks")
('alice', frozenset({'admin'}), 1)

It speaks HTTP on 127.0.0.1, so it serves programs in other processes and languages too. What it says is what OpenID
Connect Discovery, RFC 8414, RFC 7517 and RFC 6749 ask for, and no more: it accepts every user, so it is for tests only.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Literal, Self, TypeAlias, Unpack
from urllib.parse import parse_qs

from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.guard import Guard
from jwtguard.testing.issuer_claims import TokenSettings, claims_of, policy_of, type_of
from jwtguard.testing.loopback import Send, Server, answer, path_of
from jwtguard.testing.tokens import compact

Outage: TypeAlias = Literal["refuse", "error", "hang", "slow", "garbage"]
"""`refuse`: no connection; `error`: status 500; `hang`: no answer; `slow`: a late one; `garbage`: HTML, status 200."""
Document: TypeAlias = Literal["metadata", "jwks", "token"]
_METADATA, _OAUTH_METADATA = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"


class FakeProvider:
    """An OpenID provider, from its making to `close()` or the end of `with`.

    `path` stands behind the host in its `issuer`, as in `/realms/acme`. `algorithm` is that of its keys. `metadata` is
    put into its metadata, over what stands there. `max_age`: for how many seconds others may keep its keys.
    `token_lifetime` is that of its tokens; `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        *,
        path: str = "",
        algorithm: str = "RS256",
        metadata: Mapping[str, Any] | None = None,
        max_age: int = 600,
        token_lifetime: timedelta = timedelta(minutes=5),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._algorithm = algorithm
        self._changes = dict(metadata or {})
        self._max_age = max_age
        self._lifetime = token_lifetime
        self._clock = clock
        self._keys: list[SigningKey] = []
        self.rotate()
        self._server = _Server(self)
        self._path = path.rstrip("/")
        self.issuer = f"{self._server.origin}{path}"
        """What its tokens have in `iss`, and where its metadata is found."""

    # What it tells.

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self._server.origin

    @property
    def jwks_uri(self) -> str:
        """Where its JWK Set is (RFC 7517 §5)."""
        return f"{self._server.origin}{self._path}/jwks"

    @property
    def token_endpoint(self) -> str:
        """Where its tokens are asked for (RFC 6749 §3.2)."""
        return f"{self._server.origin}{self._path}/token"

    @property
    def signing_key(self) -> SigningKey:
        """The key that signs now."""
        return self._keys[-1]

    @property
    def requests(self) -> list[str]:
        """All requests that came so far, as `GET /jwks`; one that was refused never came."""
        return [request.split(b" HTTP/", 1)[0].decode("latin-1") for request in list(self._server.requests)]

    def count(self, document: Document | None = None) -> int:
        """How many requests came for `document`, or altogether."""
        wanted = {
            "metadata": (_METADATA, _OAUTH_METADATA),
            "jwks": (f"{self._path}/jwks",),
            "token": (f"{self._path}/token",),
            None: ("",),
        }[document]
        return sum(any(part in path for part in wanted) for path in self._server.paths())

    def token(
        self,
        subject: str = "user-1",
        *,
        guard: Guard | None = None,
        audience: str | Iterable[str] | None = None,
        typ: str | None = None,
        key: SigningKey | None = None,
        **settings: Unpack[TokenSettings],
    ) -> str:
        """An access token, signed with the newest key or with `key`.

        With `guard`, one that trusts this provider, it says what that guard expects of it: the audience, what tells its
        access tokens from others, and roles where the guard looks for them. Otherwise it follows RFC 9068. `audience`
        and the header's `typ` stand over both, and so do the `settings`: see `TokenSettings`.
        """
        policy = (
            Policy(issuer=self.issuer, audience=UNCHECKED, keys=JWKSet([]))
            if guard is None
            else policy_of(guard.trust.policies, self.issuer)
        )
        given: TokenSettings = {"expires_in": self._lifetime, **settings}
        said = claims_of(policy, subject, int(self._clock()), given)
        if guard is None:
            said["client_id"] = "tests"
        if audience is not None:
            said["aud"] = audience if isinstance(audience, str) else list(audience)
        said |= settings.get("claims") or {}
        return compact(self.signing_key if key is None else key, said, typ=typ or type_of(policy))

    # What it does.

    def rotate(self, *, keep_old: bool = True) -> SigningKey:
        """Sign with a new key from now on. The old ones stay in the JWK Set unless `keep_old=False`."""
        # A new list: a request may be reading the old one.
        key = SigningKey.generate(self._algorithm, kid=secrets.token_hex(8))
        self._keys = [*(self._keys if keep_old else []), key]
        return key

    @contextmanager
    def outage(self, kind: Outage = "error", *, delay: timedelta = timedelta(seconds=1)) -> Iterator[None]:
        """Fail for the length of the block; see `Outage`. `delay` is what `slow` waits before it answers.

        Who still waits when the block ends is let go: with an answer, or from `hang` without.
        """
        if kind == "refuse":
            self._server.refuse()
            try:
                yield
            finally:
                self._server.accept()
            return
        is_over = threading.Event()
        self._server.fail = {
            "error": lambda: answer(b'{"error": "server_error"}', status="500 Internal Server Error"),
            "hang": lambda: is_over.wait(60) and b"",
            "slow": lambda: is_over.wait(delay.total_seconds()) and None,
            "garbage": lambda: answer(b"<html>We will be back soon</html>", headers="Content-Type: text/html\r\n"),
        }[kind]
        try:
            yield
        finally:
            self._server.fail = _no_failure
            is_over.set()

    def close(self) -> None:
        """End it."""
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"FakeProvider({self.issuer!r})"

    # How it answers.

    def _answer(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        method, path = head.split(b" ", 1)[0], path_of(request).partition("?")[0]
        if path == f"{self._path}/token":
            return self._token_answer(head, body) if method == b"POST" else _NOT_ALLOWED
        documents: dict[str, Callable[[], Mapping[str, Any]]] = {
            f"{self._path}{_METADATA}": self._metadata,
            f"{_OAUTH_METADATA}{self._path}": self._metadata,
            f"{self._path}/jwks": self._jwks,
        }
        document = documents.get(path)
        if document is None:
            return answer(b"", status="404 Not Found")
        fields = f"Content-Type: application/json\r\nCache-Control: max-age={self._max_age}\r\n"
        return answer(json.dumps(document()).encode(), headers=fields) if method == b"GET" else _NOT_ALLOWED

    def _metadata(self) -> Mapping[str, Any]:
        """OpenID Connect Discovery §3, RFC 8414 §2."""
        return {
            "issuer": self.issuer,
            "jwks_uri": self.jwks_uri,
            "token_endpoint": self.token_endpoint,
            "authorization_endpoint": f"{self._server.origin}{self._path}/authorize",
            "response_types_supported": ["code"],
            "grant_types_supported": ["client_credentials", "password"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [self._algorithm],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            **self._changes,
        }

    def _jwks(self) -> Mapping[str, Any]:
        return {"keys": [{**key.verification_key.to_jwk(), "use": "sig"} for key in self._keys]}

    def _token_answer(self, head: bytes, body: bytes) -> bytes:
        """RFC 6749 §4.3 and §4.4. Any client and any user will do, whatever their secret."""
        form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
        client_id = _basic_user(head) or form.get("client_id")
        if client_id is None:
            return _refusal("invalid_client", status="401 Unauthorized", headers="WWW-Authenticate: Basic\r\n")
        subject = {"client_credentials": client_id, "password": form.get("username")}.get(form.get("grant_type", ""))
        if subject is None:
            return _refusal("unsupported_grant_type" if "username" not in form else "invalid_request")
        scope = form.get("scope", "")
        text = self.token(
            subject,
            audience=form.get("audience") or form.get("resource"),  # Auth0's word, and that of RFC 8707 §2
            scope=scope.split(),
            claims={"client_id": client_id},
        )
        lifetime = int(self._lifetime.total_seconds())
        said = {"access_token": text, "token_type": "Bearer", "expires_in": lifetime, "scope": scope}
        return answer(json.dumps(said).encode(), headers=_NO_STORE)


_NO_STORE = "Content-Type: application/json\r\nCache-Control: no-store\r\n"
_NOT_ALLOWED = answer(b"", status="405 Method Not Allowed")


def _refusal(error: str, *, status: str = "400 Bad Request", headers: str = "") -> bytes:
    return answer(json.dumps({"error": error}).encode(), status=status, headers=_NO_STORE + headers)


def _basic_user(head: bytes) -> str | None:
    """The user of HTTP Basic (RFC 7617 §2)."""
    for field in head.split(b"\r\n")[1:]:
        name, _, value = field.partition(b":")
        scheme, _, credentials = value.strip().partition(b" ")
        if name.lower() == b"authorization" and scheme.lower() == b"basic":
            try:
                return base64.b64decode(credentials, validate=True).partition(b":")[0].decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                return None
    return None


def _no_failure() -> bytes | None:
    return None


class _Server(Server):
    """The web server of a provider. `fail` gives an answer instead of it: None for the usual one, empty for none."""

    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self.fail: Callable[[], bytes | Literal[False] | None] = _no_failure
        super().__init__()

    def respond(self, request: bytes, send: Send) -> None:
        """Answer as the provider does, or fails to."""
        failure = self.fail()
        send(failure if isinstance(failure, bytes) else self._provider._answer(request))
