"""What an adapter keeps of one request, and whose word counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jwtguard import (
    AuthorizationHeader,
    ConfigurationError,
    Guard,
    InvalidTokenError,
    MissingTokenError,
    Principal,
    TokenHeader,
    authenticated,
    has_role,
    public,
)
from jwtguard.callers import Callers, Checkpoint, Entry
from jwtguard.guard import Admission, Authentication
from tests.samples import asgi, guard, token

ALICE, BOB = Principal(subject="alice"), Principal(subject="bob")
AS_ALICE = Authentication(principal=ALICE)
REFUSED = Authentication(error=InvalidTokenError("expired"))
ONE, TWO = guard(), guard()


def _callers(*kept: tuple[Guard, Entry | Callable[[], Entry]]) -> Callers:
    callers = Callers()
    for made_by, entry in kept:
        callers.keep(made_by, entry)
    return callers


def test_nobody() -> None:
    """Where no middleware and no decorator was, nobody can say who calls; the error says what to add."""
    callers = _callers()
    for ask in (callers.principal, callers.guard):
        with pytest.raises(ConfigurationError, match="no jwtguard middleware is in front"):
            ask()
    with pytest.raises(ConfigurationError, match="nobody has asked this guard who is calling"):
        callers.principal_of(ONE)


def test_one_middleware() -> None:
    """The sole middleware's word counts."""
    callers = _callers((ONE, AS_ALICE))
    assert (callers.guard(), callers.principal(), callers.principal_of(ONE)) == (ONE, ALICE, ALICE)
    assert (callers.kept(ONE), callers.known_principal(), callers.has_middleware) == (AS_ALICE, ALICE, True)


def test_error_that_was_kept() -> None:
    """Asking for the caller raises the error; places that only show it stay silent."""
    callers = _callers((ONE, REFUSED))
    for ask in (callers.principal, lambda: callers.principal_of(ONE)):
        with pytest.raises(InvalidTokenError) as raised:
            ask()
        assert callers.is_kept(ONE, raised.value)
        assert not callers.is_kept(TWO, raised.value)
    assert callers.known_principal() is None
    assert not callers.is_kept(ONE, InvalidTokenError("expired"))


def test_nobody_where_nobody_is_needed() -> None:
    """Behind a rule that does without a caller there is none, and that is no error."""
    callers = _callers((ONE, Admission()))
    assert (callers.principal(), callers.principal_of(ONE), callers.kept(ONE)) == (None, None, None)
    assert not callers.is_kept(ONE, MissingTokenError())


def test_rules_keep_what_they_read() -> None:
    """What a middleware with rules read may be used by a decorator of the same guard."""
    callers = _callers((ONE, Admission(principal=ALICE, authentication=AS_ALICE)))
    assert (callers.principal(), callers.kept(ONE)) == (ALICE, AS_ALICE)


def test_two_guards_never_take_each_others_callers() -> None:
    """A result counts for the very guard that made it, even if another is configured alike."""
    callers = _callers((ONE, AS_ALICE))
    assert callers.kept(TWO) is None
    assert (callers.knows(ONE), callers.knows(TWO)) == (True, False)
    with pytest.raises(ConfigurationError, match="nobody has asked this guard"):
        callers.principal_of(TWO)


def test_two_middlewares() -> None:
    """With two guards in front one of them must be named."""
    callers = _callers((ONE, AS_ALICE), (TWO, Authentication(principal=BOB)))
    for ask in (callers.principal, callers.guard):
        with pytest.raises(ConfigurationError, match=r"more than one guard .* auth.principal"):
            ask()
    assert (callers.principal_of(ONE), callers.principal_of(TWO), callers.known_principal()) == (ALICE, BOB, None)


