# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Render a role's folder of templates on the controller and put it on the host in one call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.template import Templar, generate_ansible_template_vars, trust_as_template
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import pack
from ansible_collections.hotclub.django.plugins.plugin_utils.files.role_templates import Options, wanted_set
from ansible_collections.hotclub.django.plugins.plugin_utils.steps.sending import HostSteps

ARGUMENTS: dict[str, Any] = {
    "names": {"type": "dict", "default": {}},
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
# As ansible.builtin.template has it: a line that only controls leaves no empty line behind.
OVERRIDES = {"trim_blocks": True}


class ActionModule(HostSteps):
    """Controller side of host_files."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Render, send, and return what changed."""
        super().run(tmp, task_vars)
        variables: dict[str, Any] = task_vars or {}
        _, arguments = self.validate_argument_spec(ARGUMENTS)
        proof = {name: arguments.pop(name) for name in ("check", "remedy")}
        templates = Path(self._task._role._role_path if self._task._role else variables["playbook_dir"]) / "templates"
        renderer = Renderer(self._templar, variables, templates, self._loader)
        try:
            wanted = wanted_set(templates, Options(**arguments), renderer.render)
        except Trouble as error:
            raise AnsibleActionFail(str(error)) from error
        return self.ask("host_files", {"payload": pack(wanted), **proof}, variables)


class Renderer:
    """Renders files of one role as ansible.builtin.template does."""

    def __init__(self, templar: Templar, variables: Mapping[str, Any], templates: Path, loader: Any) -> None:
        self._templar = templar
        self._variables = variables
        self._templates = templates
        self._loader = loader

    def render(self, source: Path, destination: str) -> bytes:
        """Return the content of a template for its place on the host."""
        text = trust_as_template(self._loader.get_text_file_contents(str(source)))
        templar = self._templar.copy_with_new_env(
            searchpath=[str(source.parent), str(self._templates)],
            available_variables={**self._own_variables(source, destination), **self._variables},
        )
        try:
            rendered = templar.template(text, escape_backslashes=False, overrides=OVERRIDES)
        except AnsibleError as error:
            raise AnsibleActionFail(f"{self._named(source)} can't be rendered for {destination}.") from error
        return ("" if rendered is None else str(rendered)).encode()

    def _own_variables(self, source: Path, destination: str) -> dict[str, Any]:
        """Return template_path and its like, and ansible_managed unless the inventory says what it is."""
        own: dict[str, Any] = generate_ansible_template_vars(
            path=self._named(source), fullpath=str(source), dest_path=destination
        )
        return own

    def _named(self, source: Path) -> str:
        """Return a template's path from its role on."""
        return source.relative_to(self._templates.parent.parent).as_posix()
