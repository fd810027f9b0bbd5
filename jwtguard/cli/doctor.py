"""`jwtguard doctor`: checks a configuration or an application, and says what to change.

>>> from click.testing import CliRunner
>>> int(CliRunner().invoke(command, ["--config", "no-such-file.json"]).exit_code)
2
"""

from __future__ import annotations

import json
import os
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from textwrap import wrap
from typing import Any

import click
from rich.text import Text

from jwtguard.cli.imports import DJANGO, load, load_app, load_guard
from jwtguard.cli.inputs import read_file
from jwtguard.cli.output import (
    BAD,
    FAINT,
    GOOD,
    WARNING,
    Exit,
    Problem,
    console,
    end,
    json_option,
    printable,
    write_json,
)
from jwtguard.configuration.environment import ENVIRONMENT_PREFIX
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.doctor import CHECKS, DoctorContext, examine
from jwtguard.guard import Guard
from jwtguard.guard_checks import SEVERITIES, Finding, Severity

INDENT = 2
_STYLES = {"error": BAD, "warning": WARNING, "note": FAINT}


@click.command("doctor")
@click.option("--app", "app_name", metavar="MODULE:APP", help="The application, or django.")
@click.option("--guard", "guard_name", metavar="MODULE:GUARD", help="A guard, or django for the one of its settings.")
@click.option("--sessions", "sessions_name", metavar="MODULE:SESSIONS", help="Sessions that stand apart.")
@click.option("--config", metavar="FILE", help="What Guard.from_config takes, as JSON or TOML.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    envvar="WEB_CONCURRENCY",
    help="How many processes serve the application. [env: WEB_CONCURRENCY]",
)
@click.option(
    "--allow",
    "allowed",
    metavar="PATH",
    multiple=True,
    help="A path that may be unguarded, written as in a rule: /docs, or /static/ for all below it. May be repeated.",
)
@click.option("--offline", is_flag=True, help="Ask no provider, no store and no clock.")
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="error",
    show_default=True,
    help="Exit with 1 if something as bad as this, or worse, is found.",
)
@json_option
def command(
    app_name: str | None,
    guard_name: str | None,
    sessions_name: str | None,
    config: str | None,
    workers: int | None,
    allowed: tuple[str, ...],
    offline: bool,  # noqa: FBT001 - click hands over all by name
    fail_on: Severity,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Check a configuration or an application, and say what to change.

    Without --app, --guard and --config it takes the application of DJANGO_SETTINGS_MODULE, else the guard that the
    JWTGUARD_… variables describe. Providers and stores are asked, which --offline leaves out.
    """
    try:
        context = _context(app_name, guard_name, sessions_name, config, allowed, workers=workers, offline=offline)
        findings = examine(context)
    except (ConfigurationError, Problem) as error:
        context, findings = DoctorContext(), _wrong_configuration(error)
    if as_json:
        write_json({"findings": [asdict(finding) for finding in findings]})
    else:
        _print(context, findings)
    worst = min((SEVERITIES.index(finding.severity) for finding in findings), default=len(SEVERITIES))
    end(Exit.REFUSED if worst <= SEVERITIES.index(fail_on) else Exit.ACCEPTED)


def _context(
    app_name: str | None,
    guard_name: str | None,
    sessions_name: str | None,
    config: str | None,
    allowed: tuple[str, ...],
    *,
    workers: int | None,
    offline: bool,
) -> DoctorContext:
    guards = [] if guard_name is None else [load_guard(guard_name)]
    if config is not None:
        guards.append(Guard.from_config(_read_config(config)))
    if app_name is None and not guards:
        if os.environ.get("DJANGO_SETTINGS_MODULE"):
            app_name = DJANGO
        elif any(name.startswith(ENVIRONMENT_PREFIX) for name in os.environ):
            guards.append(Guard.from_env())
        else:
            raise Problem(
                "name what to examine: --app project.main:app, --guard project.auth:guard or --config guard.toml;"
                f" or set DJANGO_SETTINGS_MODULE, or {ENVIRONMENT_PREFIX}ISSUER and the like"
            )
    sessions = [] if sessions_name is None else [_sessions(sessions_name)]
    app = None if app_name is None else load_app(app_name)
    return DoctorContext.of(
        guards=guards, sessions=sessions, app=app, workers=workers, asks_network=not offline, allowed=allowed
    )


def _sessions(name: str) -> Sessions:
    found = load(name, option="--sessions")
    if not isinstance(found, Sessions):
        raise Problem(f"--sessions {name} is a {type(found).__name__}, and no Sessions")
    return found


def _read_config(name: str) -> Mapping[str, Any]:
    """The mapping in a file, or the one table `jwtguard` in it; raises `Problem`, which quotes nothing of the file."""
    content = read_file(name, option="--config")
    try:
        found = tomllib.loads(content.decode()) if name.endswith(".toml") else json.loads(content)
    except ValueError:
        raise Problem(f"--config: {printable(name)} is no {'TOML' if name.endswith('.toml') else 'JSON'}") from None
    for table in ("jwtguard", "JWTGUARD"):
        if isinstance(found, Mapping) and isinstance(found.get(table), Mapping):
            found = found[table]
    if not isinstance(found, Mapping):
        raise Problem(f"--config: {printable(name)} holds no mapping, as in issuer, audience and keys")
    return found


def _wrong_configuration(error: ConfigurationError | Problem) -> list[Finding]:
    """What a configuration says that does not even start; raises anything else again."""
    # What the project raised when it was imported is the context of the sentence about it.
    cause = error if isinstance(error, ConfigurationError) else error.__context__
    if not isinstance(cause, ConfigurationError):
        raise error
    return [
        Finding("error", "configuration", problem, why="With it the application does not start.", remedy="")
        for problem in cause.problems
    ]


def _print(context: DoctorContext, findings: list[Finding]) -> None:
    out = console()
    for finding in findings:
        heading = Text(finding.severity.upper(), style=_STYLES[finding.severity])
        out.print(heading + Text(f"  {finding.code}", style=FAINT))
        for label, text in (("", finding.what), ("Why: ", finding.why), ("Do:  ", finding.remedy)):
            if text:
                indent = " " * (INDENT + len(label))
                lines = wrap(printable(text), max(out.width - len(indent), 20), break_on_hyphens=False)
                out.print(Text(" " * INDENT) + Text(label, style=FAINT) + Text(f"\n{indent}".join(lines)))
        out.print()
    examined = [f"the guard of {_issuers(guard)}" for guard in context.guards]
    examined += [f"the sessions of {sessions.issuer.issuer}" for sessions in context.sessions]
    if context.routes:
        examined.append(f"{len(context.routes)} routes")
    if examined:
        out.print(Text(f"Examined: {printable(', '.join(examined))}", style=FAINT))
    counts = Counter(finding.severity for finding in findings)
    if not counts:
        out.print(Text(f"Nothing found: {len(CHECKS)} checks.", style=GOOD))
        return
    words = [f"{counts[each]} {each}{'s' if counts[each] > 1 else ''}" for each in SEVERITIES if counts[each]]
    out.print(", ".join(words))


def _issuers(guard: Guard) -> str:
    return ", ".join(str(each.issuer) for each in guard.issuers) if guard.issuers else str(guard.issuer)
