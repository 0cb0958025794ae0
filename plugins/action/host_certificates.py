# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide on the controller which certificates of a host are to be issued, and sign them there."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.taking import ControlledStep


class ActionModule(ControlledStep):
    """Controller side of host_certificates."""
