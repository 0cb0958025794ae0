# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send site_workers to the host for the run that may hold the deployment lock."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.locked import LockedStep


class ActionModule(LockedStep):
    """Controller side of site_workers."""
