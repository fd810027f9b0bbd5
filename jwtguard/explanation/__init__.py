"""Why a guard takes a token or refuses it: every step in order, what it wanted, what it found, and what helps.

>>> from jwtguard import Guard, SigningKey, TokenIssuer
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> other = TokenIssuer(
...     issuer="https://issuer.example", audience="https://other.example", client_id="web", signing_keys=[key]
... )
>>> explanation = explain(guard, other.access_token("user-1")).run()
>>> explanation.reason, explanation.failed.number, explanation.failed.title
('aud', 7, 'Claims')
>>> explanation.failed.expected, explanation.failed.found
('aud is or holds "https://api.example"', 'aud "https://other.example"')

Nothing is verified a second way: the guard itself verifies, and its reason tells the step
(`jwtguard.core.tokens.reasons`).
"""

from __future__ import annotations

from jwtguard.authentication import Authentication
from jwtguard.core.errors import ConfigurationError, InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.jws import check_length, read_header, split
from jwtguard.core.tokens.reasons import CSRF_STEP, reason_named
from jwtguard.core.tokens.verifier import VerifiedToken
from jwtguard.explanation.remedies import remedy
from jwtguard.explanation.request import authorization, csrf, revocation
from jwtguard.explanation.result import Explanation as Explanation
from jwtguard.explanation.result import Outcome as Outcome
from jwtguard.explanation.result import Route as Route
from jwtguard.explanation.result import Step as Step
from jwtguard.explanation.result import Verdict as Verdict
from jwtguard.explanation.result import step
from jwtguard.explanation.step_texts import expected, step_texts
from jwtguard.explanation.token_context import TokenContext
from jwtguard.guard import Guard

_INTROSPECTED = 2
"""The step that introspection replaces for an opaque token."""


def explain(guard: Guard, text: str, *, route: Route | None = None, redact: bool = False) -> Flow[Explanation]:
    """Ask `guard` about the `text` of a token, and explain what it says.

    With a `route`, also whether the token opens it, as if it came in a header. `redact` leaves out what a ticket should
    not show: the subject, and values of claims that are the application's own. The guard's `on_event` is not called.
    Raises `ConfigurationError` for a guard that cannot work at all.
    """
    return Flow(_explaining(guard, text, route, redact=redact))


def _explaining(guard: Guard, text: str, route: Route | None, *, redact: bool) -> Steps[Explanation]:
    asked = quiet(guard)
    token: VerifiedToken | None = None
    error: JWTGuardError | None = None
    try:
        token = yield from asked.verify(text)
    except ConfigurationError:
        raise
    except JWTGuardError as refused:
        error = refused.with_traceback(None)
    context = TokenContext.of(guard, text if isinstance(text, str) else "", redact=redact)
    is_opaque = guard.introspection is not None and guard.verifier.takes_as_opaque(text)
    at = None if error is None else _step_of(error, context, is_opaque=is_opaque)
    steps = [_told(number, at, error, context, is_opaque=is_opaque) for number in range(1, CSRF_STEP)]
    if route is None:
        steps.append(revocation(guard, error))
    else:
        principal = None if token is None else asked.principal_of(token)
        who = Authentication(principal=principal, token=token, error=error)
        decided, error_of_route = authorization(asked, who, route)
        steps += [csrf(guard, route), revocation(guard, error), decided]
        error = error_of_route
    return Explanation(
        verdict="accepted" if error is None else "unavailable" if isinstance(error, UnavailableError) else "refused",
        reason="accepted" if error is None else error.reason,
        steps=tuple(steps),
    )


def quiet(guard: Guard) -> Guard:
    """Return a copy of the guard that shares its keys and caches, and sends no events: an explanation is none."""
    twin: Guard = object.__new__(type(guard))
    vars(twin).update({**vars(guard), "_on_event": None})
    return twin


def _step_of(error: JWTGuardError, context: TokenContext, *, is_opaque: bool) -> int:
    """The step at which `error` arose. Where two share a reason, the first if the token fails before any key."""
    *early, last = reason_named(error.reason).steps
    if not early:
        return last
    first = early[0]
    if error.reason in {"iss", "trust_domain"}:
        # With several issuers, or fetched keys, the issuer is checked before the key.
        is_late = all(isinstance(policy.keys, JWKSet) for policy in context.policies)
        return last if is_opaque or (len(context.policies) == 1 and is_late) else first
    try:
        read_header(split(check_length(context.text, len(context.text))).header_segment, types=frozenset())
    except InvalidTokenError as earlier:
        return first if earlier.reason == error.reason else last
    except Exception:  # noqa: BLE001 - what the guard did not foresee either
        return first
    return last


def _told(number: int, at: int | None, error: JWTGuardError | None, context: TokenContext, *, is_opaque: bool) -> Step:
    """One of the eight steps, told from which one failed."""
    if error is not None and number == at:
        wanted, found = step_texts(context, number, error.reason)
        if is_opaque and number > _INTROSPECTED:
            found = "something else in what the issuer says of this opaque token"
        return step(number, "failed", expected=wanted, found=found, remedy=remedy(context, error.reason))
    if at is not None and number > at:
        return step(number, "not reached", expected=expected(context, number))
    if is_opaque and number > 1:
        return step(number, "skipped", found="an opaque token: its issuer was asked instead (RFC 7662)")
    wanted, found = step_texts(context, number)
    return step(number, "passed", expected=wanted, found=found)
