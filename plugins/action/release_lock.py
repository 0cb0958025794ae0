# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add to release_lock who is asking, and take the lock over from a run on this controller that is dead."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedStep


class ActionModule(LockedStep):
    """Controller side of release_lock."""
