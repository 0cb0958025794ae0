# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render a role's folder of templates on the controller and put it on the host in one call."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.taking import ControlledStep


class ActionModule(ControlledStep):
    """Controller side of host_files."""
