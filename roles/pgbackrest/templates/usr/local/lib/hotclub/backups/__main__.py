"""Backups of this host's PostgreSQL by pgBackRest: made when they are due, looked through for gaps, and proved by a restore.

Run as ``python3 -I backups VERB`` by the account of PostgreSQL, where ``backups`` is this folder. ``turn`` does what is due.
``backup [full|diff]`` makes a backup now, ``drill`` rehearses a restore now, ``point NAME`` names this moment, so that a
restore can go back to it. ``look`` changes nothing, and prints JSON.
"""

from __future__ import annotations

import json
import sys

from kept import Busy, Kept, Settings
from pgbackrest import BackupError
from turns import Turns


def main(verb: str, *words: str) -> int:
    """Do what is asked, and say on one's way out why it failed."""
    turns = Turns(Settings.read(), Kept())
    try:
        if verb == "look":
            print(json.dumps(turns.look()))
        elif verb == "turn":
            turns.turn()
        elif verb == "backup":
            print(json.dumps(turns.backup(words[0])))
        elif verb == "drill":
            print(json.dumps(turns.drill()))
        else:
            print(json.dumps(turns.point(words[0])))
    except (BackupError, Busy) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
