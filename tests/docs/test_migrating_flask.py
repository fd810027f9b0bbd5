"""docs/migrating.md works as it is shown, with tokens that the old library issued."""

from __future__ import annotations

import json
import re
from typing import Any

from jwtguard import InvalidTokenError, TrustedIssuer
from jwtguard.core.tokens.jws import sign
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.testing import FrozenClock
from tests.examples.documents import ROOT, run

DOCUMENT = ROOT / "docs" / "migrating.md"


def old_token(secret: str, kind: str, now: float) -> str:
    """As flask-jwt-extended issues it."""
    claims = {"sub": "alice", "type": kind, "fresh": False, "jti": "1", "iat": int(now), "exp": int(now) + 900}
    return sign(json.dumps(claims).encode(), SigningKey.from_secret(secret, algorithm="HS256"), header={"typ": "JWT"})


def test_every_block() -> None:
    """Old access tokens are taken until the day named, and an old refresh token starts a session."""
    shown = run(DOCUMENT, {"__name__": "migrating"})
    assert isinstance(shown["reader"], TrustedIssuer)
    guard, exchange, issuer, secret = (shown[name] for name in ("guard", "exchange", "issuer", "old_secret"))
    with FrozenClock(1_795_000_000) as clock:
        clock.take_over(guard, exchange.guard, issuer, shown["sessions"])
        old = old_token(secret, "access", clock())
        assert guard.verify(old).run().principal.subject == "alice"
        assert guard.verify(issuer.access_token("alice")).run().principal.subject == "alice"
        client = shown["app"].test_client()
        assert _exchange(client, old).status_code == 401
        answer = _exchange(client, old_token(secret, "refresh", clock()))
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert guard.verify(answer.json["access_token"]).run().principal.roles == {"user"}
        clock.move_to(shown["datetime"](2027, 1, 1, tzinfo=shown["timezone"].utc))
        assert _reason(guard, old_token(secret, "access", clock())) == "retired"


def _exchange(client: Any, text: str) -> Any:
    return client.post("/exchange", headers={"Authorization": f"Bearer {text}"})


def _reason(guard: Any, text: str) -> str:
    try:
        guard.verify(text).run()
    except InvalidTokenError as error:
        return error.reason
    return "accepted"


def test_what_the_tables_name_exists() -> None:
    """Each name of ours in the second column is one that a reader can type."""
    import jwtguard

    names = set(re.findall(r"\b([A-Z]\w+)\(", "\n".join(_second_columns())))
    assert {name for name in names if not hasattr(jwtguard, name)} <= {"FlaskGuard", "FastAPIGuard", "DjangoStore"}


def _second_columns() -> list[str]:
    rows = re.findall(r"^\| .*? \| (.*?) \| .*\|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 50
    return rows
