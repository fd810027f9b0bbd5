"""The local debugger: `jwtguard debugger` serves one page on 127.0.0.1 that shows why a token is taken or refused.

>>> from click.testing import CliRunner
>>> CliRunner().invoke(command, ["--help"]).exit_code
0

`server.py` answers requests, `gate.py` checks who sent them, `actions.py` performs them; `page/` is the page.
"""

from jwtguard.cli.debugger.launch import command as command
