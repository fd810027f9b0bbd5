"""Whom a command asks about a token: the project's own guard, or one made of keys that the options name.

>>> guard_from(secret=b"not a secret, only an example!!!", audience=("https://api.example",))
Guard(issuer=UNCHECKED, audience=('https://api.example',), keys=JWKSet([VerificationKey(algorithm='HS256', kid=None)]))
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from jwtguard.cli.imports import load_guard
from jwtguard.cli.inputs import duration
from jwtguard.cli.key_inputs import algorithm_option, read_keys, read_secret, secret_options
from jwtguard.cli.output import Problem
from jwtguard.core.flow import Flow, run_async
from jwtguard.core.jwk import VerificationKey
from jwtguard.core.jwk_set import KeySource
from jwtguard.core.policy import DEFAULT_LEEWAY
from jwtguard.core.unchecked import UNCHECKED
from jwtguard.guard import Guard
from jwtguard.keys.openid import OpenIDProvider
from jwtguard.keys.remote import RemoteJWKSet

R = TypeVar("R")
T = TypeVar("T")

guard_option = click.option(
    "--guard",
    "guard_name",
    metavar="MODULE:NAME",
    help="Your project's guard, as in project.auth:guard; or django, for the one of its settings.",
)
key_options: Sequence[Callable[[Any], Any]] = (
    click.option(
        "--key-file", metavar="FILE", help="A key as PEM, JWK or JWK Set, or a directory of keys; - is standard input."
    ),
    click.option("--kid", help="The name of that key, for a file that does not say."),
    algorithm_option,
    secret_options,
)
"""The options that name a key at hand."""
_OPTIONS: Sequence[Callable[[Any], Any]] = (
    guard_option,
    *key_options,
    click.option("--jwks-url", metavar="URL", help="The address of a JWK Set."),
    click.option("--openid", metavar="ISSUER", help="An OpenID provider: its keys are found through its metadata."),
    click.option("--issuer", metavar="NAME", help="What iss must be; not checked if left out, unless --openid says."),
    click.option("--audience", metavar="NAME", multiple=True, help="What aud must hold; may be repeated."),
    click.option("--leeway", type=duration, metavar="DURATION", help="How far clocks may differ; 10s by default."),
)


def guard_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options that name a guard or its keys, as the argument `guard`.

    It is a function that makes it, so that a command says first what else is wrong.
    """

    @functools.wraps(command)
    def with_guard(*args: Any, **options: Any) -> R:  # noqa: ANN401 - what click hands over
        names = ("guard_name", "key_file", "kid", "algorithm", "secret_file", "secret_env", "secret_base64")
        given = {name: options.pop(name) for name in (*names, "jwks_url", "openid", "issuer", "audience", "leeway")}
        return command(*args, guard=functools.partial(_guard, given), **options)

    wrapped: Callable[..., R] = with_guard
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _guard(given: dict[str, Any]) -> Guard:
    name, leeway, audience = given.pop("guard_name"), given.pop("leeway"), given.pop("audience")
    others = [f"--{option.replace('_', '-')}" for option, value in given.items() if value]
    others += ["--leeway"] * (leeway is not None) + ["--audience"] * bool(audience)
    if name is not None:
        if others:
            raise Problem(f"--guard brings everything with it: leave out {', '.join(others)}")
        return load_guard(name)
    secret = None
    if given["secret_file"] is not None or given["secret_env"] is not None:
        secret = read_secret(given.pop("secret_file"), given.pop("secret_env"), base64=given["secret_base64"])
    elif given["secret_base64"]:
        raise Problem("--secret-base64 says how a secret is written: name it with --secret-file or --secret-env")
    sources = ("key_file", "kid", "algorithm", "jwks_url", "openid", "issuer")
    return guard_from(secret=secret, audience=audience, leeway=leeway, **{name: given[name] for name in sources})


def guard_from(
    *,
    key_file: str | None = None,
    secret: bytes | None = None,
    jwks_url: str | None = None,
    openid: str | None = None,
    kid: str | None = None,
    algorithm: str | None = None,
    issuer: str | None = None,
    audience: Iterable[str] = (),
    leeway: timedelta | None = None,
) -> Guard:
    """A guard with the keys of exactly one source. What is not said of issuer and audience is not checked.

    Raises `Problem` or `ConfigurationError`.
    """
    given = {
        "--key-file": key_file,
        "--secret-file or --secret-env": secret,
        "--jwks-url": jwks_url,
        "--openid": openid,
    }
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        found = f", not {' and '.join(named)} at once" if named else ""
        raise Problem(f"say what to verify with: --guard, or one of {', '.join(given)}{found}")
    algorithms = None if algorithm is None else [algorithm]
    keys: KeySource | Iterable[VerificationKey]
    # Plain http is for this machine alone, where a provider under development is: its address was typed in just now.
    if openid is not None:
        keys = OpenIDProvider(openid, algorithms=algorithms, allow_http_loopback=True)
        issuer = openid if issuer is None else issuer
    elif jwks_url is not None:
        keys = RemoteJWKSet(jwks_url, algorithms=algorithms, allow_http_loopback=True)
    elif key_file is not None:
        keys = read_keys(key_file, algorithm=algorithm, kid=kid)
    else:
        keys = [VerificationKey.from_secret(secret or b"", algorithm=algorithm or "HS256", kid=kid)]
    return Guard(
        issuer=UNCHECKED if issuer is None else issuer,
        audience=tuple(audience) or UNCHECKED,
        keys=keys,
        leeway=DEFAULT_LEEWAY if leeway is None else leeway,
    )


def ask(flow: Flow[T]) -> T:
    """What comes out of `flow`, on a loop, since a project's fetcher or session store may be async."""
    import asyncio  # noqa: PLC0415 - slow to import

    return asyncio.run(run_async(flow))


def unchecked(guard: Guard) -> list[str]:
    """What a guard does not look at, of what it should."""
    return [name for name, value in {"issuer": guard.issuer, "audience": guard.audience}.items() if value is UNCHECKED]
