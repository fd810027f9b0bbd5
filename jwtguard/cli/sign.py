"""`jwtguard sign`: make a token, for trying out an API.

>>> from click.testing import CliRunner
>>> arguments = ["--secret-env", "SECRET", "--issuer", "i", "--audience", "a", "--subject", "user-1"]
>>> CliRunner().invoke(command, arguments, env={"SECRET": "s" * 32}).output.count(".")
2
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import click

from jwtguard.cli.guard_options import guard_option, key_options
from jwtguard.cli.imports import load_guard
from jwtguard.cli.inputs import duration
from jwtguard.cli.key_inputs import RefusedKeyError, read_secret, read_signing_key
from jwtguard.cli.output import Problem
from jwtguard.cli.refused_keys import SECRET_ALGORITHMS, short, with_signature_of
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.issuer import ACCESS_TOKEN_LIFETIME, TokenIssuer
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.guard import Guard
from jwtguard.key_rotation.signing_keys import SigningKeys


def _claims(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """`name=value` with a value in JSON; what is no JSON is a string."""
    claims: dict[str, Any] = {}
    for each in given:
        name, equals, text = each.partition("=")
        if not equals or not name:
            raise click.BadParameter("a claim is written name=value, the value in JSON or as plain text")
        try:
            claims[name] = json.loads(text)
        except ValueError:
            claims[name] = text
    return claims


@click.command("sign")
@click.option("--subject", metavar="NAME", required=True, help="Who the token is for (sub).")
@click.option("--role", "roles", metavar="NAME", multiple=True, help="A role; may be repeated.")
@click.option("--scope", "scopes", metavar="NAME", multiple=True, help="A scope; may be repeated.")
@click.option("--permission", "permissions", metavar="NAME", multiple=True, help="A permission; may be repeated.")
@click.option(
    "--claim", "claims", metavar="NAME=JSON", multiple=True, callback=_claims, help="Another claim; may be repeated."
)
@click.option(
    "--expires-in",
    type=duration,
    metavar="DURATION",
    default="5m",
    show_default=True,
    help="How long it holds; -1m for one that expired a minute ago.",
)
@click.option("--session-id", metavar="ID", help="The session (sid).")
@click.option("--issuer", metavar="NAME", help="The issuer (iss).")
@click.option("--audience", metavar="NAME", multiple=True, help="The audience (aud); may be repeated.")
@click.option("--client-id", metavar="ID", default="jwtguard-cli", show_default=True, help="The client (client_id).")
@guard_option
@click.option("--key-file", metavar="FILE", help="The private key: PEM, JWK, JWK Set or a directory of keys.")
@key_options[1]
@key_options[2]
@key_options[3]
@click.option(
    "--allow-short-secret",
    is_flag=True,
    help="Sign with a secret that is too short for a guard, to try out another program.",
)
def command(
    subject: str,
    roles: tuple[str, ...],
    scopes: tuple[str, ...],
    permissions: tuple[str, ...],
    claims: dict[str, Any],
    expires_in: timedelta,
    session_id: str | None,
    issuer: str | None,
    audience: tuple[str, ...],
    client_id: str,
    guard_name: str | None,
    allow_short_secret: bool,  # noqa: FBT001
    **key: Any,  # noqa: ANN401 - the options of the key
) -> None:
    """Sign an access token (RFC 9068) and print it alone, for a pipe.

    With --guard, issuer and audience are those that your project's guard wants, and the key is its own, if it is a
    secret or a directory of keys; else name the key too.
    """
    guard = None if guard_name is None else load_guard(guard_name)
    if guard is not None:
        issuer, audience = issuer or _issuer(guard), audience or _audience(guard)
    short_secret: bytes | None = None
    try:
        signing_key = _key(guard, **key)
    except RefusedKeyError as error:
        algorithm = key["algorithm"] or "HS256"
        problem = short(error.content, algorithm) if error.is_secret and algorithm in SECRET_ALGORITHMS else None
        if problem is None:
            raise
        if not allow_short_secret:
            raise Problem(f"{error.message}; --allow-short-secret signs all the same") from None
        short_secret = error.content
        # It makes the token, whose signature is replaced below.
        signing_key = SigningKey.generate(algorithm, kid=key["kid"])
        click.echo(f"A guard refuses the secret: {problem}.", err=True)
    missing = [name for name, value in {"--issuer": issuer, "--audience": audience}.items() if not value]
    if missing:
        raise Problem(f"a token needs {' and '.join(missing)}: write what your guard wants, or name it with --guard")
    seconds = expires_in.total_seconds()
    lifetime = expires_in if seconds > 0 else ACCESS_TOKEN_LIFETIME
    # One that has expired was issued so long ago that it had its usual time to live.
    issued_at = time.time() + min(0.0, seconds - lifetime.total_seconds())
    made = TokenIssuer(
        issuer=str(issuer),
        audience=audience[0] if len(audience) == 1 else audience,
        client_id=client_id,
        signing_keys=[signing_key],
        access_token_lifetime=lifetime,
        clock=lambda: issued_at,
    )
    text = made.access_token(
        subject,
        roles=roles,
        scope=[word for scope in scopes for word in scope.split()],
        permissions=permissions,
        session_id=session_id,
        claims=claims,
    )
    click.echo(text if short_secret is None else with_signature_of(short_secret, text))


def _key(
    guard: Guard | None,
    *,
    key_file: str | None,
    kid: str | None,
    algorithm: str | None,
    secret_file: str | None,
    secret_env: str | None,
    secret_base64: bool,
) -> SigningKey:
    has_secret = secret_file is not None or secret_env is not None
    if key_file is not None and has_secret:
        raise Problem("name one key: --key-file, --secret-file or --secret-env")
    if key_file is not None:
        return read_signing_key(key_file, algorithm=algorithm, kid=kid)
    if has_secret:
        secret = read_secret(secret_file, secret_env, base64=secret_base64)
        try:
            return SigningKey.from_secret(secret, algorithm=algorithm or "HS256", kid=kid)
        except ConfigurationError as error:
            problem = error.detail
        raise RefusedKeyError(problem, content=secret, is_secret=True, problem=problem)
    own = None if guard is None else _own_key(guard)
    if own is None:
        others = "--key-file, --secret-file or --secret-env"
        raise Problem(f"name the key to sign with: {others}" + (" (the guard can only check)" if guard else ""))
    return own


def _own_key(guard: Guard) -> SigningKey | None:
    """The key of a guard that could sign too: its keys are a directory, or a secret."""
    for policy in guard.trust.policies:
        if isinstance(policy.keys, SigningKeys):
            return policy.keys.signing_key
        for key in policy.keys.current() or ():
            if key.is_symmetric:
                return SigningKey.from_secret(key.material, algorithm=key.algorithm, kid=key.kid)
    return None


def _issuer(guard: Guard) -> str | None:
    return next((policy.issuer for policy in guard.trust.policies if isinstance(policy.issuer, str)), None)


def _audience(guard: Guard) -> tuple[str, ...]:
    """The first that the guard takes."""
    return next(
        (tuple(sorted(policy.accepted_audiences))[:1] for policy in guard.trust.policies if policy.accepted_audiences),
        (),
    )
