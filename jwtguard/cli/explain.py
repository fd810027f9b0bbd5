"""`jwtguard explain`: every step of a verification, what it wanted and found, and what helps.

>>> from click.testing import CliRunner
>>> answer = CliRunner().invoke(command, ["--secret-env", "SECRET"], input="a.b.c", env={"SECRET": "s" * 32})
>>> answer.exit_code, answer.output.splitlines()[0]
(1, 'refused: base64url (step 2, Form)')
"""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from typing import NoReturn

import click
from rich.text import Text

from jwtguard.cli.guard_options import GuardOptions, ask, guard_options, unchecked
from jwtguard.cli.imports import load_app
from jwtguard.cli.inputs import token_options
from jwtguard.cli.key_inputs import RefusedKeyError
from jwtguard.cli.output import (
    BAD,
    FAINT,
    GOOD,
    WARNING,
    Cell,
    Problem,
    console,
    end,
    json_option,
    print_rows,
    printable,
    write_json,
)
from jwtguard.cli.refused_keys import JudgedKey, explained, judged_by
from jwtguard.cli.verify import ENDS
from jwtguard.explanation import Explanation, Outcome, Route, Step, explain
from jwtguard.guard import Guard
from jwtguard.inventory import inventory
from jwtguard.inventory.route_match import match_route

_STYLES: dict[Outcome, str] = {"passed": GOOD, "failed": BAD, "not reached": FAINT, "skipped": FAINT}
_ROUTE = re.compile(r"(?:([A-Za-z]+)\s+)?(/\S*)")


@click.command("explain")
@guard_options
@token_options
@click.option("--route", "route_text", metavar='"METHOD /PATH"', help="Whether the token opens this route, too.")
@click.option(
    "--app",
    "app_name",
    metavar="MODULE:APP",
    help="The application of the route, for what its decorators ask; or django. Its guard is taken if none is named.",
)
@click.option(
    "--redact/--no-redact",
    default=None,
    help="Leave out the subject and the values of your own claims. By default where the output is no terminal.",
)
@click.option("-v", "--verbose", is_flag=True, help="For every step what was expected.")
@json_option
def command(
    token: str,
    guard: GuardOptions,
    route_text: str | None,
    app_name: str | None,
    redact: bool | None,  # noqa: FBT001
    verbose: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Explain why a token is accepted or refused: each step, what it wanted, what it found, and what helps.

    The steps are those of docs/verification.md, and the guard itself takes them. Ends as `jwtguard verify` does.
    """
    redact = not sys.stdout.isatty() if redact is None else redact
    method, path = (None, None) if route_text is None else _route(route_text)
    if app_name is None:
        try:
            asked = guard.guard(token)
        except RefusedKeyError as error:
            key = judged_by(error, token)
            found = explained(token, key, redact=redact)
            _say(found, guard.unchecked, redact=redact, verbose=verbose, as_json=as_json, key=key)
        route = None if method is None else Route(method=method, path=path)
    else:
        if method is None or path is None:
            raise Problem('--app needs --route, as in --route "GET /admin"')
        asked, route = _in_application(load_app(app_name), method, path, guard)
    found = ask(explain(asked, token, route=route, redact=redact))
    _say(found, unchecked(asked), redact=redact, verbose=verbose, as_json=as_json)


def _route(text: str) -> tuple[str, str]:
    match = _ROUTE.fullmatch(text.strip())
    if match is None:
        raise Problem(f'--route is a method and a path, as in --route "GET /admin": found {text!r}')
    return (match[1] or "GET").upper(), match[2]


def _in_application(app: object, method: str, path: str, guard: GuardOptions) -> tuple[Guard, Route]:
    """The guard to ask, and what a request has to pass in `app`; raises `Problem`."""
    met = match_route(app, method, path)
    if met is None:
        raise Problem(f"no route of the application answers {method} {path}: jwtguard routes lists them")
    if guard.guard_name is not None or guard.given:
        asked = guard.guard()
    else:
        guards = list(dict.fromkeys([*(layer for layer, _ in met.layers), *met.guards, *inventory(app).guards]))
        if len(guards) != 1:
            found = "several guards stand" if guards else "no guard that is known of stands"
            raise Problem(f"{found} before {method} {path}: name the one to ask with --guard")
        asked = guards[0]
    seen = next((below for layer, below in met.layers if layer is asked), None)
    return asked, Route(method=method, path=seen, requirements=met.requirements)


def _say(
    found: Explanation,
    missing: list[str],
    *,
    redact: bool,
    verbose: bool,
    as_json: bool,
    key: JudgedKey | None = None,
) -> NoReturn:
    """Write it and end the command; `key` is one that a guard refuses."""
    if as_json:
        fits = None if key is None else key.fits
        write_json({**asdict(found), "redacted": redact, "unchecked": missing, "signature_fits": fits})
    else:
        _print(found, missing, key, redacted=redact, verbose=verbose)
    end(ENDS[found.verdict])


def _print(found: Explanation, missing: list[str], key: JudgedKey | None, *, redacted: bool, verbose: bool) -> None:
    out = console()
    failed = found.failed
    if failed is None or found.verdict == "accepted":
        out.print(Text(found.verdict, style=GOOD))
    else:
        out.print(Text(f"{found.verdict}: {found.reason} (step {failed.number}, {failed.title})", style=BAD))
    if key is not None:
        out.print(Text(printable(key.sentence), style=WARNING))
    elif missing:
        out.print(Text(f"not checked: {' and '.join(missing)}", style=WARNING))
    out.print()
    rows = [row for step in found.steps for row in _rows(step, verbose=verbose)]
    print_rows(out, rows)
    if redacted:
        out.print()
        out.print(Text("The subject and your own claims are left out; --no-redact shows them.", style=FAINT))


def _rows(step: Step, *, verbose: bool) -> list[list[Cell]]:
    """One line for a step that passed; for the one that failed, all that is known of it."""
    head: list[Cell] = [(f"{step.number}", FAINT), (step.title, ""), (step.outcome, _STYLES[step.outcome])]
    told = {"expected": step.expected, "found": step.found, "remedy": step.remedy, "see": step.rfc}
    if step.outcome != "failed" and not verbose:
        return [[*head, (printable(step.found), FAINT)]]
    lines: list[list[Cell]] = [
        [("", ""), ("", ""), (name, FAINT), (printable(text), "bold" if name == "remedy" else "")]
        for name, text in told.items()
        if text
    ]
    return [[*head, ("", "")], *lines]
