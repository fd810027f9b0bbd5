"""Every route of an application with what guards it: of Flask, Starlette, FastAPI and Django.

>>> from flask import Flask
>>> from jwtguard import Guard, Rule, Rules, SigningKey, has_role
>>> from jwtguard.flask import FlaskGuard
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     keys=key.verification_key,
...     rules=Rules([Rule("/admin/", has_role("admin"))]),
... )
>>> app = Flask(__name__, static_folder=None)
>>> FlaskGuard(guard).init_app(app)
>>> @app.get("/admin/users")
... def users(): ...
>>> [(route.path, route.state, route.access_checks[0].text) for route in inventory(app).routes]
[('/admin/users', 'guarded', "rule '/admin/': has_role('admin')")]

Nothing is sent and nothing is decided here: it reads what an application was told when it was built. What guards a
route in a way that leaves no trace, such as a condition inside a view, it cannot see.
"""

from jwtguard.inventory.access_check import AccessCheck as AccessCheck
from jwtguard.inventory.access_check import place_of as place_of
from jwtguard.inventory.applications import Inventory as Inventory
from jwtguard.inventory.applications import inventory as inventory
from jwtguard.inventory.route import PathOverride as PathOverride
from jwtguard.inventory.route import Route as Route
from jwtguard.inventory.route import State as State
