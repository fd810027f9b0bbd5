"""What is insecure in a guard, as far as it alone tells: for the doctor and for Django's system checks.

>>> from jwtguard import UNCHECKED, Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience=UNCHECKED, keys=key.verification_key)
>>> [(finding.severity, finding.code) for finding in findings_of(guard)]
[('warning', 'audience_unchecked')]
"""

from jwtguard.checks.finding import SEVERITIES as SEVERITIES
from jwtguard.checks.finding import Finding as Finding
from jwtguard.checks.finding import Severity as Severity
from jwtguard.checks.tokens import findings_of as findings_of
