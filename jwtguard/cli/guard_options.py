"""The guard of a command: the project's own, or one built from the keys that the options name.

>>> options = GuardOptions(openid="https://login.example", audience=("https://api.example",))
>>> options.guard().issuer, options.given
('https://login.example', ['--openid', '--audience'])
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, TypeVar

import click

from jwtguard.cli.imports import load_guard
from jwtguard.cli.inputs import duration
from jwtguard.cli.key_inputs import algorithm_option, read_keys, read_secret, secret_key, secret_options
from jwtguard.cli.output import Problem
from jwtguard.cli.refused_keys import secret_algorithm
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import Flow, run_async
from jwtguard.core.tokens.claims_policy import DEFAULT_LEEWAY
from jwtguard.core.tokens.jwk_set import KeySource
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.guard import Guard
from jwtguard.key_sources.openid_discovery import OpenIDProvider
from jwtguard.key_sources.remote_jwk_set import RemoteJWKSet

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
    click.option(
        "--allow-http-host",
        "allow_http_hosts",
        metavar="HOST",
        multiple=True,
        help="Speak plain http to this host, too; may be repeated.",
    ),
    click.option("--issuer", metavar="NAME", help="What iss must be; not checked if left out, unless --openid says."),
    click.option("--audience", metavar="NAME", multiple=True, help="What aud must hold; may be repeated."),
    click.option("--leeway", type=duration, metavar="DURATION", help="How far clocks may differ; 10s by default."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardOptions:
    """What the options said: the name of a guard, or what one is to be made of."""

    guard_name: str | None = None
    key_file: str | None = None
    kid: str | None = None
    algorithm: str | None = None
    secret_file: str | None = None
    secret_env: str | None = None
    secret_base64: bool = False
    jwks_url: str | None = None
    openid: str | None = None
    allow_http_hosts: tuple[str, ...] = ()
    issuer: str | None = None
    audience: tuple[str, ...] = ()
    leeway: timedelta | None = None

    @property
    def unchecked(self) -> list[str]:
        """What the options leave unchecked, of what a guard should check."""
        issuer = self.openid if self.issuer is None else self.issuer
        return [name for name, value in {"issuer": issuer, "audience": self.audience}.items() if not value]

    @property
    def given(self) -> list[str]:
        """The options that were given, besides `--guard`."""
        names = [field.name for field in fields(self) if field.name != "guard_name"]
        options = {"allow_http_hosts": "--allow-http-host"}
        return [
            options.get(name, f"--{name.replace('_', '-')}")
            for name in names
            if getattr(self, name) not in {None, False, ()}
        ]

    def guard(self, token: str = "") -> Guard:
        """The guard; raises `Problem` or `ConfigurationError`. What is not said of issuer and audience is unchecked.

        A secret without `--algorithm` is for the one that `token` names, if that takes a secret.
        """
        if self.guard_name is not None:
            if self.given:
                raise Problem(f"--guard brings everything with it: leave out {', '.join(self.given)}")
            return load_guard(self.guard_name)
        issuer = self.openid if self.issuer is None else self.issuer
        return Guard(
            issuer=UNCHECKED if issuer is None else issuer,
            audience=self.audience or UNCHECKED,
            keys=self._keys(token),
            leeway=DEFAULT_LEEWAY if self.leeway is None else self.leeway,
        )

    def _keys(self, token: str) -> KeySource | Iterable[VerificationKey]:
        sources = ("--key-file", "--secret-file", "--secret-env", "--jwks-url", "--openid")
        named = [name for name in self.given if name in sources]
        if len(named) != 1:
            found = f", not {' and '.join(named)} at once" if named else ""
            raise Problem(f"say what to verify with: --guard, or one of {', '.join(sources)}{found}")
        if self.openid is not None or self.jwks_url is not None:
            return self._fetched()
        if self.allow_http_hosts:
            raise Problem("--allow-http-host is for --jwks-url and --openid: leave it out")
        if self.key_file is not None:
            return read_keys(self.key_file, algorithm=self.algorithm, kid=self.kid)
        secret = read_secret(self.secret_file, self.secret_env, base64=self.secret_base64)
        return [secret_key(secret, algorithm=self.algorithm or secret_algorithm(token), kid=self.kid)]

    def _fetched(self) -> KeySource:
        # Plain http to this machine needs no option: a provider under development is there, and was just typed in.
        settings: dict[str, Any] = {
            "algorithms": None if self.algorithm is None else [self.algorithm],
            "allow_http_loopback": True,
            "allow_http_hosts": self.allow_http_hosts,
        }
        try:
            if self.openid is not None:
                return OpenIDProvider(self.openid, **settings)
            return RemoteJWKSet(str(self.jwks_url), **settings)
        except ConfigurationError as error:
            # What code is to write, said for a command line.
            detail = re.sub(r"allow_http_hosts=\['([^']*)'\]", r"--allow-http-host \1", error.detail)
        raise Problem(detail)


def guard_options(command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options that name a guard or its keys, as the argument `guard`, a `GuardOptions`."""

    @functools.wraps(command)
    def with_guard(*args: Any, **options: Any) -> R:  # noqa: ANN401 - what click hands over
        said = {field.name: options.pop(field.name) for field in fields(GuardOptions)}
        return command(*args, guard=GuardOptions(**said), **options)

    wrapped: Callable[..., R] = with_guard
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def ask(flow: Flow[T]) -> T:
    """What comes out of `flow`, on a loop, since a project's fetcher or session store may be async."""
    import asyncio  # noqa: PLC0415 - slow to import

    return asyncio.run(run_async(flow))


def unchecked(guard: Guard) -> list[str]:
    """What a guard does not look at, of what it should."""
    return [name for name, value in {"issuer": guard.issuer, "audience": guard.audience}.items() if value is UNCHECKED]
