"""Our own keys on disk: next, current, retired; several processes; secrets; and the day one is stolen."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jwtguard import (
    ConfigurationError,
    Grants,
    Guard,
    InvalidTokenError,
    JWKSet,
    Sessions,
    SigningKey,
    SigningKeys,
    TokenIssuer,
    UnavailableError,
)
from jwtguard.core.tokens.jws import sign
from jwtguard.stores.memory import MemoryStore
from tests.core.keys import hs256, signing_key
from tests.key_sources.scripted import AUDIENCE, ISSUER, NOW, Clock, as_json, claims

HOUR, LEEWAY = 3600, 300
KINDS = ["keys", "keys.json"]
"""A directory of PEM files, and a JWK Set file."""


@pytest.fixture(params=KINDS)
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / "deep" / str(request.param)


class Process:
    """One process with its own view of the files: keys, issuer and guard."""

    def __init__(self, path: Path, clock: Clock, **settings: Any) -> None:
        self.clock = clock
        self.keys = SigningKeys(path, clock=clock, **settings)
        self.issuer = TokenIssuer(
            issuer=ISSUER,
            audience=AUDIENCE,
            client_id="web",
            signing_keys=self.keys,
            access_token_lifetime=timedelta(hours=1),
            clock=clock,
        )
        self.guard = Guard(issuer=ISSUER, audience=AUDIENCE, keys=self.keys, clock=clock)

    def token(self) -> str:
        return self.issuer.access_token("user-1")

    def outcome(self, text: str) -> str:
        try:
            self.guard.verify(text).run()
        except InvalidTokenError as error:
            return error.reason
        return "accepted"

    def roles(self) -> list[str]:
        return [state.role for state in self.keys.states()]

    def published(self) -> list[str]:
        return [key["kid"] for key in self.issuer.jwks()["keys"]]


def test_rotation(path: Path) -> None:
    """Published first, then signing; the old one stays until its last token has expired, and not much longer."""
    clock = Clock()
    here = Process(path, clock, algorithm="ES256")
    elsewhere = Process(path, clock)
    first = here.keys.signing_key.kid
    coming = here.keys.rotate()
    assert (here.roles(), here.published()) == (["current", "next"], [first, coming.kid])
    clock.now += 5
    assert (elsewhere.roles(), elsewhere.published()) == (["current", "next"], [first, coming.kid])
    clock.now = NOW + HOUR - 1
    last = elsewhere.token()
    assert elsewhere.issuer.signing_key.kid == first
    clock.now = NOW + HOUR
    assert {here.issuer.signing_key.kid, elsewhere.issuer.signing_key.kid} == {coming.kid}
    assert (here.roles(), len(here.published())) == (["retired", "current"], 2)
    clock.now = NOW + 2 * HOUR - 2
    assert [here.outcome(last), elsewhere.outcome(last)] == ["accepted", "accepted"]
    assert here.keys.states()[0].until == NOW + 2 * HOUR + LEEWAY
    clock.now = NOW + 2 * HOUR + LEEWAY
    assert (here.roles(), here.published()) == (["expired", "current"], [coming.kid])
    here.keys.rotate()
    assert here.roles() == ["current", "next"]


def test_retiring(path: Path) -> None:
    """The next key signs at once, or a new one of the same kind; what the retired one signed stays good."""
    clock = Clock()
    here = Process(path, clock, algorithm="EdDSA")
    elsewhere = Process(path, clock)
    token = here.token()
    coming = here.keys.rotate()
    assert here.keys.retire().kid == coming.kid
    assert (here.roles(), here.outcome(token)) == (["retired", "current"], "accepted")
    clock.now += 5
    assert elsewhere.keys.retire().algorithm == "EdDSA"
    assert (elsewhere.roles(), elsewhere.outcome(token)) == (["retired", "retired", "current"], "accepted")
    clock.now += HOUR + LEEWAY
    here.keys.retire()
    assert here.roles() == ["retired", "current"]


def test_retiring_where_no_key_is_trusted(path: Path) -> None:
    """A new key signs."""
    keys = SigningKeys(path, algorithm="ES384")
    file = path if path.suffix else path / "state.json"
    file.write_text(file.read_text().replace('"signs_from"', '"compromised": true, "signs_from"'))
    keys = SigningKeys(path)
    assert [state.role for state in keys.states()] == ["compromised"]
    assert keys.retire().algorithm == "ES256"
    assert [state.role for state in keys.states()] == ["compromised", "current"]


def test_hundred_rotations_refuse_no_token(path: Path) -> None:
    """Over a hundred rotations no unexpired token is refused, also by a process that only reads."""
    clock = Clock()
    here, elsewhere = Process(path, clock, algorithm="EdDSA"), Process(path, clock)
    tokens: list[tuple[float, str]] = []
    for _ in range(100):
        here.keys.rotate()
        clock.now += 1700
        tokens.append((clock.now + HOUR, elsewhere.token()))
        tokens = [(expires, text) for expires, text in tokens if clock.now < expires]
        assert {each.outcome(text) for each in (here, elsewhere) for _, text in tokens} == {"accepted"}
    assert len(here.keys.states()) <= 5


def test_rotating_twice_makes_one_key(path: Path) -> None:
    """Two processes that rotate at once agree on the next key."""
    clock = Clock()
    here, elsewhere = Process(path, clock, algorithm="ES256"), Process(path, clock)
    assert here.keys.rotate().kid == elsewhere.keys.rotate().kid
    assert elsewhere.roles() == ["current", "next"]


def _first_key(path: str, found: Any) -> None:
    found.put(SigningKeys(path, algorithm="ES256").signing_key.kid)


def test_processes_agree_on_the_first_key(path: Path) -> None:
    """Started at the same time in an empty place, they make one key together."""
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    processes = [context.Process(target=_first_key, args=(str(path), found)) for _ in range(3)]
    for process in processes:
        process.start()
    kids = {found.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(10)
    assert len(kids) == 1


def test_threads_agree_on_the_first_key(path: Path) -> None:
    """Threads that start at once agree on the first key."""
    kids: list[str | None] = []
    make: Callable[[], None] = lambda: kids.append(SigningKeys(path, algorithm="EdDSA").signing_key.kid)  # noqa: E731
    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (len(kids), len(set(kids))) == (4, 1)


@pytest.mark.parametrize("has_next", [False, True])
def test_compromised_key(path: Path, has_next: bool) -> None:
    """Refused at once where it was marked, cache included; elsewhere within the interval; and published nowhere."""
    clock = Clock()
    here, elsewhere = Process(path, clock, algorithm="ES256"), Process(path, clock)
    stolen = here.token()
    kid = str(here.keys.signing_key.kid)
    coming = here.keys.rotate().kid if has_next else None
    assert [here.outcome(stolen), elsewhere.outcome(stolen)] == ["accepted", "accepted"]
    here.keys.compromise(kid)
    assert here.outcome(stolen) == "key"
    assert (kid in here.published(), len(here.published())) == (False, 1)
    assert here.roles() == ["compromised", "current"]
    clock.now += 4.9
    assert elsewhere.outcome(stolen) == "accepted"
    clock.now += 0.1
    assert elsewhere.outcome(stolen) == "key"
    assert kid not in elsewhere.published()
    assert here.outcome(elsewhere.token()) == "accepted"
    if has_next:
        assert elsewhere.keys.signing_key.kid == coming


def test_retired_key_is_compromised(path: Path) -> None:
    """The one that signs goes on signing."""
    clock = Clock()
    here = Process(path, clock, algorithm="ES256")
    old = here.token()
    first = str(here.keys.signing_key.kid)
    here.keys.rotate(at_once=True)
    signer = here.keys.signing_key
    here.keys.compromise(first)
    assert [here.outcome(old), here.outcome(here.token())] == ["key", "accepted"]
    assert here.keys.signing_key.kid == signer.kid
    assert [key.kid for key in here.keys] == [signer.kid]
    with pytest.raises(ConfigurationError, match="there is no key with the kid 'other': there are"):
        here.keys.compromise("other")


@pytest.mark.parametrize("algorithm", ["ES256", "HS256"])
def test_key_of_another_process_signs_at_once(path: Path, algorithm: str) -> None:
    """A process that has not looked at the files yet refuses none of its tokens: those were no reason to log in."""
    clock = Clock()
    here, elsewhere = Process(path, clock, algorithm=algorithm), Process(path, clock)
    here.keys.rotate(at_once=True)
    outcomes = [elsewhere.outcome(here.token())]
    here.keys.compromise(here.keys.signing_key.kid or "")
    outcomes.append(elsewhere.outcome(here.token()))
    assert outcomes == ["accepted", "accepted"]


def test_unknown_keys_and_damaged_files(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Invented names read damaged files, and log that, once an interval."""
    clock = Clock()
    here = Process(path, clock, algorithm="ES256")
    (path if path.suffix else path / "state.json").write_text("{", encoding="ascii")
    stranger = signing_key("ES256", "stranger")
    tokens = [sign(as_json(claims(jti=str(number))), stranger) for number in range(5)]
    assert [here.outcome(text) for text in tokens] == ["key"] * 5
    assert len([record for record in caplog.records if "signing keys at" in record.message]) == 1


