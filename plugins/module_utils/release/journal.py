# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a unit of a site has said, without the site's secrets."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import journal, properties
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import secrets
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

# A line for systemd's journal may hold many of ours, such as a traceback; both are counted.
JOURNAL_LINES = 15


def last_words(site: Site, unit: str, release: str) -> list[str]:
    """Return the last lines of a unit's present or last run."""
    invocation = properties(unit, "InvocationID").get("InvocationID", "")
    match = f"_SYSTEMD_INVOCATION_ID={invocation}" if invocation else f"_SYSTEMD_UNIT={unit}"
    hidden = secrets(site.environment(release))
    return journal(match, JOURNAL_LINES, hidden).splitlines()[-JOURNAL_LINES:]
