# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller does for a step: most need nothing, some are rendered, signed or proved here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import pack
from ansible_collections.hotclub.django.plugins.plugin_utils.core import Templar
from ansible_collections.hotclub.django.plugins.plugin_utils.files.rendering import Renderer
from ansible_collections.hotclub.django.plugins.plugin_utils.files.role_templates import Options, wanted_set
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import account
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import USAGES
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.issuing import PLACE, Issuing, StepFailedError
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.packages import explained
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps, Request
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.trial import Trial


@dataclass(frozen=True)
class Context:
    """What a step is prepared with.

    :param action: the action plugin of the task, which reaches the host.
    :param variables: the task's variables.
    :param templates: the folder `templates` of the role that the step belongs to.
    :param templar: what renders them, with the task's variables.
    """

    action: HostSteps
    variables: Mapping[str, Any]
    templates: Path
    templar: Templar

    @property
    def renderer(self) -> Renderer:
        """What renders the role's templates."""
        return Renderer(self.templar, self.templates, self.action._loader)

    def ask(self, step: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Have one step taken on the host."""
        return self.action.ask(step, arguments, dict(self.variables))


class Kind:
    """A step whose arguments are those of the task, and whose result is that of the host."""

    SPEC: ClassVar[Mapping[str, Any] | None] = None
    # Whether what comes after it has to wait for what the controller does.
    waits = False

    def __init__(self, step: str, arguments: Mapping[str, Any], context: Context) -> None:
        self.step = step
        self.context = context
        self.arguments = arguments if self.SPEC is None else validated(step, self.SPEC, arguments)

    def request(self) -> Request:
        """Return what is asked of the host."""
        return Request(self.step, self.arguments)

    def settled(self, result: Mapping[str, Any]) -> bool:
        """Say whether the host, asked what it would change, has nothing to do."""
        return not result.get("failed") and not result.get("changed")

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return the result of the step, after what the controller has to do."""
        return result


class HostFiles(Kind):
    """Files that are rendered here."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "names": {"type": "dict", "default": {}},
        "each": {"type": "dict", "default": {}},
        "present": {"type": "dict", "default": {}},
        "permissions": {"type": "dict", "default": {}},
        "secret": {"type": "list", "elements": "str", "default": []},
        "directories": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "path": {"type": "str", "required": True},
                "owner": {"type": "str", "default": "root"},
                "group": {"type": "str", "default": "root"},
                "mode": {"type": "str", "default": "0755"},
            },
        },
        "links": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {"path": {"type": "str", "required": True}, "target": {"type": "str", "required": True}},
        },
        "absent": {"type": "list", "elements": "str", "default": []},
        "left_alone": {"type": "list", "elements": "str", "default": []},
        "subtree": {"type": "str", "default": ""},
        "check": {"type": "str", "default": ""},
        "remedy": {"type": "str", "default": ""},
    }

    def request(self) -> Request:
        """Render the files, and ask for them."""
        proof = {name: self.arguments[name] for name in ("check", "remedy")}
        options = Options(**{name: value for name, value in self.arguments.items() if name not in proof})
        wanted = wanted_set(self.context.templates, options, self.context.renderer.render)
        return Request(self.step, {"payload": pack(wanted), **proof})


class Packages(Kind):
    """Packages, whose failure is explained here."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "names": {"type": "list", "elements": "str", "required": True},
        "started": {"type": "bool", "default": True},
        "held": {"type": "list", "elements": "str", "default": []},
        "remedy": {"type": "str", "default": ""},
    }

    def request(self) -> Request:
        """Ask for the packages."""
        names = list(self.arguments["names"])
        return Request(self.step, {"names": names, "held": self.arguments["held"] if self.arguments["started"] else names})

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Say what could not be installed where, why, and what to do."""
        if not result.get("failed") or "missing" not in result:
            return result
        host = str(self.context.variables["inventory_hostname"])
        return result | {"msg": explained(host, result["missing"], str(result["msg"]), str(self.arguments["remedy"]))}


class Firewall(Kind):
    """Rules that are rendered here, and kept once a new connection has come through them."""

    SPEC: ClassVar[Mapping[str, Any]] = {
        "site": {"type": "str", "required": True},
        "state": {"type": "str", "default": "closed", "choices": ["closed", "opened", "admitted", "left"]},
        "return_seconds": {"type": "int", "default": 30},
    }

    def request(self) -> Request:
        """Render the rules, and ask for them."""
        # What leaves needs no content; there, other variables may be missing.
        render = (lambda source, path: b"") if self.arguments["state"] == "left" else self.context.renderer.render
        options = Options({"_site_": self.arguments["site"]}, {}, {}, [], [], [], [], [], "")
        return Request(self.step, {**self.arguments, "payload": pack(wanted_set(self.context.templates, options, render))})

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Come back through the new rules, and have them kept."""
        if not result.get("waits"):
            return result
        trial = Trial(self.context.action, dict(self.context.variables), self.request(), int(self.arguments["return_seconds"]))
        return {**result, **trial.confirm()}


