"""What an adapter keeps of one request, and whose word counts."""

from __future__ import annotations

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
from jwtguard.admission import Admission
from jwtguard.authentication import Authentication
from jwtguard.core.flow import Steps, flow
from jwtguard.request_auth import Authenticate, Checkpoint, Entry, RequestAuth, check_guard, check_view
from tests.samples import asgi, guard, token

ALICE, BOB = Principal(subject="alice"), Principal(subject="bob")
AS_ALICE = Authentication(principal=ALICE)
REFUSED = Authentication(error=InvalidTokenError("expired"))
ONE, TWO = guard(), guard()


def _auth(*kept: tuple[Guard, Entry | Authenticate]) -> RequestAuth:
    auth = RequestAuth()
    for made_by, entry in kept:
        auth.keep(made_by, entry)
    return auth


def _asking(found: Authentication, asked: list[str]) -> Authenticate:
    """How to find out that it is `found`, which leaves a mark each time."""

    @flow
    def find_out() -> Steps[Authentication]:
        asked.append("who?")
        return found
        yield

    return find_out


def test_no_guard_was_asked() -> None:
    """Without middleware and decorator the caller is unknown; the error says what to add."""
    auth = _auth()
    for ask in (auth.principal, auth.guard):
        with pytest.raises(ConfigurationError, match=r"no jwtguard middleware .* is in front"):
            ask()
    with pytest.raises(ConfigurationError, match="put its middleware in front"):
        auth.principal_of(ONE)


def test_one_middleware() -> None:
    """The sole middleware's word counts."""
    auth = _auth((ONE, AS_ALICE))
    assert (auth.guard(), auth.principal(), auth.principal_of(ONE)) == (ONE, ALICE, ALICE)
    assert (auth.kept(ONE).run(), auth.known_principal(), auth.has_middleware) == (
        AS_ALICE,
        ALICE,
        True,
    )


def test_error_that_was_kept() -> None:
    """Authenticate for the caller raises the error; places that only show it stay silent."""
    auth = _auth((ONE, REFUSED))
    for ask in (auth.principal, lambda: auth.principal_of(ONE)):
        with pytest.raises(InvalidTokenError) as raised:
            ask()
        assert auth.is_kept(ONE, raised.value)
        assert not auth.is_kept(TWO, raised.value)
    assert auth.known_principal() is None
    assert not auth.is_kept(ONE, InvalidTokenError("expired"))


def test_no_principal_where_none_is_needed() -> None:
    """Behind a rule that does without a caller there is none, and that is no error."""
    nothing = Admission()
    auth = _auth((ONE, nothing))
    assert (auth.principal(), auth.principal_of(ONE), auth.kept(ONE).run()) == (
        None,
        None,
        nothing,
    )
    assert not auth.is_kept(ONE, MissingTokenError())


def test_two_guards_never_take_each_others_callers() -> None:
    """A result counts for the very guard that made it, even if another is configured alike."""
    auth = _auth((ONE, AS_ALICE))
    assert auth.kept(TWO).run() is None
    assert (auth.knows(ONE), auth.knows(TWO)) == (True, False)
    with pytest.raises(ConfigurationError, match="put its middleware in front"):
        auth.principal_of(TWO)


def test_two_middlewares() -> None:
    """With two guards in front one of them must be named."""
    auth = _auth((ONE, AS_ALICE), (TWO, Authentication(principal=BOB)))
    for ask in (auth.principal, auth.guard):
        with pytest.raises(ConfigurationError, match=r"more than one guard .* auth\.principal"):
            ask()
    assert (auth.principal_of(ONE), auth.principal_of(TWO), auth.known_principal()) == (
        ALICE,
        BOB,
        None,
    )


def test_innermost_requires() -> None:
    """Inside `requires` the caller is the one it let in, and afterwards the one from before."""
    auth = _auth((ONE, AS_ALICE))
    seen = [auth.principal()]
    with auth.admitting(TWO, BOB):
        seen.append(auth.principal())
        with auth.admitting(ONE, None):
            seen.append(auth.principal())
        seen.append(auth.principal())
    seen.append(auth.principal())
    assert seen == [ALICE, BOB, None, BOB, ALICE]


def test_innermost_of_one_guard() -> None:
    """A guard that is asked by name answers for itself, wherever it stands."""
    auth = _auth((ONE, AS_ALICE))
    with auth.admitting(ONE, None), auth.admitting(TWO, BOB):
        assert (auth.principal(), auth.principal_of(ONE), auth.principal_of(TWO)) == (
            BOB,
            None,
            BOB,
        )
        assert auth.knows(TWO)
    assert not auth.knows(TWO)


def test_requires_alone() -> None:
    """A decorator without a middleware is enough."""
    auth = _auth()
    auth.admit(ONE, ALICE)
    assert (auth.principal(), auth.principal_of(ONE), auth.has_middleware) == (
        ALICE,
        ALICE,
        False,
    )


def test_view_that_raises() -> None:
    """A view that raises is left as any other."""
    auth = _auth((ONE, AS_ALICE))
    with pytest.raises(RuntimeError), auth.admitting(TWO, BOB):
        raise RuntimeError("on purpose")
    assert auth.principal() is ALICE


def test_two_views_at_once() -> None:
    """Two views that run at once may end in either order."""
    auth = _auth()
    first, second = auth.admitting(ONE, ALICE), auth.admitting(ONE, ALICE)
    first.__enter__()
    second.__enter__()
    auth.admit(TWO, BOB)
    first.__exit__(None, None, None)
    assert auth.principal_of(ONE) is ALICE
    second.__exit__(None, None, None)
    assert (auth.principal(), auth.knows(ONE)) == (BOB, False)


