# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Steps of a role: chosen by tags, sent in as few calls as possible, and compared with the host without being taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.core import remembering
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.kinds import Context, Kind, kind_of
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps

# What a step has besides the one name of its module.
OWN_KEYS = {"name", "tags", "when"}


@dataclass(frozen=True)
class Described:
    """A step as a role's variables describe it."""

    name: str
    step: str
    arguments: Mapping[str, Any]
    tags: Sequence[str]


def described(items: Iterable[Mapping[str, Any]]) -> Iterator[Described]:
    """Yield the steps that are to be taken at all.

    :raises Trouble: one has no name, or doesn't name one module.
    """
    for item in items:
        modules = sorted(set(item) - OWN_KEYS)
        if "name" not in item or len(modules) != 1:
            raise Trouble(
                f"A step needs a name and one module with its options, and this one has {', '.join(sorted(item)) or 'nothing'}."
            )
        if item.get("when", True):
            arguments = item[modules[0]]
            yield Described(
                str(item["name"]), modules[0], arguments if isinstance(arguments, Mapping) else {}, item.get("tags", [])
            )


def chosen(steps: Iterable[Described], variables: Mapping[str, Any], of_the_task: Sequence[str]) -> list[Described]:
    """Return the steps that --tags and --skip-tags leave.

    A tag that the task has and no step has, such as that of its role, stands for all of its steps.
    """
    found = list(steps)
    of_steps = {tag for step in found for tag in step.tags}
    wanted, skipped = set(variables.get("ansible_run_tags", ["all"])), set(variables.get("ansible_skip_tags", []))
    whole = wanted & {"all", "tagged", "always"} or (wanted & set(of_the_task)) - of_steps
    return [step for step in found if (whole or wanted & set(step.tags)) and not skipped & set(step.tags)]


class ControlledStep(HostSteps):
    """The controller's side of a step that is a task of its own."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Take the step that the task is called by."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        try:
            kind = kind_of(self._task.action.rpartition(".")[2], self._task.args, context_of(self, variables))
            results, of_the_call = self.send([kind.request()], variables)
            result = kind.finish(results[0])
            return {**of_the_call, **result, **shown(result)}
        except Trouble as trouble:
            raise AnsibleActionFail(str(trouble)) from trouble


def context_of(action: HostSteps, variables: dict[str, Any]) -> Context:
    """Return what a task's steps are prepared with: its role's templates, or those beside its playbook."""
    role = action._task._role
    templates = Path(role._role_path if role else variables["playbook_dir"]) / "templates"
    return Context(action, variables, templates, remembering(action._templar, variables))


def take(action: HostSteps, steps: Sequence[Described], context: Context) -> dict[str, Any]:
    """Take steps in order, in as few calls as possible, and return what a task returns."""
    outcome = Outcome()
    waiting = [(step, kind_of(step.step, step.arguments, context)) for step in steps]
    while waiting and not outcome.failed:
        batch = first_batch(waiting)
        results, of_the_call = action.send([kind.request() for _step, kind in batch], dict(context.variables))
        outcome.of_the_call(of_the_call)
        for (step, kind), result in zip(batch, results, strict=False):
            outcome.add(step, kind.finish(result))
        waiting = waiting[len(results) :]
    return outcome.result()


def first_batch(waiting: Sequence[tuple[Described, Kind]]) -> Sequence[tuple[Described, Kind]]:
    """Return the steps that can go in one call: up to the first that the controller has to do something for."""
    for position, (_step, kind) in enumerate(waiting):
        if kind.waits:
            return waiting[: position + 1]
    return waiting


class Outcome:
    """What came of several steps, as the result of one task."""

    def __init__(self) -> None:
        self.failed = False
        self._steps: dict[str, dict[str, Any]] = {}
        self._diffs: list[Any] = []
        self._whole: dict[str, Any] = {"changed": False}

    def of_the_call(self, reported: Mapping[str, Any]) -> None:
        """Add what Ansible reports of a call."""
        for name, values in reported.items():
            self._whole[name] = [*self._whole.get(name, []), *values]

    def add(self, step: Described, result: Mapping[str, Any]) -> None:
        """Add the result of a step."""
        kept = {name: value for name, value in result.items() if name not in ("diff", "warnings", "deprecations", "waits")}
        self._steps[step.name] = kept
        self._whole["changed"] |= bool(result.get("changed"))
        if "diff" in result:
            diff = result["diff"]
            self._diffs += diff if isinstance(diff, list) else [diff]
        if result.get("failed"):
            self.failed = True
            self._whole |= {"failed": True, "msg": result.get("msg", f"{step.name} failed.")}
            self._whole |= {name: result[name] for name in ("exception", "unreachable") if name in result}

    def result(self) -> dict[str, Any]:
        """Return the result of the task; what changed is shown."""
        return {**self._whole, "steps": self._steps, **({"diff": self._diffs} if self._diffs else {}), **shown(self._whole)}


def shown(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has Ansible print a result that says what was changed."""
    return {"_ansible_verbose_always": True} if result.get("changed") else {}
