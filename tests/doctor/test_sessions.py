"""Guards and the sessions beside them: whether their tokens are taken, and how long they outlive a logout."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jwtguard import RemoteJWKSet, SessionRevocation, SigningKey, SigningKeys
from jwtguard.doctor.keys import check_signing_keys
from jwtguard.doctor.sessions import check_guards_of_sessions, check_revocation
from jwtguard.doctor.stores import check_kind_of_store, check_redis, check_stores_answer
from jwtguard.stores.memory import MemoryStore
from jwtguard.stores.sqlite import SQLiteStore
from tests.doctor.contexts import codes, context, sessions
from tests.samples import clock, guard, issuer

REFUSED = [("error", "tokens_refused")]


@pytest.mark.parametrize(
    ("guards", "expected"),
    [
        ([{}], []),
        ([{"audience": "https://other.example"}], REFUSED),
        ([{"issuer": "https://other.example"}], REFUSED),
        ([{"keys": SigningKey.generate("HS256").verification_key}], REFUSED),
        ([{"audience": "https://other.example"}, {}], []),
        # That would ask the network; and keys that cannot be had are another finding.
        ([{"keys": RemoteJWKSet("https://issuer.example/jwks")}], []),
        ([], []),
    ],
)
def test_tokens_of_the_sessions(guards: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    """Some guard must take what the sessions issue."""
    found = check_guards_of_sessions(context(guards=[guard(**each) for each in guards], sessions=[sessions()]))
    assert codes(found) == expected


def test_keys_that_cannot_sign(tmp_path: Path) -> None:
    """An issuer whose keys are all compromised issues nothing to show; that is a finding of its own."""
    entry = SigningKey.generate("ES256", kid="k1").to_private_jwk() | {"compromised": True}
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [entry]}))
    (tmp_path / "keys.json").chmod(0o600)
    asked = context(sessions=[sessions(issuer=issuer(signing_keys=SigningKeys(tmp_path / "keys.json", clock=clock)))])
    assert codes(check_guards_of_sessions(asked)) == []
    assert codes(check_signing_keys(asked)) == [("error", "no_signing_key")]


def test_long_lives() -> None:
    """Tokens of more than an hour outlive their session, unless a look-up tells that it has ended."""
    long = issuer(access_token_lifetime=timedelta(hours=2))
    store = MemoryStore()
    asking = guard(revocation=SessionRevocation(store))
    assert codes(check_revocation(context(sessions=[sessions(issuer=long)]))) == [
        ("warning", "tokens_outlive_sessions")
    ]
    assert codes(check_revocation(context(sessions=[sessions()]))) == []
    assert codes(check_revocation(context(guards=[asking], sessions=[sessions(issuer=long, store=store)]))) == []


def test_another_store() -> None:
    """A guard that asks another store in memory than the sessions' finds no session there."""
    asking = guard(revocation=SessionRevocation(MemoryStore()))
    assert codes(check_revocation(context(guards=[asking], sessions=[sessions()]))) == [
        ("error", "revocation_elsewhere")
    ]


@pytest.mark.parametrize(("workers", "severity"), [(None, "warning"), (1, "warning"), (2, "error")])
def test_sessions_in_memory(workers: int | None, severity: str) -> None:
    """They end with the process, and with several workers users are logged out at random."""
    assert codes(check_kind_of_store(context(sessions=[sessions()], workers=workers))) == [(severity, "memory_store")]


def test_sessions_on_disk(tmp_path: Path) -> None:
    """A file is shared by workers; it answers; nothing of Redis is asked."""
    with SQLiteStore(tmp_path / "sessions.db") as store:
        asked = context(sessions=[sessions(store=store)], workers=4, asks_network=True)
        assert codes(check_kind_of_store(asked)) == codes(check_stores_answer(asked)) == codes(check_redis(asked)) == []


def test_a_store_that_does_not_answer(tmp_path: Path) -> None:
    """An error of the store is reported by its type; offline the store is not called."""
    folder = tmp_path / "gone"
    folder.mkdir()
    with SQLiteStore(folder / "sessions.db") as store:
        folder.rmdir()
        asked = context(guards=[guard(revocation=SessionRevocation(store))], asks_network=True)
        (found,) = check_stores_answer(asked)
        assert codes(check_stores_answer(context(sessions=[sessions(store=store)]))) == []
    assert (found.severity, found.code) == ("error", "store_unreachable")
    assert "SQLiteStore" in found.what


def test_a_store_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer in time is no answer."""
    from jwtguard.doctor import stores

    def hanging(make: Any) -> None:
        make().take().close()
        raise TimeoutError("there was no answer within 10 s")

    monkeypatch.setattr(stores, "answer_of", hanging)
    (found,) = check_stores_answer(context(sessions=[sessions()], asks_network=True))
    assert "no answer within 10 s" in found.what