def test_key_is_deleted_while_the_directory_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another process that rotates: one that starts meanwhile does start."""
    clock = Clock()
    path = tmp_path / "keys"
    here = Process(path, clock, algorithm="ES256")
    first = here.keys.signing_key.kid
    here.keys.rotate(at_once=True)
    listed = Path.iterdir

    def gone_since(self: Path) -> list[Path]:
        found = list(listed(self))
        (path / f"{first}.pem").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(Path, "iterdir", gone_since)
    assert [state.role for state in SigningKeys(path, clock=clock).states()] == ["current"]


def test_secret_is_rotated_without_logout(path: Path) -> None:
    """Old tokens carry no kid, and stay good until they expire; the new secret signs meanwhile; none is published."""
    clock = Clock()
    old_secret = "the secret of all these years!!!"
    nameless = sign(as_json(claims(exp=NOW + 600)), hs256(secret=old_secret))
    here, elsewhere = Process(path, clock, algorithm="HS256"), Process(path, clock)
    assert here.outcome(nameless) == "signature"
    here.keys.add(hs256("legacy", secret=old_secret), for_tokens_without_kid=True)
    clock.now += 5
    for process in (here, elsewhere):
        assert [process.outcome(nameless), process.outcome(process.token())] == ["accepted", "accepted"]
        assert process.published() == []
    named = sign(as_json(claims()), hs256("legacy", secret=old_secret))
    assert here.outcome(named) == "accepted"
    assert here.outcome(sign(as_json(claims()), hs256("unknown", secret=old_secret))) == "key"
    here.keys.rotate()
    clock.now += HOUR
    assert [here.outcome(nameless), here.outcome(here.token())] == ["expired", "accepted"]
    clock.now = NOW + HOUR + LEEWAY + 5
    assert here.outcome(named) == "key"
    # Another key may take over the mark.
    here.keys.add(hs256("older", secret="another secret of those years!!!"), for_tokens_without_kid=True)
    here.keys.add(hs256("oldest", secret="the first secret of those years!"), for_tokens_without_kid=True)
    assert here.outcome(sign(as_json(claims()), hs256(secret="the first secret of those years!"))) == "accepted"


@pytest.mark.parametrize("role", ["current", "retired"])
def test_never_for_refresh_tokens(path: Path, role: str) -> None:
    """A secret that signs access tokens, or did, is refused as a refresh key: who checks with it could sign them."""
    keys = SigningKeys(path, algorithm="HS256")
    shared = keys.signing_key
    if role == "retired":
        keys.rotate(at_once=True)
    issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=keys)
    made: dict[str, Any] = {"issuer": issuer, "store": MemoryStore(), "load": lambda _: Grants()}
    with pytest.raises(ConfigurationError, match="share a key"):
        Sessions(**made, refresh_keys=[shared])
    assert Sessions(**made, refresh_keys=[SigningKey.generate("HS256", kid="r1")])


def test_added_names(path: Path) -> None:
    """An added key needs a name that is not taken, and that can be a file's."""
    keys = SigningKeys(path, algorithm="ES256")
    keys.add(signing_key("ES256", "old"))
    with pytest.raises(ConfigurationError, match="there is a key with the kid 'old' already"):
        keys.add(signing_key("ES256", "old"))
    for kid in (None, "../evil", "a/b", ".hidden", "x" * 129):
        with pytest.raises(ConfigurationError, match="a stored key needs a kid of letters"):
            keys.add(signing_key("ES256", kid))


