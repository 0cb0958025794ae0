# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a site's uploaded files saved, now or by a timer, and bring back those of an earlier moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common import files
from ansible_collections.hotclub.django.plugins.module_utils.common.call import Call
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.systemd import UNITS, bring_up_timer, systemctl
from ansible_collections.hotclub.django.plugins.module_utils.release.arguments import carry_out
from ansible_collections.hotclub.django.plugins.module_utils.release.uploads_backup import USUAL, Copies, refuse_there

SPEC: dict[str, Any] = {
    "site": {"type": "str", "required": True},
    "repository": {"type": "path", "required": True},
    "state": {
        "type": "str",
        "choices": ["present", "absent", "saved", "planned", "restored", "beside"],
        "default": "present",
    },
    "name": {"type": "str", "default": ""},
    "needed": {"type": "bool", "default": True},
    "folder": {"type": "path"},
    "moment": {"type": "float", "default": 0.0},
    "beside_name": {"type": "str", "default": ""},
}
Action = tuple[str, Callable[[], object]]


def take(module: Call) -> None:
    """Run the module."""
    carry_out(module, bring)


def bring(module: Call) -> dict[str, Any]:
    """Do what is asked.

    :raises Trouble: it can't be done.
    """
    copies, state = Copies(module.params["site"], Path(module.params["repository"])), module.params["state"]
    if state in ("present", "absent"):
        actions = module.take_steps(have(copies) if state == "present" else leave(copies))
        return {"changed": bool(actions), "actions": actions}
    if state == "saved":
        return saved(module, copies)
    return restored(module, copies)


def have(copies: Copies) -> Iterator[Action]:
    """Return what is left to do until they are saved every hour, in order.

    :raises Trouble: the folder for the copies is not there.
    """
    above = copies.repository.parent
    if not above.is_dir() and above != Path(USUAL):
        raise Trouble(
            f"There is no folder {above} for the copies of uploads.", "Mount what holds it, or correct uploads_backup_path."
        )
    if not copies.repository.is_dir():
        yield str(copies.repository), lambda: _make(copies.repository)
    yield from bring_up_timer(copies.timer, copies.service("hourly"))


def leave(copies: Copies) -> Iterator[Action]:
    """Return what is left to do until nothing saves them, in order; the copies stay."""
    units = [UNITS / copies.timer, UNITS / f"{copies.units}@.service"]
    known = any(unit.exists() for unit in units)
    if known:
        yield "stop", lambda: systemctl("disable", "--quiet", "--now", copies.timer)
        yield "end", lambda: systemctl("stop", f"{copies.units}@*.service")
    for path in (*units, copies.settings):
        if path.exists():
            yield str(path), lambda path=path: files.remove(path)  # type: ignore[misc]
    if known:
        yield "daemon-reload", lambda: systemctl("daemon-reload")


def saved(module: Call, copies: Copies) -> dict[str, Any]:
    """Make a copy; where it is not needed, that it fails keeps nobody from what it is made for."""
    if module.check_mode:
        return {"changed": True, "saved": True}
    try:
        copies.save(module.params["name"])
    except Trouble as trouble:
        if module.params["needed"]:
            raise
        return {"changed": False, "saved": False, "warnings": [str(trouble)]}
    return {"changed": True, "saved": True}


def restored(module: Call, copies: Copies) -> dict[str, Any]:
    """Bring the files of a moment back, or say what that would do."""
    wanted, folder = module.params, Path(module.params["folder"])
    beside = folder.with_name(f"{folder.name}-restored-{wanted['beside_name']}") if wanted["beside_name"] else None
    if beside:
        refuse_there(beside)
    copy = copies.before(wanted["moment"])
    if copy is None:
        return {"changed": False, "copy": "", "missing": 0, "replaced": 0, "folder": str(beside or folder)}
    planned = wanted["state"] == "planned" or module.check_mode
    if planned:
        plan = copies.plan(copy, beside or folder, wanted["moment"])
    else:
        plan = copies.beside(copy, beside) if beside else copies.bring(copy, folder, wanted["moment"])
    return {
        "changed": wanted["state"] != "planned" and bool(plan.missing or plan.replaced),
        "copy": copy.told,
        "missing": len(plan.missing),
        "replaced": len(plan.replaced),
        "folder": str(beside or folder),
    }


def _make(repository: Path) -> None:
    repository.parent.mkdir(mode=0o700, exist_ok=True)
    repository.mkdir(mode=0o700)
