"""What the program can be told to do."""

from __future__ import annotations

import json
import sys

from kept import Busy, Kept, Settings
from pgbackrest import BackupError
from turns import Turns


def main(verb: str, *words: str) -> int:
    """Do what is asked, and say on one's way out why it failed."""
    settings = Settings.read()
    turns = Turns(settings, Kept(settings.site))
    try:
        if verb == "look":
            print(json.dumps(turns.look()))
        elif verb == "turn":
            turns.turn()
        elif verb == "backup":
            print(json.dumps(turns.backup(words[0])))
        elif verb == "drill":
            print(json.dumps(turns.drill()))
        elif verb == "returned":
            print(json.dumps(turns.note_return(float(words[0]))))
        else:
            print(json.dumps(turns.point(words[0])))
    except (BackupError, Busy) as error:
        print(error, file=sys.stderr)
        return 1
    return 0