def test_mark_needs_a_key() -> None:
    """A set in memory can have such a key too; it must be there."""
    keys = JWKSet([hs256("a").verification_key], for_tokens_without_kid="a")
    assert keys.candidates(None, "HS256") == keys.keys
    assert (keys.candidates(None, "HS512"), keys.candidates("b", "HS256")) == ((), ())
    with pytest.raises(ConfigurationError, match="for_tokens_without_kid names 'b', and no key is it"):
        JWKSet([hs256("a").verification_key], for_tokens_without_kid="b")


@pytest.mark.parametrize("algorithm", ["HS512", "RS256", "PS384", "ES384", "ES512", "EdDSA", "Ed448"])
def test_every_algorithm_is_kept(path: Path, algorithm: str) -> None:
    """A written key of each algorithm is read back, readable by the owner alone."""
    made = signing_key(algorithm, "it")
    keys = SigningKeys(path, algorithm=algorithm)
    keys.add(made)
    (again,) = [key for key in SigningKeys(path) if key.kid == "it"]
    assert again.algorithm == algorithm
    again.verification_key.verify(b"data", made.sign(b"data"))
    files = [path] if path.is_file() else list(path.iterdir())
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_pem_files_put_there_by_hand(tmp_path: Path) -> None:
    """PEM files that were added by hand count by the order of their names, and all stay."""
    for kid, algorithm in (("2024", "RS256"), ("2025", "Ed448"), ("2026", "ES384")):
        (tmp_path / f"{kid}.pem").write_bytes(signing_key(algorithm).to_private_pem())
    keys = SigningKeys(tmp_path, clock=Clock())
    assert [(key.kid, key.algorithm) for key in keys] == [("2024", "RS256"), ("2025", "EdDSA"), ("2026", "ES384")]
    assert (keys.signing_key.kid, [state.role for state in keys.states()]) == (
        "2026",
        ["retired", "retired", "current"],
    )
    assert keys.rotate().algorithm == "ES384"
    assert [state.role for state in keys.states()] == ["retired", "retired", "current", "next"]


