"""Backups of this host's PostgreSQL by pgBackRest: made when they are due, looked through for gaps, and proved by a restore.

Run as ``python3 -I backups VERB`` by the account of PostgreSQL, where ``backups`` is this folder. ``turn`` does what is due.
``backup [full|diff]`` makes a backup now, ``drill`` rehearses a restore now, ``point NAME`` names this moment, so that a
restore can go back to it, and ``returned SECONDS`` that one has. ``look`` changes nothing, and prints JSON.
"""

from __future__ import annotations

import sys

from verbs import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
