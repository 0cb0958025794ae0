# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a host look at itself by a timer, and tell of trouble."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.program import program
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, bring_up_timer, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import carry_out
from ansible_collections.hotclub.django.plugins.module_utils.status import watch as program_of_watch
from ansible_collections.hotclub.django.plugins.module_utils.status.telling import refused
from ansible_collections.hotclub.django.plugins.module_utils.status.watched import Watch
from ansible_collections.hotclub.django.plugins.module_utils.steps import site_status

SPEC: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "host": {"type": "str", "default": ""},
    "look": {"type": "dict", "default": {}},
    "urls": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "heartbeat_url": {"type": "str", "default": "", "no_log": True},
    "interval_minutes": {"type": "int", "default": 5},
    "after_looks": {"type": "int", "default": 2},
    "deploys": {"type": "bool", "default": False},
    "metrics": {"type": "bool", "default": False},
}
TOLD = ("host", "look", "urls", "heartbeat_url", "interval_minutes", "after_looks", "deploys", "metrics")
Action = tuple[str, Callable[[], object]]


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, bring, arguments_shown=False)


def bring(module: Call) -> dict[str, Any]:
    """Have it look, or look no more."""
    watch = Watch(module.params["site"])
    actions = module.take_steps(leave(watch) if module.params["state"] == "absent" else have(watch, module.params))
    return {"changed": bool(actions), "actions": actions}


def have(watch: Watch, wanted: dict[str, Any]) -> Iterator[Action]:
    """Return what is left to do until the host looks as it should, in order.

    :raises Trouble: nobody can be told in the way that the inventory says.
    """
    if numbers := refused(wanted["urls"]):
        raise Trouble(
            f"Apprise on this host does not know the address number {', '.join(map(str, numbers))} of site_alert_urls.",
            "Write it in one of the forms of docs/alerts.md, or as `man apprise` on the host has it.",
        )
    settings = json.dumps({**{name: wanted[name] for name in TOLD}, "look": looked_at(wanted["look"])}, indent=1) + "\n"
    code = program(program_of_watch.__name__.partition(".module_utils.")[2])
    for path, content, mode in ((watch.settings, settings.encode(), 0o600), (watch.program, code, 0o644)):
        if not path.is_file() or path.read_bytes() != content or path.stat().st_mode & 0o777 != mode:
            yield str(path), lambda path=path, content=content, mode=mode: _put(path, content, mode)  # type: ignore[misc]
    if watch.metrics.exists() and not wanted["metrics"]:
        yield str(watch.metrics), watch.metrics.unlink
    yield from bring_up_timer(watch.timer, watch.service)


def looked_at(wanted: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of the step ``site_status`` with its defaults.

    :raises Trouble: they don't fit it.
    """
    validated = ArgumentSpecValidator(site_status.SPEC).validate(wanted)
    if validated.error_messages:
        raise Trouble("; ".join(validated.error_messages))
    return dict(validated.validated_parameters)


def leave(watch: Watch) -> Iterator[Action]:
    """Return what is left to do until nothing is there of it, in order."""
    units = [UNITS / watch.timer, UNITS / watch.service]
    known = any(unit.exists() for unit in units)
    if known:
        yield "stop", lambda: systemctl("disable", "--quiet", "--now", watch.timer)
        yield "end", lambda: systemctl("stop", watch.service)
    for path in (*units, watch.settings, watch.program, watch.metrics, watch.state.parent, watch.spare.parent):
        if path.exists():
            yield str(path), lambda path=path: files.remove(path)  # type: ignore[misc]
    if known:
        yield "daemon-reload", lambda: systemctl("daemon-reload")


def _put(path: Any, content: bytes, mode: int) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    files.put(path, content, mode)