def test_no_disk_on_the_warm_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the interval nothing is looked at; then once, in a thread if there is a loop."""
    clock = Clock()
    here = Process(path, clock, algorithm="ES256")
    text = here.token()
    assert here.outcome(text) == "accepted"
    looked: list[int] = []
    stamp = here.keys._files.stamp

    def look(self: object) -> object:
        looked.append(threading.get_ident())
        return stamp()

    monkeypatch.setattr(type(here.keys._files), "stamp", look)
    assert ([here.outcome(text) for _ in range(5)], looked) == (["accepted"] * 5, [])
    clock.now += 5

    async def verify() -> object:
        return await here.guard.verify(text)

    asyncio.run(verify())
    assert len(looked) == 1
    assert looked[0] != threading.get_ident()
    assert here.keys.refreshed(None).run() is here.keys.current()
    assert here.outcome(text) == "accepted"
    assert len(looked) == 1


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_text("{"), "holds no JSON object"),
        (lambda path: path.write_text('{"keys": []}'), "no keys are left in the files"),
        (lambda path: path.unlink(), "the files are gone"),
        (lambda path: (path.unlink(), path.mkdir()), "Is a directory"),
    ],
)
def test_damaged_files_end_no_session(tmp_path: Path, damage: Any, message: str) -> None:
    """The keys at hand serve on, and the state says why."""
    clock, path = Clock(), tmp_path / "keys.json"
    here = Process(path, clock, algorithm="ES256")
    good = path.read_bytes()
    damage(path)
    clock.now += 5
    assert [here.outcome(here.token()), here.outcome(here.token())] == ["accepted", "accepted"]
    assert message in str(here.keys.last_error)
    if path.is_dir():
        path.rmdir()
    path.write_bytes(good)
    clock.now += 5
    assert (here.outcome(here.token()), here.keys.last_error) == ("accepted", None)


ENTRY = signing_key("ES256", "it").to_private_jwk()
WRONG: list[tuple[Any, str]] = [
    ({}, 'pass algorithm="ES256" to have a first one made'),
    ({"keys": {}}, "is no JWK Set"),
    ({"keys": ["x"]}, "is no JWK Set"),
    ([], "holds no JSON object"),
    ({"keys": [{**ENTRY, "kid": None}]}, "a stored key needs a kid"),
    ({"keys": [signing_key("ES256", "it").verification_key.to_jwk()]}, "the JWK is a public key"),
    ({"keys": [ENTRY, ENTRY]}, "two stored keys have the same kid"),
    ({"keys": [{**ENTRY, "signs_from": "today"}]}, "signs_from of 'it': numbers are meant"),
    ({"keys": [{**ENTRY, "signs_from": True}]}, "signs_from of 'it': numbers are meant"),
    ({"keys": [{**ENTRY, "compromised": "yes"}]}, "compromised of 'it': true or false is meant"),
    (
        {"keys": [{**ENTRY, "kid": kid, "for_tokens_without_kid": True} for kid in ("a", "b")]},
        "only one key can be for_tokens_without_kid",
    ),
]


@pytest.mark.parametrize(("document", "message"), WRONG)
def test_wrong_file(tmp_path: Path, document: Any, message: str) -> None:
    """A wrong file is refused when it is loaded, without a quotation."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match=message) as refused:
        SigningKeys(path)
    assert ENTRY["d"] not in str(refused.value)


