# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render the rules of a firewall, have them loaded, and prove by a new connection that they don't shut the controller out."""

from __future__ import annotations

from ansible_collections.hotclub.django.plugins.plugin_utils.steps.taking import ControlledStep


class ActionModule(ControlledStep):
    """Controller side of firewall."""
