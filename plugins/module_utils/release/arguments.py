# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Arguments that the modules of the release engine share, and the frame in which they run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import errors
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.release.deployment import Asking
from ansible_collections.hotclub.django.plugins.module_utils.release.health import HealthCheck
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

WHEN_FULL = "What served before still serves. Make room, or lower site_keep_releases, then run this again."
SITE: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "root": {"type": "path", "required": True},
}
# For steps of a run that must hold the deployment lock.
LOCKED: dict[str, Any] = {"holder": {"type": "dict", "default": {}}}
# For those that take it.
LOCKING: dict[str, Any] = {
    "what": {"type": "str", "default": "deploy"},
    "dead_run": {"type": "str", "default": ""},
    "lease_seconds": {"type": "int", "default": 900},
}
HEALTH: dict[str, Any] = {
    "health": {
        "type": "dict",
        "required": True,
        "options": {
            "host": {"type": "str", "required": True},
            "path": {"type": "str", "default": "/"},
            "statuses": {"type": "list", "elements": "str", "default": ["200-399"]},
            "seconds": {"type": "int", "default": 30},
            "scheme": {"type": "str", "default": "http"},
        },
    }
}


def site_of(module: Call) -> Site:
    """Return the site that a module was called for."""
    return Site.at(module.params["name"], module.params["root"])


def run_of(module: Call) -> str:
    """Return the run that a module was called by; empty when nobody said."""
    return str(module.params["holder"].get("run", ""))


def asking_of(module: Call) -> Asking:
    """Return who asks for the deployment lock, and how."""
    words = {
        name: module.params[name]
        for name in ("what", "dead_run", "lease_seconds", "wait_seconds", "silent_seconds")
        if name in module.params
    }
    return Asking(module.params["holder"], **words)


def health_of(module: Call) -> HealthCheck:
    """Return the health check that a module was called with."""
    return HealthCheck(**module.params["health"])


def carry_out(module: Call, step: Callable[[Call], dict[str, Any]], arguments_shown: bool = True) -> None:
    """Run a step as a module, and report its result or its failure.

    :param arguments_shown: whether the result may hold the arguments, which Ansible prints at -vvv.
    """
    shown: dict[str, Any] = {} if arguments_shown else {"invocation": {}}
    result = errors.carry_out(lambda: step(module), WHEN_FULL) | shown
    if result.get("failed"):
        module.fail_json(**result)
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)
