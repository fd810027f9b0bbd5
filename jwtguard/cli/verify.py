"""`jwtguard verify`: is a token good, by a key, a JWK Set, an OpenID provider or the project's own guard?

>>> from click.testing import CliRunner
>>> answer = CliRunner().invoke(command, ["--secret-env", "SECRET"], input="a.b.c", env={"SECRET": "s" * 32})
>>> answer.exit_code, answer.output.splitlines()[0]
(1, 'refused: base64url')
"""

from __future__ import annotations

import time

import click
from rich.text import Text

from jwtguard.cli.guard_options import GuardOptions, ask, guard_options, unchecked
from jwtguard.cli.inputs import token_options
from jwtguard.cli.key_inputs import RefusedKeyError
from jwtguard.cli.output import BAD, GOOD, WARNING, Exit, console, end, json_option, print_rows, printable, write_json
from jwtguard.cli.refused_keys import JudgedKey, explained, judged_by
from jwtguard.cli.token_view import TokenView
from jwtguard.explanation import Verdict, explain

ENDS: dict[Verdict, Exit] = {"accepted": Exit.ACCEPTED, "refused": Exit.REFUSED, "unavailable": Exit.USAGE}
"""How a command ends. A token that cannot be checked was not refused either."""


@click.command("verify")
@guard_options
@token_options
@json_option
def command(token: str, guard: GuardOptions, as_json: bool) -> None:  # noqa: FBT001
    """Verify a token: by a key, a JWK Set, an OpenID provider, or your project's guard.

    Ends with 0 if it is accepted, 1 if it is refused, and 2 if the keys are out of reach.
    What --issuer and --audience do not say is not checked, and that is said. A key that a guard would refuse is looked
    at all the same: whether the signature fits it, and why a guard refuses it.
    """
    key: JudgedKey | None = None
    try:
        asked = guard.guard(token)
    except RefusedKeyError as error:
        key = judged_by(error, token)
        found, missing, now = explained(token, key), guard.unchecked, time.time()
    else:
        found, missing, now = ask(explain(asked, token)), unchecked(asked), asked.clock()
    view, failed = TokenView.of(token, now=now), found.failed
    is_accepted = found.verdict == "accepted"
    if as_json:
        shown = view.as_json()
        parts = {name: shown[name] if is_accepted else None for name in ("header", "payload", "dates")}
        write_json(
            {
                "verdict": found.verdict,
                "reason": found.reason,
                "step": None if failed is None else failed.number,
                "unchecked": missing,
                "signature_fits": None if key is None else key.fits,
                **parts,
            }
        )
        end(ENDS[found.verdict])
    out = console()
    if failed is None:
        out.print(Text("accepted", style=GOOD))
    else:
        out.print(Text(f"{found.verdict}: {printable(found.reason)}", style=BAD))
    if key is not None:
        out.print(Text(printable(key.sentence), style=WARNING))
    elif missing:
        out.print(Text(f"not checked: {' and '.join(missing)}", style=WARNING))
    out.print()
    if failed is None:
        view.print_to(out)
    else:
        told = {"step": f"{failed.number}, {failed.title} ({failed.rfc})", "expected": failed.expected}
        told |= {"found": failed.found, "remedy": failed.remedy}
        print_rows(out, [[(name, ""), (printable(text), "")] for name, text in told.items()])
    end(ENDS[found.verdict])
