"""`jwtguard keygen`: a new key pair or secret.

>>> from click.testing import CliRunner
>>> CliRunner().invoke(command, ["--algorithm", "EdDSA"]).output.splitlines()[0]
'-----BEGIN PRIVATE KEY-----'
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

import click

from jwtguard.cli.output import Problem, console, printable
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.core.tokens.encoding import decode_segment, encode_segment
from jwtguard.core.tokens.keys import SigningKey, VerificationKey
from jwtguard.key_rotation import private_files

_JSON = {".jwk", ".json"}


@click.command("keygen")
@click.option(
    "--algorithm",
    type=click.Choice(sorted(ALGORITHMS), case_sensitive=False),
    default="ES256",
    show_default=True,
    help="What the key is for: HS… a secret, RS… and PS… an RSA key, ES… and Ed… elliptic curves.",
)
@click.option("--out", "path", type=click.Path(path_type=Path), help="The file for the private key.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pem", "jwk", "text"]),
    help="By default pem, or jwk if the file's name ends in .jwk or .json; a secret is text.",
)
@click.option("--kid", help="The key's name, in JWK form. By default its thumbprint (RFC 7638).")
@click.option("--force", is_flag=True, help="Replace files that are there.")
def command(algorithm: str, path: Path | None, form: str | None, kid: str | None, force: bool) -> None:  # noqa: FBT001
    """Make a new key pair, or a shared secret.

    With --out the private key goes into that file, which only you can read (mode 0600), and the public key beside it,
    into NAME.pub.pem or NAME.pub.jwk. Without, the private key alone is printed, for a pipe into a store of secrets.
    """
    is_secret = algorithm.startswith("HS")
    if form is None:
        form = "jwk" if path is not None and path.suffix in _JSON else "text" if is_secret else "pem"
    if (form == "pem") == is_secret and form != "jwk":
        raise Problem(f"--format {form} does not fit {algorithm}: a secret is text or jwk, a key pair pem or jwk")
    if kid is not None and form != "jwk":
        raise Problem("--kid needs --format jwk: a PEM file or a plain secret has no place for a name")
    key = SigningKey.generate(algorithm, kid=kid)
    if kid is None and form == "jwk":
        # A secret's name is random: what follows from it would tell something of it (RFC 7638 §7).
        named = secrets.token_hex(8) if is_secret else thumbprint(key.verification_key)
        key = SigningKey.from_jwk({**key.to_private_jwk(), "kid": named})
    private = _private(key, form)
    if path is None:
        click.echo(private, nl=False)
        return
    public_path = None if is_secret else path.with_name(f"{path.stem}.pub{path.suffix or f'.{form}'}")
    written = [path] if public_path is None else [path, public_path]
    if not force:
        check_absent(*written)
    write(path, private, private=True, force=force)
    out = console()
    out.print(f"{'Secret' if is_secret else 'Private key'}  {printable(str(path))}  ({algorithm}, mode 0600)")
    if public_path is not None:
        write(public_path, _public(key, form), private=False, force=force)
        out.print(f"Public key   {printable(str(public_path))}")
    if key.kid is not None:
        out.print(f"kid          {printable(key.kid)}")


def thumbprint(key: VerificationKey) -> str:
    """A name that follows from the key itself (RFC 7638 §3)."""
    jwk = key.to_jwk()
    members = {name: jwk[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in jwk}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return encode_segment(hashlib.sha256(text.encode("ascii")).digest())


def _private(key: SigningKey, form: str) -> bytes:
    if form == "pem":
        return key.to_private_pem()
    jwk = key.to_private_jwk()
    if form == "text":
        # The text itself is the secret, in hexadecimal, so that it is not mistaken for base64.
        return decode_segment(jwk["k"].encode("ascii")).hex().encode("ascii") + b"\n"
    return _json(jwk)


def _public(key: SigningKey, form: str) -> bytes:
    return key.verification_key.to_pem() if form == "pem" else _json(key.verification_key.to_jwk())


def _json(jwk: dict[str, object]) -> bytes:
    return f"{json.dumps(jwk, indent=2)}\n".encode("ascii")


def check_absent(*paths: Path) -> None:
    """Raise `Problem` for a file that is there already."""
    for path in paths:
        if os.path.lexists(path):
            raise Problem(f"{printable(str(path))} is there already: choose another name, or --force it")


def write(path: Path, content: bytes, *, private: bool, force: bool = False) -> None:
    """Write a file that is not there yet, or with `force` in place of the one that is.

    A private file has mode 0600, whatever the umask says, and other users must not be able to exchange it. Links are
    not followed. Raises `Problem`, `ConfigurationError` or `OSError`.
    """
    if private:
        private_files.check_directory(path.parent)
    mode = 0o600 if private else 0o644
    if force:
        private_files.replace(path, content, mode=mode)
        return
    try:
        private_files.create(path, content, mode=mode)
    except FileExistsError:
        check_absent(path)
        raise
