"""A constant load on a site, and the judgement of what came back.

    python -m tests.load https://10.0.0.2/ --host site.example --authority authority.crt --rate 60 --json outcome.json

Requests start at fixed moments, whether or not earlier ones have been answered; nothing is ever sent twice.
"""

from tests.load.generator import Load, Plan, constant_load
from tests.load.outcome import Outcome
from tests.load.verdict import Verdict, Window, judge, outage

__all__ = ["Load", "Outcome", "Plan", "Verdict", "Window", "constant_load", "judge", "outage"]