def test_found_out_once() -> None:
    """A postponed authentication runs at the first read, and once."""
    asked: list[str] = []
    auth = _auth((ONE, _asking(AS_ALICE, asked)))
    assert (auth.known_principal(), auth.guard(), auth.knows(ONE), asked) == (
        None,
        ONE,
        True,
        [],
    )
    assert (auth.kept(ONE).run(), auth.principal(), auth.principal_of(ONE)) == (
        AS_ALICE,
        ALICE,
        ALICE,
    )
    assert (auth.known_principal(), asked) == (ALICE, ["who?"])


def test_found_out_that_there_is_an_error() -> None:
    """An error that was found out lately is kept as well."""
    asked: list[str] = []
    auth = _auth((ONE, _asking(REFUSED, asked)))
    assert not auth.is_kept(ONE, InvalidTokenError("expired"))
    for _ in range(2):
        with pytest.raises(InvalidTokenError) as raised:
            auth.principal()
        assert auth.is_kept(ONE, raised.value)
    assert asked == ["who?"]


def test_remembered_is_not_in_front() -> None:
    """The result of a guard without a middleware does not answer a read without a guard."""
    asked: list[str] = []
    auth = _auth((ONE, AS_ALICE))
    auth.remember(TWO, _asking(Authentication(principal=BOB), asked))
    assert (auth.principal(), auth.guard(), auth.known_principal()) == (ALICE, ONE, ALICE)
    assert (auth.knows(TWO), auth.principal_of(TWO), asked) == (True, BOB, ["who?"])


def test_kept_again() -> None:
    """Two middlewares of one guard are one guard in front."""
    auth = _auth((ONE, AS_ALICE), (ONE, Authentication(principal=BOB)))
    assert (auth.guard(), auth.principal()) == (ONE, BOB)


def test_copy() -> None:
    """An entry in a copy is not seen by a layer in front."""
    outside = _auth((ONE, AS_ALICE))
    inside = outside.copy()
    inside.keep(TWO, AS_ALICE)
    inside.admit(TWO, BOB)
    assert (inside.principal(), outside.principal(), outside.knows(TWO)) == (BOB, ALICE, False)
    assert inside.principal_of(ONE) is ALICE


def test_checkpoint_goes_by_what_was_kept() -> None:
    """Behind the middleware of its guard a decorator does not read the request again."""
    auth = _auth((ONE, AS_ALICE))
    admission = Checkpoint(authenticated, None).admit(ONE, asgi(), auth).run()
    assert admission.require() is ALICE


def test_checkpoint_goes_by_what_rules_read() -> None:
    """A middleware with rules has read the token for a decorator of the same guard, or, for a public path, has not."""
    checkpoint = Checkpoint(authenticated, None)
    read = _auth((ONE, Admission(principal=ALICE, authentication=AS_ALICE)))
    assert checkpoint.admit(ONE, asgi(), read).run().require() is ALICE
    with pytest.raises(MissingTokenError):
        checkpoint.admit(ONE, asgi(), _auth((ONE, Admission()))).run()


def test_checkpoint_that_needs_no_token_verifies_nothing() -> None:
    """A public view does not make its middleware find out who is calling."""
    asked: list[str] = []
    auth = _auth((ONE, _asking(AS_ALICE, asked)))
    assert Checkpoint(public, None).admit(ONE, asgi(), auth).run().require() is None
    assert asked == []


def test_checkpoint_of_another_guard_reads_by_itself() -> None:
    """The result of another guard's middleware is not used."""
    auth = _auth((ONE, AS_ALICE))
    with pytest.raises(MissingTokenError):
        Checkpoint(authenticated, None).admit(TWO, asgi(), auth).run()


def test_checkpoint_with_its_own_places_reads_again() -> None:
    """With `tokens_from` the request is read again, there and only there."""
    auth = _auth((ONE, AS_ALICE))
    checkpoint = Checkpoint(authenticated, iter([TokenHeader("X-Token", from_proxy=False)]))
    request = asgi([("X-Token", token("bob"))])
    caller = checkpoint.admit(ONE, request, auth).run().require()
    assert caller is not None
    assert caller.subject == "bob"
    with pytest.raises(MissingTokenError):
        checkpoint.admit(ONE, asgi(), auth).run()


def test_checkpoint_is_checked_when_it_is_written() -> None:
    """A wrong requirement, or a wrong place, does not wait for a request."""
    with pytest.raises(ConfigurationError, match="a requirement is"):
        Checkpoint("admin", None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="tokens_from is a list"):
        Checkpoint(has_role("admin"), AuthorizationHeader())  # type: ignore[arg-type]
    assert Checkpoint(public, None).requirement == public


def test_check_guard() -> None:
    """A value that is no guard is a ConfigurationError that names the argument."""
    assert check_guard(ONE, "FlaskGuard") is ONE
    with pytest.raises(ConfigurationError, match=r"FlaskGuard"):
        check_guard("guard", "FlaskGuard")


def test_check_view() -> None:
    """A class is no view that `requires` can guard, and the error says what to write instead."""
    check_view(asgi, instead="")
    with pytest.raises(ConfigurationError, match="RequestAuth is a class: guard what as_view"):
        check_view(RequestAuth, instead="guard what as_view() returns")
