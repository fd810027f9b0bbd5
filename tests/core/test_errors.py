"""What every error knows: status, code, reason, and words that are safe to show."""

from __future__ import annotations

import copy
import pickle

import pytest

from jwtguard import (
    AccessDeniedError,
    AmbiguousPathError,
    ConfigurationError,
    CSRFError,
    InsufficientScopeError,
    InsufficientUserAuthenticationError,
    InvalidRequestError,
    InvalidTokenError,
    JWTGuardError,
    MalformedTokenError,
    MissingTokenError,
    UnavailableError,
)


@pytest.mark.parametrize(
    ("error", "status", "code", "reason", "challenges"),
    [
        (MissingTokenError(), 401, None, "missing_token", True),
        (InvalidTokenError("expired"), 401, "invalid_token", "expired", True),
        (MalformedTokenError("form"), 401, "invalid_token", "form", True),
        (InvalidRequestError("two_tokens", "."), 400, "invalid_request", "two_tokens", True),
        (InsufficientScopeError("."), 403, "insufficient_scope", "insufficient_scope", True),
        (InsufficientUserAuthenticationError(5), 401, "insufficient_user_authentication", "stale_login", True),
        (AccessDeniedError(), 403, None, "denied", False),
        (AmbiguousPathError(), 400, None, "ambiguous_path", False),
        (CSRFError("csrf_site", "."), 403, None, "csrf_site", False),
        (UnavailableError("keys"), 503, None, "keys", False),
        (ConfigurationError("wrong"), 500, None, "configuration", False),
    ],
)
def test_what_an_error_knows(
    error: JWTGuardError, status: int, code: str | None, reason: str, challenges: bool
) -> None:
    """Status, RFC code, reason, and whether the answer carries a challenge."""
    assert (error.status, error.error, error.reason, error.challenges) == (status, code, reason, challenges)
    assert isinstance(error, JWTGuardError)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MissingTokenError(), ()),
        (InvalidTokenError("expired"), ()),
        (InsufficientScopeError(".", missing=("has_role('a')",)), ()),
        (InsufficientScopeError(".", scope=("a", "b")), (("scope", "a b"),)),
        (InsufficientUserAuthenticationError(5), (("max_age", "5"),)),
    ],
)
def test_parameters(error: JWTGuardError, expected: tuple[tuple[str, str], ...]) -> None:
    """An error gives the challenge's parameters beside realm, code and description."""
    assert error.parameters == expected


@pytest.mark.parametrize("reason", ["expired", "revoked", "signature", "form"])
def test_invalid_tokens_are_all_alike_to_the_client(reason: str) -> None:
    """The client learns nothing from `detail`; who reads the traceback sees the reason."""
    error = InvalidTokenError(reason)
    assert error.detail == InvalidTokenError("another").detail
    assert str(error) == f"{error.detail} ({reason})"


def test_one_problem() -> None:
    """A single problem is the message, as it is."""
    error = ConfigurationError("audience is required")
    assert (str(error), error.problems) == ("audience is required", ("audience is required",))


def test_several_problems() -> None:
    """Several problems are listed."""
    error = ConfigurationError("a", "b")
    assert (str(error), error.problems) == ("2 problems:\n- a\n- b", ("a", "b"))


def test_raise_all() -> None:
    """All problems are raised at once, and none is no error."""
    ConfigurationError.raise_all([])
    with pytest.raises(ConfigurationError) as raised:
        ConfigurationError.raise_all(iter(["a", "b"]))
    assert raised.value.problems == ("a", "b")


def test_retry_after_has_a_default() -> None:
    """`retry_after` is five seconds by default."""
    assert (UnavailableError("keys").retry_after, UnavailableError("keys", retry_after=9).retry_after) == (5, 9)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("one", "two"),
        ConfigurationError("only"),
        MissingTokenError(),
        MalformedTokenError("form"),
        InsufficientScopeError("This needs a.", scope=("a",), missing=("has_scope('a')",)),
        UnavailableError("keys", retry_after=7),
    ],
)
def test_copies(error: JWTGuardError) -> None:
    """An error that crosses a process boundary is the same on the other side."""
    for copied in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))
