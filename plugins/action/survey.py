# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare a host with all that its roles say, in one call, so that nothing else has to be asked where nothing differs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.utils.display import Display
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.core import (
    DataLoader,
    Templar,
    is_trusted_as_template,
    remembering,
    trust_as_template,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.kinds import Context, Kind, kind_of
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.refusals import refused
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps, Request
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.taking import described

PACKAGES = "packages"
ASK, ACCEPT = "ask", "accept"
# A variable that is another one.
ALIAS = re.compile(r"^\{\{ (\w+) \}\}$")
LONGEST_CHAIN = 10
CONSENT = "Where all that is left may happen, say so for {host} in the inventory: site_first_contact: accept."
HOME = "{{ role_path }}"
ROLES = Path(__file__).parents[2] / "roles"
ARGUMENTS: dict[str, Any] = {
    "roles": {"type": "list", "elements": "str", "required": True},
    "first_contact": {"type": "str", "choices": [ASK, ACCEPT], "default": ASK},
}


class ActionModule(HostSteps):
    """Controller side of survey."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the host about every step of its roles, and say which would change something."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _result, arguments = self.validate_argument_spec(ARGUMENTS)
        roles = arguments["roles"]
        scope = Scope.of(roles, self._loader, self._templar, variables)
        try:
            refuse_all(scope, ["site", *roles])
        except Trouble as trouble:
            raise AnsibleActionFail(str(trouble)) from trouble
        differing: list[str] = []
        kinds: dict[str, Kind] = {}
        requests: dict[str, Request] = {}
        for role in roles:
            try:
                found = self._kinds(role, scope)
                requests |= {name: kind.request() for name, kind in found.items()}
                kinds |= found
            except (AnsibleError, Trouble) as error:
                # What can't be said before another step was taken; the role itself tells what it is.
                differing.append(f"{role}: {str(error).splitlines()[0]}")
        results, of_the_call = self.send(list(requests.values()), variables, comparing=True)
        if len(results) < len(requests):
            return results[0]
        refusals = [answer["msg"] for answer in results if answer.get("refuses")]
        host = str(variables.get("inventory_hostname", "The host"))
        if refusals := [*dict.fromkeys(refusals), *of_others(host, results, arguments["first_contact"] == ACCEPT)]:
            return {**of_the_call, "failed": True, "msg": "\n".join(["Nothing has been changed.", *refusals])}
        answers = dict(zip(requests, results, strict=True))
        differing += [name for name, kind in kinds.items() if not kind.settled(answers[name])]
        differing += [f"{role}: a step of the run itself" for role in roles if scope.value(f"__{role}_pending", False)]
        packages = [answers[name].get("missing", []) for name, request in requests.items() if request.step == PACKAGES]
        missing = sorted({name for names in packages for name in names})
        held = {name for request in requests.values() for name in request.arguments.get("held", [])}
        # Where something differs, each role itself says its own; nobody later says those of the site.
        for text in notices(scope, ["site", *([] if differing else roles)]):
            Display().display(text)
        return {
            **of_the_call,
            "changed": False,
            "settled": not differing,
            "differing": differing,
            "missing": missing,
            "held": [name for name in missing if name in held],
            "answers": {name: shown(answer) for name, answer in answers.items()},
        }

    def _kinds(self, role: str, scope: Scope) -> dict[str, Kind]:
        folder = ROLES / role.partition(".")[0]
        context = Context(self, scope.variables, folder / "templates", scope.templar)
        steps = described(scope.value(f"__{role.replace('.', '_')}_steps", []))
        return {f"{role}: {step.name}": kind_of(step.step, step.arguments, context) for step in steps}


class Scope:
    """The variables of several roles at once, as each of them has its own."""

    def __init__(self, templar: Templar, variables: dict[str, Any]) -> None:
        self.variables = variables
        self.templar = remembering(templar, variables)

    @classmethod
    def of(cls, roles: Iterable[str], loader: DataLoader, templar: Templar, variables: Mapping[str, Any]) -> Scope:
        """Return the variables of the play with those of the roles, which have the same precedence as in the roles."""
        names = dict.fromkeys(role.partition(".")[0] for role in roles)
        defaults = [at_home(read(loader, ROLES / name / "defaults" / "main.yml"), ROLES / name) for name in names]
        constants = [at_home(read(loader, ROLES / name / "vars" / "main.yml"), ROLES / name) for name in names]
        return cls(templar, without_aliases({**union(defaults), **variables, **union(constants)}))

    def value(self, name: str, default: Any) -> Any:
        """Return what a variable means, or the default where no role has it."""
        if name not in self.variables:
            return default
        return self.templar.template(trust_as_template(f"{{{{ {name} }}}}"))


def refuse_all(scope: Scope, roles: Iterable[str]) -> None:
    """Let nothing begin unless the conditions of all roles hold.

    :raises Trouble: says all that does not.
    """
    found = [text for role in roles for text in refused(scope.value(f"__{role}_refusals", []))]
    if found:
        raise Trouble("Nothing has been changed.\n" + "\n".join(found))


def of_others(host: str, answers: Iterable[Mapping[str, Any]], accepted: bool) -> list[str]:
    """Return what to say about what a host has of others, and what the run would cut off or replace.

    :param accepted: whether the inventory consents to what can be consented to.
    """
    every = [finding for answer in answers for finding in answer.get("first_contact", [])]
    found = [finding for finding in every if finding["refused"] or not accepted]
    if not found:
        return []
    consent = [] if accepted or all(finding["refused"] for finding in found) else [CONSENT.format(host=host)]
    return [f"{host} is used for something else, too:", *(f"- {item['what']}\n  {item['remedy']}" for item in found), *consent]


def notices(scope: Scope, roles: Iterable[str]) -> list[str]:
    """Return what roles have to tell at each run."""
    return [text.strip() for role in roles for text in scope.value(f"__{role}_notices", [])]


def read(loader: DataLoader, path: Path) -> dict[str, Any]:
    """Return the variables in a file of a role; none where there is no such file."""
    return (loader.load_from_file(str(path), cache="all", unsafe=True, trusted_as_template=True) or {}) if path.exists() else {}


def at_home(variables: Mapping[str, Any], role: Path) -> dict[str, Any]:
    """Return a role's variables with its folder where they name it, so that they mean the same beside those of others."""
    return {
        name: trust_as_template(value.replace(HOME, str(role))) if isinstance(value, str) and HOME in value else value
        for name, value in variables.items()
    }


def without_aliases(variables: dict[str, Any]) -> dict[str, Any]:
    """Return variables of which none is but another name for one of them: Ansible would compile an expression for each."""
    return {name: original(value, variables) for name, value in variables.items()}


def original(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return what a value is another name for, however many names it has."""
    for _name in range(LONGEST_CHAIN):
        named = ALIAS.match(value) if isinstance(value, str) and is_trusted_as_template(value) else None
        if named is None or named[1] not in variables:
            break
        value = variables[named[1]]
    return value


def union(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return several sets of variables as one."""
    return {name: value for part in parts for name, value in part.items()}


def shown(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer without what would be long."""
    return {name: value for name, value in answer.items() if name not in ("diff", "found", "warnings", "deprecations")}
