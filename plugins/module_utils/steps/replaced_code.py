# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name the services of a site that run code which an upgrade has replaced."""

from __future__ import annotations

from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.machine.updates import interrupting, services_with_replaced_code

SPEC: dict[str, Any] = {"site": {"type": "str", "required": True}}


def take(module: Call) -> None:
    """Run the module."""
    module.exit_json(changed=False, services=interrupting(services_with_replaced_code(), module.params["site"]))
