# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add to media_move who is asking, for the deployment lock."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedStep


class ActionModule(LockedStep):
    """Controller side of media_move."""
