"""The plugin as a project has it that has installed the package and pytest: nothing to import, nothing in the way."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import jwtguard.testing

pytest_plugins = ["pytester"]

CONFTEST = """
    import pytest
    from jwtguard import Guard
    from jwtguard.providers import keycloak

    guard = Guard(issuers=[keycloak("https://kc.example/realms/acme", audience="orders-api")])

    @pytest.fixture
    def jwtguard_guard():
        return guard
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the project's tests in a process of its own, as its author would: warnings are errors."""
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *arguments)


def test_it_is_registered() -> None:
    """Installing the package is enough."""
    (found,) = (point for point in entry_points(group="pytest11") if point.name == "jwtguard")
    assert found.value == "_jwtguard_pytest_plugin"


def test_every_fixture(pytester: pytest.Pytester) -> None:
    """A project that configures nothing gets a guard, tokens, clients, a clock and a provider that fit."""
    pytester.makepyfile(
        """
        import httpx
        import pytest
        from jwtguard import InvalidTokenError
        from jwtguard.providers import oidc
        from jwtguard import Guard

        def test_tokens(token_for, jwtguard_guard):
            caller = jwtguard_guard.verify(token_for("alice", roles=["admin"])).run().principal
            assert (caller.subject, caller.roles) == ("alice", {"admin"})

        def test_client(authenticated):
            client = authenticated(httpx.Client(), "alice")
            assert client.headers["Authorization"].startswith("Bearer ey")

        def test_clock(frozen_clock, token_for, jwtguard_guard):
            text = token_for("alice")
            frozen_clock.tick(3600)
            with pytest.raises(InvalidTokenError, match="expired"):
                jwtguard_guard.verify(text).run()

        def test_clock_again(token_for, frozen_clock, jwtguard_guard):
            assert jwtguard_guard.clock() == frozen_clock()
            assert jwtguard_guard.verify(token_for("alice")).run().claims["iat"] == frozen_clock()

        def test_provider(fake_provider):
            guard = Guard(issuers=[oidc(fake_provider.issuer, audience="api", allow_http_loopback=True)])
            assert guard.verify(fake_provider.token("alice", guard=guard)).run().principal.subject == "alice"
        """
    )
    run(pytester).assert_outcomes(passed=5)


def test_a_guard_of_the_project_s_own(pytester: pytest.Pytester) -> None:
    """One fixture names it; each test leaves it as it was."""
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(
        """
        import pytest
        from conftest import guard
        from jwtguard import InvalidTokenError

        texts = []

        def test_accepted(token_for):
            texts.append(token_for("alice", roles=["admin"]))
            assert guard.verify(texts[0]).run().principal.roles == {"admin"}

        def test_afterwards(frozen_clock, jwtguard_tokens):
            assert guard.clock() == frozen_clock()

        def test_at_the_end():
            assert "frozen_clock" not in repr(guard.clock)
            assert type(guard.clock).__name__ == "builtin_function_or_method"
            assert type(guard.trust.policies[0].keys).__name__ == "OpenIDProvider"
        """
    )
    run(pytester).assert_outcomes(passed=3)


def test_names_of_the_project_s_own(pytester: pytest.Pytester) -> None:
    """A project may call its own fixtures as ours are called; ours go on without them."""
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture
        def token_for():
            return "mine"

        @pytest.fixture
        def frozen_clock():
            return "mine"
        """
    )
    pytester.makepyfile(
        """
        import httpx

        def test_theirs(token_for, frozen_clock, authenticated, jwtguard_tokens):
            assert token_for == frozen_clock == "mine"
            assert "Authorization" in authenticated(httpx.Client(), "alice").headers
            assert jwtguard_tokens("alice").startswith("ey")
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_a_project_without_tokens(pytester: pytest.Pytester) -> None:
    """A run that uses no fixture of ours does not even import the package."""
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert not [name for name in sys.modules if name.partition(".")[0] in {"jwtguard", "jwt", "cryptography"}]
        """
    )
    run(pytester).assert_outcomes(passed=1)


def test_it_can_be_turned_off(pytester: pytest.Pytester) -> None:
    """`-p no:jwtguard`, as any plugin."""
    pytester.makepyfile("def test_tokens(token_for): pass")
    result = run(pytester, "-p", "no:jwtguard")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'token_for' not found*"])


def test_fixtures_say_what_they_are_for(pytester: pytest.Pytester) -> None:
    """`pytest --fixtures` shows them with a sentence each."""
    lines = run(pytester, "--fixtures").stdout.str()
    for name in ("jwtguard_guard", "jwtguard_tokens", "token_for", "authenticated", "frozen_clock", "fake_provider"):
        assert f"\n{name} -- " in lines
    assert "no docstring" not in lines.partition("jwtguard_guard")[2].partition("fixtures defined from")[0]


def test_a_program_that_runs_pytest(pytester: pytest.Pytester) -> None:
    """A program that has imported the package before it runs pytest is not warned for that."""
    pytester.makepyfile(test_one="def test_one(token_for): assert token_for('alice')")
    # pytest asks each distribution with a plugin for its files. One that is installed from a checkout has none to show.
    pytester.makepyfile(
        program="""
        import importlib.metadata
        import sys
        import jwtguard
        import pytest

        theirs = importlib.metadata.Distribution.files
        files = [importlib.metadata.PackagePath("jwtguard/__init__.py")]
        is_ours = lambda distribution: distribution.metadata["Name"] == "jwtguard-middleware"
        importlib.metadata.Distribution.files = property(lambda self: files if is_ours(self) else theirs.fget(self))
        sys.exit(pytest.main(["-W", "error", "-q", "-p", "no:cacheprovider"]))
        """
    )
    result = pytester.run(sys.executable, "program.py")
    assert (result.ret, result.stderr.str()) == (0, "")


def test_outside_of_pytest() -> None:
    """All but the suites can be used without it: by a script, or by another test runner."""
    code = """
import sys
sys.modules["pytest"] = None
from jwtguard.testing import Authenticated, FakeProvider, FrozenClock, throwaway_guard, tokens_for
guard = throwaway_guard()
with tokens_for(guard) as token_for, FakeProvider(algorithm="ES256") as provider:
    print(guard.verify(token_for("alice")).run().principal.subject, provider.issuer[:16])
try:
    from jwtguard.testing import AdapterConformance
except ImportError as error:
    print(type(error).__name__)
try:
    from jwtguard.testing import Nothing
except ImportError as error:
    print(error.name)
"""
    # Beside the package, wherever that is installed.
    beside = Path(jwtguard.__file__).parents[1]
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=beside)
    assert (result.stdout, result.stderr) == (
        "alice http://127.0.0.1\nModuleNotFoundError\njwtguard.testing\n",
        "",
    )
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = jwtguard.testing.Nothing
