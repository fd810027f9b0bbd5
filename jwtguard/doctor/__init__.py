"""Find what is insecure or cannot work in a configuration.

>>> from jwtguard import UNCHECKED, Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience=UNCHECKED, keys=key.verification_key)
>>> [(finding.severity, finding.code) for finding in examine(DoctorContext(guards=(guard,), asks_network=False))]
[('warning', 'audience_unchecked'), ('note', 'key_generated')]

A check is a function that takes a `DoctorContext` and returns findings; `CHECKS` lists the checks. No finding holds a
token, a secret or a key. Checks of a guard alone are in `jwtguard.guard_checks`, which Django's system
checks use as well.
"""

from jwtguard.doctor.context import DoctorContext as DoctorContext
from jwtguard.doctor.examination import CHECKS as CHECKS
from jwtguard.doctor.examination import examine as examine
