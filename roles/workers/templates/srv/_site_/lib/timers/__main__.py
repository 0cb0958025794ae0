"""The timers of the site that this lies in: each moment of a calendar is taken once in the whole fleet, and its command run.

Run as ``python3 -I timers VERB`` by the site's account with the site's environment, where ``timers`` is this folder. ``run`` is
for the units, and so is ``guard``, which runs a worker of which one alone may run. ``look`` and ``singles`` print JSON and change
nothing; ``pause NAME WHO``, ``resume NAME`` and ``outcome NAME MICROSECONDS`` are for playbooks.
"""

from __future__ import annotations

import sys

from orders import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
