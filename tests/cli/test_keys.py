"""`keys`: an operator rotates, retires and revokes the keys of a directory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from jwtguard import SigningKeys
from tests.cli.running import run

KINDS = ["keys", "keys.json"]


@pytest.fixture(params=KINDS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A directory, or a JWK Set file."""
    return str(tmp_path / request.param)


def roles(*arguments: str) -> list[str]:
    """What each key does after a command."""
    answer = run("keys", *arguments, "--json")
    assert answer.exit_code == 0, answer.output
    return [key["role"] for key in json.loads(answer.output)["keys"]]


def test_a_life(path: str) -> None:
    """A first key, a next one, a change at once, one that is stolen."""
    assert roles("rotate", path) == ["current"]
    assert roles("rotate", path) == ["current", "next"]
    assert roles("rotate", path) == ["current", "next"]
    assert roles("retire", path) == ["retired", "current"]
    assert roles("retire", path) == ["retired", "retired", "current"]
    newest = SigningKeys(path).signing_key.kid or ""
    assert roles("revoke", path, newest) == ["retired", "retired", "compromised", "current"]
    assert roles("list", path) == ["retired", "retired", "compromised", "current"]


def test_the_words_of_a_list(path: str) -> None:
    """Name, algorithm, role, and until when."""
    run("keys", "rotate", path, "--algorithm", "EdDSA")
    run("keys", "retire", path)
    answer = run("keys", "rotate", path)
    lines = answer.output.splitlines()

    assert [line.split()[1:3] for line in lines] == [["EdDSA", role] for role in ("retired", "current", "next")]
    assert "checks until " in lines[0]
    assert "signs from " in lines[2]


def test_settings_count(path: str) -> None:
    """A secret signs at once, and a key stays as long as tokens live."""
    assert roles("rotate", path, "--algorithm", "HS256") == ["current"]
    assert roles("rotate", path, "--at-once", "--max-token-lifetime", "5h") == ["retired", "current"]
    assert roles("rotate", path, "--publish-before", "0s") == ["retired", "retired", "current"]
    shown = json.loads(run("keys", "list", path, "--max-token-lifetime", "1d", "--json").output)["keys"]
    assert shown[0]["until"] - shown[1]["signs_from"] == pytest.approx(86400 + 300)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list"], "jwtguard keys rotate"),
        (["retire"], "jwtguard keys rotate"),
        (["revoke", "x"], "jwtguard keys rotate"),
    ],
)
def test_without_keys(arguments: list[str], words: str, path: str) -> None:
    """It says how to make a first one."""
    command, *rest = arguments
    answer = run("keys", command, path, *rest)

    assert answer.exit_code == 2
    assert words in answer.output


def test_a_key_that_is_not_there(path: str) -> None:
    """It says which are."""
    run("keys", "rotate", path)
    answer = run("keys", "revoke", path, "x")

    assert answer.exit_code == 2
    assert "there is no key with the kid 'x': there are '2" in answer.output


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """A key's file is no directory of keys."""
    (tmp_path / "key.pem").write_text("x")
    answer = run("keys", "rotate", tmp_path / "key.pem")

    assert answer.exit_code == 2
    assert "key.pem cannot be read: File exists" in answer.output


def test_files_that_are_broken(path: str) -> None:
    """Whatever is wrong with them is said."""
    run("keys", "rotate", path)
    file = Path(path) if path.endswith(".json") else Path(path, "state.json")
    file.write_text("garbage")
    answer = run("keys", "rotate", path)

    assert answer.exit_code == 2
    assert "holds no JSON object" in answer.output


def complete(*words: str) -> list[str]:
    """What the shell is offered for the last of these words."""
    env: dict[str, Any] = {
        "_JWTGUARD_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    from click.testing import CliRunner

    from jwtguard.cli import main

    answer = CliRunner(env=env).invoke(main, [], prog_name="jwtguard")
    return [line.partition(",")[2] for line in answer.output.splitlines() if line]


def test_the_names_of_keys_are_completed(path: str) -> None:
    """Where a command wants one."""
    keys = SigningKeys(path, algorithm="ES256")
    kid = keys.signing_key.kid or ""

    assert complete("jwtguard", "keys", "revoke", path, kid[:4]) == [kid]
    assert complete("jwtguard", "keys", "revoke", path, "x") == []
    assert complete("jwtguard", "keys", "revoke", f"{path}x", "2") == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["d"], ["decode", "doctor", "debugger"]),
        (["ver"], ["verify"]),
        (["keys", "re"], ["retire", "revoke"]),
        (["decode", "--token-"], ["--token-file", "--token-env"]),
        (["--he"], ["--help"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
    ],
)
def test_commands_and_options_are_completed(words: list[str], offered: list[str]) -> None:
    """As one types, without a word on what is wrong so far."""
    assert complete("jwtguard", *words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_printed(shell: str) -> None:
    """It asks this very command."""
    script = run("completion", shell).output

    assert f"_JWTGUARD_COMPLETE={shell}_complete" in script
