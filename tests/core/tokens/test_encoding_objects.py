"""Headers and claims are read-only all the way down; a copy is not."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from jwtguard.core.tokens.encoding import ClaimsSet, JOSEHeader, JSONArray, JSONObject, parse_object

VALUE = parse_object(b'{"list":[1,[2],{"a":[3]}],"object":{"b":{"c":4}},"n":5}')
CHANGES: dict[str, Callable[[Any], object]] = {
    "set a member": lambda value: value.__setitem__("n", 0),
    "delete a member": lambda value: value.__delitem__("n"),
    "update": lambda value: value.update(n=0),
    "unite in place": lambda value: value.__ior__({"n": 0}),
    "setdefault": lambda value: value.setdefault("m", 0),
    "pop": lambda value: value.pop("n"),
    "popitem": lambda value: value.popitem(),
    "clear": lambda value: value.clear(),
    "set an attribute": lambda value: setattr(value, "name", 0),
    "change an inner object": lambda value: value["object"]["b"].update(c=0),
    "change an object in an array": lambda value: value["list"][2].clear(),
    "set an element": lambda value: value["list"].__setitem__(0, 0),
    "set a slice": lambda value: value["list"].__setitem__(slice(None), []),
    "delete an element": lambda value: value["list"].__delitem__(0),
    "append": lambda value: value["list"].append(0),
    "append further in": lambda value: value["list"][1].append(0),
    "append deepest": lambda value: value["list"][2]["a"].append(0),
    "extend": lambda value: value["list"].extend([0]),
    "extend in place": lambda value: value["list"].__iadd__([0]),
    "repeat in place": lambda value: value["list"].__imul__(2),
    "insert": lambda value: value["list"].insert(0, 0),
    "pop an element": lambda value: value["list"].pop(),
    "remove an element": lambda value: value["list"].remove(1),
    "clear an array": lambda value: value["list"].clear(),
    "sort": lambda value: value["list"].sort(),
    "reverse": lambda value: value["list"].reverse(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_parsed_cannot_be_changed(change: Callable[[Any], object]) -> None:
    """Cached tokens are shared between requests, so nothing in them gives way, however deep."""
    before = json.dumps(VALUE)

    with pytest.raises((TypeError, AttributeError)):
        change(VALUE)
    assert before == json.dumps(VALUE)


@pytest.mark.parametrize("kind", [JSONObject, JOSEHeader, ClaimsSet])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_can_be_changed(kind: type[JSONObject], duplicate: Callable[[Any], Any]) -> None:
    """A copy of the claims is an ordinary dict that can be changed."""
    duplicated = duplicate(kind(VALUE))
    duplicated["n"] = 0

    assert (dict, 0, 5) == (type(duplicated), duplicated["n"], VALUE["n"])


def test_a_deep_copy_can_be_changed_deep_inside() -> None:
    """Arrays and objects within become ordinary ones too."""
    duplicated = copy.deepcopy(VALUE)
    duplicated["list"][2]["a"].append(4)

    assert (duplicated["list"][2]["a"], VALUE["list"][2]["a"]) == ([3, 4], [3])


def test_a_copy_of_an_array_can_be_changed() -> None:
    """`copy.copy` of an array is a list."""
    assert list is type(copy.copy(VALUE["list"]))


@pytest.mark.parametrize("kind", [JSONObject, JOSEHeader, ClaimsSet])
def test_pickling_keeps_it_read_only(kind: type[JSONObject]) -> None:
    """A pickled object is equal to the original, and read-only."""
    value = kind(VALUE)
    restored = pickle.loads(pickle.dumps(value))

    assert (value, kind, JSONArray) == (restored, type(restored), type(restored["list"]))


def test_a_header_names_its_parts() -> None:
    """The registered members have names of their own (RFC 7515 §4.1)."""
    header = JOSEHeader({"alg": "HS256", "kid": "1", "typ": "JWT"})

    assert (header.algorithm, header.kid, header.type) == ("HS256", "1", "JWT")


def test_a_header_may_lack_kid_and_typ() -> None:
    """`kid` and `typ` are optional (RFC 7515 §4.1.4, §4.1.9)."""
    header = JOSEHeader({"alg": "HS256"})

    assert (header.kid, header.type) == (None, None)
