"""The measurements behind every claim about speed.

    python -m bench                      all of them, into a table
    python -m bench deploy --rounds 5    one of them
    python -m bench balancing            one that needs a cluster

Each compares two ways on the same machine, in turns, and gives medians; trust the ratios rather than the seconds.
"""