def test_wrong_directory(tmp_path: Path) -> None:
    """A wrong directory is refused when it is loaded."""
    (tmp_path / "it.pem").write_bytes(b"no key")
    with pytest.raises(ConfigurationError, match="expected one key in PEM form"):
        SigningKeys(tmp_path)
    (tmp_path / "it.pem").write_bytes(signing_key("ES256").to_private_pem())
    (tmp_path / "state.json").write_text('{"it": []}')
    with pytest.raises(ConfigurationError, match="what is known of 'it' is no JSON object"):
        SigningKeys(tmp_path)
    with pytest.raises(ConfigurationError, match="there are no keys at"):
        SigningKeys(tmp_path / "nowhere")
    (tmp_path / "nowhere").write_text("a file")
    with pytest.raises(ConfigurationError, match="cannot be read: Not a directory"):
        SigningKeys(tmp_path / "nowhere" / "keys")


def test_all_keys_compromised_by_hand(tmp_path: Path) -> None:
    """Without a key that may sign, signing is an error."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{**ENTRY, "compromised": True}]}))
    keys = SigningKeys(path)
    with pytest.raises(UnavailableError, match="no_signing_key"):
        _ = keys.signing_key
    assert keys.rotate(at_once=True).algorithm == "ES256"


def test_first_key_in_the_future(tmp_path: Path) -> None:
    """A clock that lags behind the one that made the keys signs with the first to come."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [{**ENTRY, "signs_from": NOW + 60}]}))
    assert SigningKeys(path, clock=Clock()).signing_key.kid == "it"


def test_settings(tmp_path: Path) -> None:
    """All problems at once; and an issuer whose tokens outlive the keys is refused."""
    with pytest.raises(ConfigurationError) as refused:
        SigningKeys(tmp_path, publish_before=1, max_token_lifetime=2, reload_interval=3)  # type: ignore[arg-type]
    assert len(refused.value.problems) == 3
    keys = SigningKeys(tmp_path, algorithm="ES256", max_token_lifetime=timedelta(minutes=1))
    with pytest.raises(ConfigurationError, match="longer than the max_token_lifetime of its signing_keys"):
        TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=keys)
    assert repr(keys) == f"SigningKeys({str(tmp_path)!r})"
    made = TokenIssuer(
        issuer=ISSUER,
        audience=AUDIENCE,
        client_id="web",
        signing_keys=keys,
        access_token_lifetime=timedelta(minutes=1),
    )
    assert made.verification_keys is keys


def test_published_with_cache_headers(path: Path) -> None:
    """Others may keep the set for a while that ends before the next key signs."""
    process = Process(path, Clock(), algorithm="ES256", publish_before=timedelta(minutes=2))
    answer = process.issuer.jwks_answer()
    assert dict(answer.headers) == {
        "Content-Type": "application/jwk-set+json",
        "Cache-Control": "public, max-age=60",
    }
    assert json.loads(answer.body) == process.issuer.jwks()
    listed = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=[signing_key("ES256")])
    assert dict(listed.jwks_answer().headers)["Cache-Control"] == "public, max-age=300"


def test_secret_has_no_pem() -> None:
    """A shared secret has no PEM form: the error says what to use."""
    with pytest.raises(ConfigurationError, match="use to_private_jwk"):
        hs256().to_private_pem()


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
def test_private_numbers_keep_their_zeros(algorithm: str) -> None:
    """RFC 7518 §6.2.2.1: the private number is as long as the curve says."""
    lengths = {len(SigningKey.generate(algorithm).to_private_jwk()["d"]) for _ in range(20)}
    assert lengths == {{"ES256": 43, "ES384": 64, "ES512": 88}[algorithm]}


def test_umask_and_leftovers(path: Path) -> None:
    """No temporary file stays behind."""
    SigningKeys(path, algorithm="ES256").rotate()
    assert not [name for name in os.listdir(path if path.is_dir() else path.parent) if name.endswith(".tmp")]
