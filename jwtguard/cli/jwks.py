"""`jwtguard jwks`: the public JWK Set of some keys.

>>> from click.testing import CliRunner
>>> CliRunner().invoke(command, []).exit_code
2
"""

from __future__ import annotations

import click

from jwtguard.cli.key_inputs import algorithm_option, read_keys
from jwtguard.cli.output import Problem, write_json
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.key_rotation.signing_keys import SigningKeys


@click.command("jwks")
@click.argument("files", nargs=-1, metavar="FILE…")
@click.option("--kid", help="The name of the key, for a PEM file, which has none.")
@algorithm_option
def command(files: tuple[str, ...], kid: str | None, algorithm: str | None) -> None:
    """Print the public JWK Set of keys: in PEM, JWK or JWK Set files, or a directory of keys; - is standard input.

    Of private keys only the public half is printed, and of secrets nothing.
    """
    if not files:
        raise Problem("name at least one file with keys, or a directory of them")
    if kid is not None and len(files) > 1:
        raise Problem("--kid names one key: give one file, or files in JWK form, which say their names")
    keys: list[VerificationKey] = []
    for file in files:
        found = read_keys(file, algorithm=algorithm, kid=kid)
        keys += found.public_keys if isinstance(found, SigningKeys) else list(found)
    public = [key for key in keys if not key.is_symmetric]
    if not public:
        raise Problem("there are only shared secrets, and those are published nowhere")
    kids = [key.kid for key in public]
    if len(public) > 1 and (None in kids or len(set(kids)) < len(kids)):
        raise Problem("each of several keys needs a name of its own: give files in JWK form, or a directory of keys")
    write_json({"keys": [key.to_jwk() for key in public]})
