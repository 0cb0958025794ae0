"""The measurements behind every claim about speed.

    python -m bench                      those against plain scripts, into a table
    python -m bench deploy --rounds 5    one of them
    python -m bench nochange             one against an earlier commit and another tool
    python -m bench balancing            one that needs a cluster
    python -m bench deploy --short       to see that it works, not to measure

Each compares ways on the same machine, in turns, and gives medians; trust the ratios rather than the seconds.
"""