def test_innermost_requires() -> None:
    """Inside `requires` the caller is the one it let in, and afterwards the one from before."""
    callers = _callers((ONE, AS_ALICE))
    seen = [callers.principal()]
    with callers.admitting(TWO, BOB):
        seen.append(callers.principal())
        with callers.admitting(ONE, None):
            seen.append(callers.principal())
            assert callers.is_inside_requires
        seen.append(callers.principal())
    seen.append(callers.principal())
    assert seen == [ALICE, BOB, None, BOB, ALICE]
    assert not callers.is_inside_requires


def test_innermost_of_one_guard() -> None:
    """A guard that is asked by name answers for itself, wherever it stands."""
    callers = _callers((ONE, AS_ALICE))
    with callers.admitting(ONE, None), callers.admitting(TWO, BOB):
        assert (callers.principal(), callers.principal_of(ONE), callers.principal_of(TWO)) == (BOB, None, BOB)
        assert callers.knows(TWO)
    assert not callers.knows(TWO)


def test_requires_alone() -> None:
    """A decorator without a middleware is enough."""
    callers = _callers()
    callers.admit(ONE, ALICE)
    assert (callers.principal(), callers.principal_of(ONE), callers.has_middleware) == (ALICE, ALICE, False)


def test_view_that_raises() -> None:
    """A view that raises is left as any other."""
    callers = _callers((ONE, AS_ALICE))
    with pytest.raises(RuntimeError), callers.admitting(TWO, BOB):
        raise RuntimeError("on purpose")
    assert callers.principal() is ALICE


def test_lazy_entry_is_found_out_once() -> None:
    """What is kept to be found out is found out when somebody asks, and once."""
    asked: list[str] = []

    def find_out() -> Authentication:
        asked.append("who?")
        return AS_ALICE

    callers = _callers((ONE, find_out))
    assert (callers.known_principal(), callers.guard(), callers.knows(ONE), asked) == (None, ONE, True, [])
    assert (callers.kept(ONE), callers.principal(), callers.principal_of(ONE)) == (AS_ALICE, ALICE, ALICE)
    assert (callers.known_principal(), asked) == (ALICE, ["who?"])


def test_lazy_entry_with_an_error() -> None:
    """An error that was found out lazily is kept as well."""
    callers = _callers((ONE, lambda: REFUSED))
    assert not callers.is_kept(ONE, InvalidTokenError("expired"))
    with pytest.raises(InvalidTokenError) as raised:
        callers.principal()
    assert callers.is_kept(ONE, raised.value)


def test_checkpoint_goes_by_what_was_kept() -> None:
    """Behind the middleware of its guard a decorator does not read the request again."""
    callers = _callers((ONE, AS_ALICE))
    admission = Checkpoint(authenticated, None).admit(ONE, asgi(), callers).run()
    assert admission.require() is ALICE


def test_checkpoint_of_another_guard_reads_by_itself() -> None:
    """What another guard's middleware kept is nothing to go by."""
    callers = _callers((ONE, AS_ALICE))
    with pytest.raises(MissingTokenError):
        Checkpoint(authenticated, None).admit(TWO, asgi(), callers).run()


def test_checkpoint_with_its_own_places_reads_again() -> None:
    """With `tokens_from` the request is read again, there and only there."""
    callers = _callers((ONE, AS_ALICE))
    checkpoint = Checkpoint(authenticated, iter([TokenHeader("X-Token")]))
    request = asgi([("X-Token", token("bob"))])
    caller = checkpoint.admit(ONE, request, callers).run().require()
    assert caller is not None
    assert caller.subject == "bob"
    with pytest.raises(MissingTokenError):
        checkpoint.admit(ONE, asgi(), callers).run()


def test_checkpoint_is_checked_when_it_is_written() -> None:
    """A wrong requirement, or a wrong place, does not wait for a request."""
    with pytest.raises(ConfigurationError, match="a requirement is"):
        Checkpoint("admin", None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="tokens_from is a list"):
        Checkpoint(has_role("admin"), AuthorizationHeader())  # type: ignore[arg-type]
    assert Checkpoint(public, None).requirement == public
