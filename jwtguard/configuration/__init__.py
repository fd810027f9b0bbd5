"""A guard from plain data: one mapping, or environment variables, mean the same in every framework.

>>> from jwtguard import Guard
>>> config = {
...     "issuer": "https://issuer.example",
...     "audience": "https://api.example",
...     "keys": {"secret": "not a secret, only an example!!!", "algorithm": "HS256"},
...     "rules": [{"path": "/public", "requirement": "public"}, {"path": "/admin/", "requirement": {"role": "admin"}}],
... }
>>> Guard.from_config(config).rules.requirement("GET", "/admin/users")
has_role('admin')
>>> Guard.from_config({**config, "isuer": "typo"})
Traceback (most recent call last):
    ...
jwtguard.core.errors.ConfigurationError: unknown key 'isuer': did you mean 'issuer'?

Every value may also be the object it stands for, for example a `Rules` or a `CSRF`.
"""

from __future__ import annotations

from jwtguard.configuration.environment import arguments_from_env as arguments_from_env
from jwtguard.configuration.mapping import arguments_from_config as arguments_from_config
from jwtguard.configuration.requirements import requirement_from_config as requirement_from_config
