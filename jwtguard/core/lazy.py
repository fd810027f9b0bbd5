"""Names of a package that are loaded at their first use (PEP 562), so that importing the package costs nothing.

>>> __getattr__, __dir__ = lazy_names("jwtguard.core", {"jwtguard.core.errors": ["JWTGuardError", "CSRFError"]})
>>> __getattr__("CSRFError").__module__
'jwtguard.core.errors'

A package writes `__getattr__, __dir__ = lazy_names(__name__, {...})` where type checkers do not look, and the imports
themselves where only they look: `tests/test_lazy_names.py` fails if the two ever differ. Annotations may say
`package.Name`, which `typing.get_type_hints` resolves, and loads.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module


def lazy_names(
    package: str, names: Mapping[str, Iterable[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of `package`: `names` are those that it has from each module.

    A name that was asked for once is an attribute like any other. `from package import *` takes all of them.
    """
    homes = {name: module for module, found in names.items() for name in found}
    namespace = vars(sys.modules[package])

    def find(name: str) -> object:
        if name == "__all__":
            return sorted(homes)
        if name not in homes:
            # With its name and the package, from which Python makes its "Did you mean".
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        value = namespace[name] = getattr(import_module(homes[name]), name)
        return value

    return find, lambda: sorted({*namespace, *homes})
