"""The program that runs timers, as it lies on the hosts of a site."""

from __future__ import annotations

import sys

from tools.docs import CHECKOUT

# Python puts the folder of a program there as well.
sys.path.append(str(CHECKOUT / "roles/workers/templates/srv/_site_/lib/timers"))

import beat
import calendars
import database
import firing
import guard
import ledger
import orders
import singles

__all__ = ["beat", "calendars", "database", "firing", "guard", "ledger", "orders", "singles"]
