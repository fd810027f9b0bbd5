"""What a path needs, as plain data.

>>> requirement_from_config({"any": [{"role": "admin"}, {"scope": "admin"}]})
has_role('admin') | has_scope('admin')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jwtguard.configuration.plain import each, is_unchecked, unknown_keys
from jwtguard.core.access.delegation import acted_by, not_delegated
from jwtguard.core.access.requirements import (
    Requirement,
    authenticated,
    denied,
    fresh,
    has_permission,
    has_role,
    has_scope,
    optional,
    optional_lenient,
    public,
)
from jwtguard.core.access.rules import Rule, Rules
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.tokens.sentinels import UNCHECKED
from jwtguard.core.validation import Problems


def rules_from_config(value: Any) -> Any:
    """A list of rules, `{"rules": [...], "default": requirement, "allow_double_slash": true}`, or `"UNCHECKED"`."""
    if isinstance(value, Rules):
        return value
    if is_unchecked(value):
        return UNCHECKED
    if isinstance(value, Mapping):
        ConfigurationError.raise_all(unknown_keys(value, ("rules", "default", "allow_double_slash")))
        rules, default = value.get("rules", []), requirement_from_config(value.get("default", authenticated))
        allow_double_slash = value.get("allow_double_slash", False)
    elif value is None:
        return None
    else:
        rules, default, allow_double_slash = value, authenticated, False
    if isinstance(rules, str | Mapping) or not isinstance(rules, Iterable):
        raise ConfigurationError(
            'write a list, as in [{"path": "/admin/", "requirement": {"role": "admin"}}], or "UNCHECKED": found'
            f" {value!r}"
        )
    return Rules(each(rules, _rule), default=default, allow_double_slash=allow_double_slash)


def _rule(rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    problems = Problems(unknown_keys(rule, ("path", "requirement", "methods")))
    problems += [
        f"a rule needs its {name!r}: found {dict(rule)!r}" for name in ("path", "requirement") if name not in rule
    ]
    problems.raise_all()
    return Rule(rule["path"], requirement_from_config(rule["requirement"]), methods=rule.get("methods"))


_MODES = {repr(mode): mode for mode in (authenticated, optional, optional_lenient, public, denied, not_delegated)}
_TESTS: dict[str, Callable[[Any], Requirement]] = {
    "role": has_role,
    "scope": has_scope,
    "permission": has_permission,
    "fresh": lambda content: fresh(**_fresh_arguments(content)),
    "acted_by": acted_by,
}


def requirement_from_config(value: Any) -> Requirement:
    """A requirement: `"public"`, `{"role": "admin"}`, `{"all": [...]}`, `{"any": [...]}`, `{"fresh": 600}` …"""
    if isinstance(value, Requirement):
        return value
    if isinstance(value, str) and value in _MODES:
        return _MODES[value]
    if isinstance(value, Mapping) and len(value) == 1:
        ((name, content),) = value.items()
        if name in _TESTS:
            return _TESTS[name](content)
        if name in {"all", "any"} and isinstance(content, list | tuple) and content:
            parts = [requirement_from_config(part) for part in content]
            combined = parts[0]
            for part in parts[1:]:
                combined = combined & part if name == "all" else combined | part
            return combined
    raise ConfigurationError(
        f"a requirement is one of {', '.join(_MODES)}, or one of"
        f' {{"role": name}}, {{"scope": name}}, {{"permission": name}}, {{"acted_by": name}}, {{"fresh": seconds}},'
        f' {{"fresh": {{"max_age": seconds, "acr": names, "amr": names}}}},'
        f' {{"all": [...]}}, {{"any": [...]}}: found {value!r}'
    )


def _fresh_arguments(content: Any) -> dict[str, Any]:
    """Seconds alone, or a mapping of what `fresh` takes."""
    if not isinstance(content, Mapping):
        return {"max_age": content}
    ConfigurationError.raise_all(unknown_keys(content, ("max_age", "acr", "amr")))
    return dict(content)
