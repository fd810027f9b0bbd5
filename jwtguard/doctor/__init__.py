"""What is insecure or cannot work in a configuration, found before an attacker or an outage does.

>>> from jwtguard import UNCHECKED, Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience=UNCHECKED, keys=key.verification_key)
>>> [(finding.severity, finding.code) for finding in examine(Subject(guards=(guard,), asks_network=False))]
[('warning', 'audience_unchecked'), ('note', 'key_generated')]

A check is a function from a `Subject` to the findings it has; `CHECKS` lists them. No finding holds a token, a secret
or a key. What a guard alone tells stands in `jwtguard.checks`, which Django's system checks go by as well.
"""

from jwtguard.doctor.context import Subject as Subject
from jwtguard.doctor.examination import CHECKS as CHECKS
from jwtguard.doctor.examination import examine as examine
