"""The demo grows from one server to a cluster, as docs/growing.md says: hosts join, the database moves, the old server leaves.

Which step is under way is written down before it begins, so that an interrupted demo goes on there, and never goes back to a step
that would let the old server have the database again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import hosts, playbooks
from lab.commands import run
from lab.image import ensure_image
from lab.inventory import Lab, read_members
from lab.paths import ROOT, tool
from lab.steps import heading, step
from lab.workflow import overlay_variables

TIERS = ("lb", "app", "db")
JOIN, MOVE, LEAVE, WHOLE = STAGES = ("join", "move", "leave", "whole")
TITLES = {
    JOIN: "Growing, 1 of 3: balancers and application hosts join",
    MOVE: "Growing, 2 of 3: the database moves",
    LEAVE: "Growing, 3 of 3: the old server leaves",
}
DECOMMISSION = ROOT / "playbooks" / "decommission.yml"

Tiers = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Growing(Lab):
    """The lab of a cluster that still has the server which it grows from."""

    old: Lab
    stage: str

    @property
    def inventories(self) -> tuple[Path, ...]:
        """Return the inventory of this stage, which needs no overlay."""
        return (stage_file(self, self.stage),)


def stage_file(new: Lab, stage: str) -> Path:
    """Return the inventory that an operator would have edited by this stage; in a folder of its own, without the secrets."""
    return new.folder / "growing" / f"{stage}.json"


def stage_of(new: Lab) -> str:
    """Return how far the demo's cluster is; nothing while there is none."""
    file = _mark(new)
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def begin(new: Lab, stage: str) -> None:
    """Write down that a stage begins."""
    new.folder.mkdir(parents=True, exist_ok=True)
    _mark(new).write_text(f"{stage}\n", encoding="utf-8")


def lab_at(old: Lab, new: Lab) -> Lab:
    """Return the lab as it is now: with the old server until that has left."""
    stage = stage_of(new)
    if stage in STAGES[:-1] and old.overlay.exists() and stage_file(new, stage).exists():
        return Growing(new.inventory, new.prefix, old=old, stage=stage)
    return new


def grow(old: Lab, new: Lab, suite: str) -> None:
    """Take the steps that are left; each may be taken again."""
    if hosts.hosts(old):
        _wake(old, new, suite)
    for stage in STAGES[STAGES.index(stage_of(new)) : -1]:
        write_inventory(stage, old, new)
        begin(new, stage)
        heading(TITLES[stage])
        _take(stage, old, new)
    begin(new, WHOLE)


def _take(stage: str, old: Lab, new: Lab) -> None:
    members = [member.name for member in read_members(old.inventory)]
    lab = Growing(new.inventory, new.prefix, old=old, stage=stage)
    if stage == JOIN:
        playbooks.play(lab, "site")
    elif stage == MOVE:
        playbooks.play(lab, "move_database", {"move_database_from": members[0]})
    else:
        _leave(lab, members, new)


def _leave(lab: Growing, members: Sequence[str], new: Lab) -> None:
    if DECOMMISSION.exists() and hosts.hosts(lab.old):
        for member in members:
            playbooks.play(lab, "decommission", {"decommission_host": member})
    playbooks.play(new, "site")
    with step("Remove the old server") as line:
        line.result = ", ".join(hosts.remove(lab.old))


def _wake(old: Lab, new: Lab, suite: str) -> None:
    """Have the old server run, and know the same secrets as the new ones."""
    if old.secrets.exists() and stage_of(new) == JOIN:
        shutil.copytree(old.secrets, new.secrets, dirs_exist_ok=True)
    members = read_members(old.inventory)
    with step(f"Go on with {', '.join(old.container(member.name) for member in members)}"):
        hosts.start(old, members, ensure_image(suite), suite)
        hosts.connect(old, overlay_variables(new))


def write_inventory(stage: str, old: Lab, new: Lab) -> None:
    """Write the new inventory with the groups as they are at this stage; who is in none yet is left out."""
    before, after = _listing(old), _listing(new)
    tiers = tiers_at(stage, _tiers(before), _tiers(after))
    present = {name for names in tiers.values() for name in names}
    variables = overlay_variables(new)
    known = {**hosts.described(old, variables), **hosts.described(new, variables)}
    inventory = {
        "vars": after["all"].get("vars", {}),
        "hosts": {name: said for name, said in known.items() if name in present},
        "children": {tier: {"hosts": {name: {} for name in names}} for tier, names in tiers.items()},
    }
    file = stage_file(new, stage)
    file.parent.mkdir(parents=True, exist_ok=True)
    # JSON is YAML, too.
    file.write_text(json.dumps({"all": inventory}, indent=2) + "\n", encoding="utf-8")


def tiers_at(stage: str, old: Tiers, new: Tiers) -> dict[str, list[str]]:
    """Return who is in which group: the old server is with the new ones, and has the database until that moves."""
    tiers = {tier: [*old[tier], *new[tier]] for tier in TIERS}
    return {**tiers, "db": list(old["db"] if stage == JOIN else new["db"])}


def _tiers(listing: Mapping[str, Any]) -> dict[str, list[str]]:
    return {tier: listing.get(tier, {}).get("hosts", []) for tier in TIERS}


def _listing(lab: Lab) -> dict[str, Any]:
    done = run(
        [tool("ansible-inventory"), "--inventory", lab.inventory, "--list", "--export"],
        environment={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
    )
    listing: dict[str, Any] = json.loads(done.stdout)
    return listing


def _mark(new: Lab) -> Path:
    return new.folder / "demo"
