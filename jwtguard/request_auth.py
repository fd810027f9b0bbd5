"""Who was authenticated and admitted in one request: what an adapter keeps from its middleware to its views.

>>> request_auth = RequestAuth()
>>> guard = object()
>>> request_auth.keep(guard, Authentication())
>>> request_auth.knows(guard), request_auth.knows(object())
(True, False)

A result counts only for the guard that made it. Adapters store one `RequestAuth` under a private key of the request and
fill the framework's own places (`scope["user"]`, `request.principal`) from it: those are outputs, never inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from jwtguard.admission import Admission
from jwtguard.authentication import Authentication, FindUser
from jwtguard.core.access.requirements import Requirement, check_requirement
from jwtguard.core.errors import ConfigurationError, JWTGuardError, MissingTokenError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.http.token_sources import TokenSource, check_sources
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.guard import Guard, no_rules

KEY = "jwtguard.request_auth"
"""Where adapters keep the `RequestAuth` of a request."""

EXEMPT = "_jwtguard_exempt"
"""Where adapters mark a view that reads no access token: with the object whose middleware lets it through unasked."""

Entry: TypeAlias = Admission | Authentication
Authenticate: TypeAlias = Callable[[], Flow[Authentication]]
"""Authenticates a request when a view first asks for its caller."""
Headers: TypeAlias = list[tuple[str, str]]


class Pending(Protocol):
    """Something to finish when the response starts (silent renewal)."""

    def finish(self, status: int, set_cookies: Sequence[str]) -> Flow[tuple[str, ...]]:
        """The `Set-Cookie` values to add to a response that has this status and sets these cookies."""
        ...


def finishing(pending: Iterable[Pending], status: int, headers: Sequence[tuple[str, str]]) -> Flow[Headers | None]:
    """The header fields of a response that starts now, with what is pending done; None if they stay as they are."""
    return Flow(_finishing(pending, status, headers))


def _finishing(pending: Iterable[Pending], status: int, headers: Sequence[tuple[str, str]]) -> Steps[Headers | None]:
    added: list[str] = []
    set_cookies = [value for name, value in headers if name.lower() == "set-cookie"]
    for one in pending:
        added.extend((yield from one.finish(status, set_cookies)))
    if not added:
        return None
    # Tokens must not be stored on the way, whatever the view said of a page that it took for harmless.
    kept = [(name, value) for name, value in headers if name.lower() != "cache-control"]
    return [*kept, ("Cache-Control", "no-store"), *(("Set-Cookie", cookie) for cookie in added)]


@dataclass(frozen=True, eq=False, slots=True)
class AdmittedPrincipal:
    """The caller that `requires` of one guard admitted; `principal` is None where the view runs without a caller.

    Each is equal to itself alone: of two views that run at once, either may end first.
    """

    guard: Guard
    principal: Principal | None


class RequestAuth:
    """What the middlewares in front found out, and the principals that `requires` admitted, innermost last."""

    __slots__ = ("_found", "_pending", "_users", "admitted", "in_front")

    def __init__(self) -> None:
        self._found: dict[Guard, Entry | Authenticate] = {}
        self.in_front: tuple[Guard, ...] = ()
        """The guards whose middlewares are in front."""
        self._pending: tuple[Pending, ...] = ()
        self._users: list[tuple[Principal, object]] = []
        self.admitted: list[AdmittedPrincipal] = []
        """The principals that `requires` admitted, innermost last."""

    def copy(self) -> RequestAuth:
        """The same, to be added to without a change to this one, which alone finishes what is pending."""
        copied = RequestAuth()
        copied._found, copied.in_front = dict(self._found), self.in_front
        copied.admitted = list(self.admitted)
        copied._users = list(self._users)
        return copied

    def keep_user(self, principal: Principal, user: object) -> None:
        """Keep the user of a caller, which the application looked up."""
        self._users.append((principal, user))

    def user_of(self, principal: Principal) -> object | None:
        """The user of a caller; None if none was looked up."""
        return next((user for known, user in self._users if known is principal), None)

    def put_off(self, pending: Pending) -> None:
        """Keep something for when the response starts."""
        self._pending = (*self._pending, pending)

    def take_pending(self) -> Sequence[Pending]:
        """What was kept for when the response starts, once."""
        pending, self._pending = self._pending, ()
        return pending

    def keep(self, guard: Guard, found: Entry | Authenticate) -> None:
        """Keep what the middleware of `guard`, which is in front, found out, or how to find it out when a view asks."""
        self._found[guard] = found
        if guard not in self.in_front:
            self.in_front = (*self.in_front, guard)

    def remember(self, guard: Guard, found: Authenticate) -> None:
        """Remember how to find out what a view wants to know of a guard without a middleware."""
        self._found[guard] = found

    def kept(self, guard: Guard) -> Flow[Entry | None]:
        """What is known by this very guard, found out now if it must be; None if it was not asked."""
        return Flow(self._kept(guard))

    def _kept(self, guard: Guard) -> Steps[Entry | None]:
        found = self._found.get(guard)
        if callable(found):
            found = self._found[guard] = yield from found()
        return found

    def knows(self, guard: Guard) -> bool:
        """Whether the middleware of this very guard is in front, or a view has asked it."""
        return guard in self._found or any(caller.guard is guard for caller in self.admitted)

    def is_kept(self, guard: Guard, error: Exception) -> bool:
        """Whether `error` is the one that the middleware of this very guard kept, raised by reading the principal."""
        entry = self._found.get(guard)
        return isinstance(entry, Authentication) and entry.error is error

    @property
    def has_middleware(self) -> bool:
        """Whether a middleware is in front."""
        return bool(self.in_front)

    def admit(self, guard: Guard, principal: Principal | None) -> None:
        """From here on, `principal` is the caller."""
        # It holds no reference to this object: a cycle would keep each request until the garbage collector runs.
        self.admitted.append(AdmittedPrincipal(guard, principal))

    @contextmanager
    def admitting(self, guard: Guard, principal: Principal | None) -> Iterator[None]:
        """While the view runs, `principal` is the caller."""
        admitted = AdmittedPrincipal(guard, principal)
        self.admitted.append(admitted)
        try:
            yield
        finally:
            self.admitted.remove(admitted)

    def guard(self) -> Guard:
        """The one guard whose middleware is in front; raises `ConfigurationError` if there is none, or several."""
        if len(self.in_front) == 1:
            return self.in_front[0]
        ask = "ask one of yours, as in auth.principal and @auth.requires(...)"
        if self.in_front:
            raise ConfigurationError(f"more than one guard authenticates this request: {ask}")
        raise ConfigurationError(
            f"no jwtguard middleware (in Flask: init_app) is in front of this view: add it, or {ask}"
        )

    def principal(self) -> Principal | None:
        """The caller: of the innermost `requires` around the running view, else of the one middleware in front.

        Raises the error that the middleware kept, or `ConfigurationError` if no guard or more than one can answer.
        """
        if self.admitted:
            return self.admitted[-1].principal
        if len(self.in_front) == 1:
            entry = self._found[self.in_front[0]]
            # As after rules: who may pass has been decided, and nothing is left to ask.
            if isinstance(entry, Admission):
                return entry.principal
        return self.principal_of(self.guard())

    def caller(self) -> Principal | None:
        """Whether there is a caller, and who: as `principal`, but None where that raises."""
        with suppress(JWTGuardError):
            return self.principal()
        return None

    def caller_of(self, guard: Guard) -> Principal | None:
        """The same for this very guard: as `principal_of`, but None where that raises."""
        with suppress(JWTGuardError):
            return self.principal_of(guard)
        return None

    def present(self) -> Principal:
        """The caller, whose attributes are to be read: as `principal`, but where none was needed it raises, too."""
        found = self.principal()
        if found is None:
            raise MissingTokenError
        return found

    def answering(self) -> Guard:
        """The guard that answers for an absent caller: that of the innermost `requires`, else the one in front."""
        return self.admitted[-1].guard if self.admitted else self.guard()

    def known_principal(self) -> Principal | None:
        """The caller if one guard alone is in front and found one; never raises, for places that only show it."""
        found = self._found[self.in_front[0]] if len(self.in_front) == 1 else None
        return None if found is None or callable(found) else found.principal

    def principal_of(self, guard: Guard) -> Principal | None:
        """The caller as this very guard knows it; raises the error that its middleware kept."""
        for caller in reversed(self.admitted):
            if caller.guard is guard:
                return caller.principal
        entry = self.kept(guard).run()
        if entry is None:
            raise ConfigurationError(
                "this guard has not authenticated the request: put its middleware in front, or `requires` on the view"
            )
        return entry.require()


class Checkpoint:
    """What one `requires(...)` asks for, checked when it is written down, not when a request comes.

    With `tokens_from` the request is read again, since the middleware looked elsewhere for the token.
    """

    __slots__ = ("requirement", "tokens_from")

    def __init__(self, requirement: Requirement, tokens_from: Iterable[TokenSource] | None) -> None:
        self.requirement = check_requirement(requirement)
        self.tokens_from = None if tokens_from is None else check_sources(tokens_from)

    def admit(
        self, guard: Guard, request: HTTPRequest, request_auth: RequestAuth, find_user: FindUser | None = None
    ) -> Flow[Admission]:
        """Let the caller of `request` in, by what the middleware of this very guard kept if it can be used.

        `find_user` is asked about a caller whose user no middleware has found.
        """
        return Flow(self._admit(guard, request, request_auth, find_user))

    def _admit(
        self, guard: Guard, request: HTTPRequest, request_auth: RequestAuth, find_user: FindUser | None
    ) -> Steps[Admission]:
        kept = None
        if self.tokens_from is None and self.requirement.mode.reads_token:
            entry = yield from request_auth.kept(guard)
            kept = None if entry is None else entry.authentication
            if kept is not None and find_user is not None:
                kept = yield from find_user(kept)  # A middleware that was given the bare guard has not.
        return (
            yield from guard.admit(
                request, self.requirement, kept=kept, tokens_from=self.tokens_from, find_user=find_user
            )
        )


def check_guard(guard: object, where: str) -> Guard:
    """`guard` itself; raises `ConfigurationError` if it is none. `where` is who needs it."""
    if not isinstance(guard, Guard):
        # By its type alone: a mapping in its place may hold the secret.
        raise ConfigurationError(f"{where} needs a guard: pass Guard(...), found {_shown(guard)}")
    return guard


def _shown(found: object) -> str:
    """What stands in the place of a guard, and how a guard comes of it."""
    name = type(found).__name__
    if isinstance(found, type):
        return f"the class {found.__name__}: call it, as in Guard(issuer=..., audience=..., keys=...)"
    if isinstance(found, Mapping):
        return f"{name}: write Guard.from_config({{...}}) around it"
    if isinstance(getattr(found, "guard", None), Guard):
        return f"{name}: pass its guard, or the object that this framework has for it"
    if hasattr(found, "wsgi_app") or hasattr(found, "add_middleware"):
        return f"the application ({name}): it is no guard and comes later, as in FlaskGuard(guard).init_app(app)"
    return name


def check_front(guard: object, where: str) -> Guard:
    """`guard` itself, which is to stand in front of a whole application.

    Raises `ConfigurationError` if it is no guard, or has no `rules`. `where` is what puts it there.
    """
    found = check_guard(guard, where)
    if found.rules is None:
        raise no_rules(where)
    return found


def check_enforced(guard: Guard, in_front: Iterable[Guard]) -> None:
    """Raise `ConfigurationError` if `guard` has rules, and is not among those in front, which enforce theirs.

    Rules that nothing enforces leave each route open that has no decorator.
    """
    has_rules = guard.rules is not None and guard.rules is not UNCHECKED
    if has_rules and not any(front is guard for front in in_front):
        raise ConfigurationError(
            "the guard has rules, and nothing in front of this application enforces them: call auth.init_app(app) in"
            " Flask, add GuardMiddleware(guard=guard) elsewhere, or leave rules out of a guard that only decorators use"
        )


def check_view(view: object, *, instead: str) -> None:
    """Raise `ConfigurationError` if `view` is a class: `requires` guards functions. `instead` is what to write."""
    if isinstance(view, type):
        raise ConfigurationError(f"`requires` guards functions, and {view.__name__} is a class: {instead}")
