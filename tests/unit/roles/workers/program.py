"""The program that runs timers, as it lies on the hosts of a site."""

from __future__ import annotations

import sys

from tools.docs import CHECKOUT

# Python puts the folder of a program there as well.
sys.path.append(str(CHECKOUT / "roles/workers/templates/srv/_site_/lib/timers"))

import calendars
import firing
import ledger
import orders

__all__ = ["calendars", "firing", "ledger", "orders"]