class HostCertificates(Kind):
    """Certificates that are signed here."""

    waits = True
    SPEC: ClassVar[Mapping[str, Any]] = {
        "authority_path": {"type": "path", "default": ""},
        "authority_name": {"type": "str", "default": "Internal authority"},
        "authority_passphrase": {"type": "str", "default": "", "no_log": True},
        "certificates": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "path": {"type": "path", "required": True},
                "names": {"type": "list", "elements": "str", "default": []},
                "common_name": {"type": "str", "default": ""},
                "usages": {"type": "list", "elements": "str", "choices": list(USAGES), "default": ["server"]},
                "owner": {"type": "str", "default": "root"},
                "group": {"type": "str", "default": "root"},
                "key_mode": {"type": "str", "default": "0600", "no_log": False},
                "combined": {"type": "bool", "default": False},
                # Between our own hosts: a site that nobody touches for a year goes on.
                "days": {"type": "int", "default": 730},
                "renew_before_days": {"type": "int", "default": 365},
                "only_missing": {"type": "bool", "default": False},
                "certificate": {"type": "str", "default": ""},
                "private_key": {"type": "str", "default": "", "no_log": True},
            },
        },
    }

    def request(self) -> Request:
        """Ask which certificates are there."""
        places = [{key: item[key] for key in PLACE} for item in self.arguments["certificates"]]
        return Request(self.step, {"step": "look", "certificates": places})

    def settled(self, result: Mapping[str, Any]) -> bool:
        """Say whether none is to be issued, and all have their permissions."""
        return super().settled(result) and not self._issued(result, checking=True, showing=False)["changed"]

    def finish(self, result: dict[str, Any]) -> dict[str, Any]:
        """Issue what is missing."""
        if result.get("failed") or "found" not in result:
            return result
        task = self.context.action._task
        return self._issued(result, checking=task.check_mode, showing=task.diff)

    def _issued(self, looked: Mapping[str, Any], checking: bool, showing: bool) -> dict[str, Any]:
        def ask(step: str, certificates: list[dict[str, Any]]) -> dict[str, Any]:
            if step == "look":
                return dict(looked)
            answer = self.context.ask(self.step, {"step": step, "certificates": certificates})
            if answer.get("failed"):
                raise StepFailedError(answer)
            return answer

        try:
            return Issuing(**self.arguments, ask=ask).carry_out(checking=checking, showing=showing)
        except StepFailedError as failure:
            return failure.answer


class PostgresqlServer(Kind):
    """A server that may have something to tell at each run."""

    def settled(self, result: Mapping[str, Any]) -> bool:
        """Say whether nothing is to be done, and nothing waits that the role has to tell of."""
        return super().settled(result) and not result.get("pending") and not result.get("contested")


class ReleaseSwitch(Kind):
    """A switch, of which the host writes down who asked for it."""

    def request(self) -> Request:
        """Say who asks."""
        return Request(self.step, {**self.arguments, "by": account()})


KINDS: Mapping[str, type[Kind]] = {
    "host_files": HostFiles,
    "packages": Packages,
    "firewall": Firewall,
    "host_certificates": HostCertificates,
    "postgresql_server": PostgresqlServer,
    "release_switch": ReleaseSwitch,
}


def kind_of(step: str, arguments: Mapping[str, Any], context: Context) -> Kind:
    """Return a step with what the controller does for it.

    :raises Trouble: the arguments don't fit it.
    """
    return KINDS.get(step, Kind)(step, arguments, context)


def validated(step: str, spec: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with the types and defaults of their specification.

    :raises Trouble: they don't fit it.
    """
    result = ArgumentSpecValidator(dict(spec)).validate(dict(arguments))
    if result.error_messages:
        raise Trouble(f"{step}: {'; '.join(result.error_messages)}")
    return dict(result.validated_parameters)
