# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have packages installed, and explain where that fails."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.taking import ControlledStep


class ActionModule(ControlledStep):
    """Controller side of packages."""
