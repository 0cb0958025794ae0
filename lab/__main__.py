"""Lets `python -m lab` run the command line: in the virtual environment with the tools, which it makes first."""

from __future__ import annotations

import os
import sys

from lab.bootstrap import bootstrap
from lab.errors import LabError, complain
from lab.paths import VENV, VENV_PYTHON


def main() -> int:
    """Run a verb with the tools that the lab needs."""
    try:
        bootstrap()
    except LabError as error:
        complain(error)
        return 1
    if os.path.realpath(sys.prefix) != os.path.realpath(VENV):
        sys.stdout.flush()
        os.execv(VENV_PYTHON, [str(VENV_PYTHON), "-m", "lab", *sys.argv[1:]])  # noqa: S606 (the same program)
    # Not earlier: it needs what the virtual environment brings.
    from lab import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
