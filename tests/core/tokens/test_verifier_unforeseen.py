"""Unforeseen errors deny, and no refusal shows a part of the token."""

from __future__ import annotations

import logging
import traceback
from typing import Any, NoReturn

import pytest

from jwtguard import InvalidTokenError, JWTGuardError, UnavailableError, VerificationKey
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.verifier import TokenVerifier
from tests.core.keys import SECRET, hs256
from tests.core.token_samples import CLAIMS, NOW, Clock, claims, compact, policy, verifier, verify

TEXT = compact({"alg": "HS256", "kid": "a"})


class BrokenKey(VerificationKey):
    """A key whose library raises something strange that quotes the token."""

    __slots__ = ()

    def verify(self, signing_input: bytes, signature: bytes) -> NoReturn:
        """Break."""
        raise RuntimeError(f"{signing_input!r} {signature!r}")


class BrokenClock(Clock):
    """A clock that raises."""

    def __call__(self) -> float:
        """Break."""
        raise OSError(TEXT)


class NoKeySet:
    """A key source that returns something else."""

    def current(self) -> Any:
        """Nothing of use."""
        return 1

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """Never called."""
        raise AssertionError(kid)


class LateKeys:
    """A key source that has nothing at hand and then finds a broken key."""

    def current(self) -> None:
        """Nothing."""

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        """The broken key."""

        def looking() -> Steps[JWKSet]:
            return JWKSet([BrokenKey.from_secret(SECRET, algorithm="HS256")])
            yield

        return Flow(looking())


@pytest.mark.parametrize(
    "by",
    [
        pytest.param(verifier(policy(LateKeys())), id="the signature, with a key that was fetched"),
        pytest.param(verifier(policy(BrokenKey.from_secret(SECRET, algorithm="HS256"))), id="the signature"),
        pytest.param(verifier(policy(), clock=BrokenClock()), id="the clock"),
        pytest.param(verifier(policy(), clock=Clock(None)), id="a clock that says nothing"),  # type: ignore[arg-type]
        pytest.param(verifier(policy(NoKeySet())), id="a key source with something else"),
    ],
)
def test_an_unforeseen_error_denies(by: TokenVerifier, caplog: pytest.LogCaptureFixture) -> None:
    """401, the type of the error in the log, and not a word of the token anywhere."""
    with pytest.raises(InvalidTokenError) as caught:
        verify(TEXT, by)

    assert (caught.value.reason, caught.value.__context__, caught.value.__cause__) == ("unforeseen", None, None)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert shown(caught.value, caplog) == []


@pytest.mark.parametrize(
    "given", [None, [], hs256().verification_key, iter(())], ids=["nothing", "a list", "a key", "steps"]
)
def test_a_key_source_that_finds_something_else(given: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A key source that returns no key set is an outage."""

    class Astray(LateKeys):
        def refreshed(self, kid: str | None) -> Flow[JWKSet]:
            def looking() -> Steps[Any]:
                return given
                yield

            return Flow(looking())

    with pytest.raises(UnavailableError) as caught:
        verify(TEXT, verifier(policy(Astray())))

    assert (caught.value.reason, caught.value.__context__) == ("keys", None)
    assert "unforeseen TypeError from the key source" in caplog.text
    assert shown(caught.value, caplog) == []


def test_an_interrupt_is_no_refusal() -> None:
    """A BaseException such as KeyboardInterrupt is not turned into a refusal."""

    class Interrupted(Clock):
        def __call__(self) -> float:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify(TEXT, verifier(clock=Interrupted()))


def shown(error: BaseException, caplog: pytest.LogCaptureFixture, text: str = TEXT) -> list[str]:
    """The parts of a token that stand in its error, in the traceback or in the log."""
    everything = "".join((str(error), repr(error), *traceback.format_exception(error), caplog.text))
    return [part for part in text.split(".") if len(part) > 3 and part in everything]


@pytest.mark.parametrize(
    "text",
    [
        TEXT + "x" * 9000,
        TEXT + "\u00e9",
        TEXT + "=",
        TEXT + "." + TEXT,
        "Bearer " + TEXT,
        TEXT[:-1],
        TEXT[1:],
        TEXT.upper(),
        compact({"alg": "HS256", "crit": ["x"]}),
        compact({"alg": "none"}),
        compact({"alg": ["HS256"]}),
        compact({"alg": "HS256", "kid": "k" * 300}),
        compact({"alg": "HS256", "typ": "a strange kind"}),
        compact({"alg": "HS256", "kid": "someone-elses-key"}, key=hs256()),
        compact(b'{"alg":"HS256","alg":"HS256"}'),
        compact(payload=b"this is no claims set"),
        compact(payload=b'{"secret":"\\ud800"}'),
        compact(payload=b'{"secret":' + b"[" * 100),
        compact(payload=claims(exp=NOW - 100)),
        compact(payload=claims(aud="https://another.example")),
        compact(payload={**CLAIMS, "exp": "soon"}),
        compact(payload={**CLAIMS, "cnf": {"jkt": "thumbprint"}}),
        compact(key=hs256(secret="another secret, only an example!")),
    ],
    ids=range(23),
)
def test_no_refusal_shows_the_token(text: str, caplog: pytest.LogCaptureFixture) -> None:
    """Error, traceback and log hold no part of the token, encoded or decoded, and no chained error."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(JWTGuardError) as caught:
        verify(text, verifier(policy(hs256("a").verification_key)))

    assert (shown(caught.value, caplog, text), caught.value.__context__, caught.value.__cause__) == ([], None, None)
    assert "secret" not in str(caught.value)


def test_a_refusal_says_the_same_to_every_client() -> None:
    """The precise reason goes to the log, not to the client."""
    details = set()
    for text in (
        "",
        TEXT,
        compact(payload=claims(exp=0)),
        compact(payload=claims(aud="x")),
        f"{TEXT}.x",
    ):
        with pytest.raises(InvalidTokenError) as caught:
            verify(text, verifier(policy(hs256("b").verification_key)))
        details.add((caught.value.detail, caught.value.status, caught.value.error))

    assert len(details) == 1
