"""Django's command line for this project."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

# The project borrows `examples/keys.py` and `examples/login_limit.py`; yours will have such things in its own packages.
sys.path.append(str(Path(__file__).resolve().parents[2]))

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    execute_from_command_line(sys.argv)
