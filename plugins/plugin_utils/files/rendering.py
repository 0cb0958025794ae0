# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Templates of a role, rendered as ansible.builtin.template does."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible_collections.hotclub.django.plugins.plugin_utils.core import (
    Templar,
    templar_with,
    trust_as_template,
    variables_of_template,
)

# As ansible.builtin.template has it: a line that only controls leaves no empty line behind.
OVERRIDES = {"trim_blocks": True}


class Renderer:
    """Renders files of one role as ansible.builtin.template does."""

    def __init__(self, templar: Templar, templates: Path, loader: Any) -> None:
        self._templar = templar
        self._templates = templates
        self._loader = loader

    def render(self, source: Path, destination: str, more: Mapping[str, Any] | None = None) -> bytes:
        """Return the content of a template for its place on the host.

        :param more: variables that only this file has.
        """
        text = trust_as_template(self._loader.get_text_file_contents(str(source)))
        own = variables_of_template(self._named(source), source, destination)
        # The inventory may say itself what ansible_managed is.
        variables = ChainMap(dict(more or {}), self._templar.available_variables, own)
        templar = templar_with(self._templar, variables, [str(source.parent), str(self._templates)])
        try:
            rendered = templar.template(text, escape_backslashes=False, overrides=OVERRIDES)
        except AnsibleError as error:
            raise AnsibleActionFail(f"{self._named(source)} can't be rendered for {destination}.") from error
        return ("" if rendered is None else str(rendered)).encode()

    def _named(self, source: Path) -> str:
        """Return a template's path from its role on."""
        return source.relative_to(self._templates.parent.parent).as_posix()
