# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send uploads_backup to the host in the payload that all steps share."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostStep


class ActionModule(HostStep):
    """Controller side of uploads_backup."""
