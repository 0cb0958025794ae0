"""Has a certificate issued and renewed by certbot, and puts it where the web server reads it.

Run as ``python3 -I acme renew|install|look|hand SETTINGS``, where ``acme`` is this folder. ``renew`` needs no rights but
those over its own folder: it takes what another balancer of the site has, asks an authority when there is a reason to, and
remembers what came of it. ``install`` runs as root: it proves what was issued, puts it in place in one step and reloads the
web server. ``look`` asks nobody, and prints JSON. ``hand`` gives another balancer, on the connection that is its standard
input, what is served here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from failures import AcmeError
from peers import hand
from renewal import look, renew
from serving import install
from settings import Settings


def main(action: str, path: str) -> int:
    """Do what is asked, and say on one's way out why it failed."""
    settings = Settings.read(Path(path))
    try:
        if action == "look":
            print(json.dumps(look(settings)))
        elif action == "renew":
            renew(settings)
        elif action == "hand":
            hand(settings)
        else:
            install(settings)
    except AcmeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
