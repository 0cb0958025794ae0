# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a host is told of the run that changes it: whose it is, and what it was asked for, without secrets."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import SECRET_NAME
from ansible_collections.hotclub.django.plugins.plugin_utils.core import parse_kv
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.operator import account, controller, run_of

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
HIDDEN = "***"
# In characters.
LONGEST = 100
CREDENTIALS = re.compile(r"://[^/@\s]+@")
# What a command is given, and whole environments.
FREE = re.compile(r"environment|_env$")
LOCAL = ("subset", "tags", "skip_tags", "start_at_task")


def run_for(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a host notes of this run; nothing where that has ended, and its task lives on.

    :param variables: of the task.
    """
    try:
        run = run_of(socket.gethostname(), controller())
    except AnsibleError:
        return {}
    given = context.CLIARGS or {}
    return {
        "run": hashlib.sha256(run.encode()).hexdigest()[:12],
        "by": account(),
        "verb": verb(given),
        "arguments": arguments(given),
        "site": str(variables.get("site_name", "")),
    }


def verb(given: Mapping[str, Any]) -> str:
    """Return the playbooks that were called, as people call them; a single task by its module.

    :param given: the command line as Ansible has read it.
    """
    if given.get("module_name"):
        return f"ansible -m {given['module_name']}"
    called = given.get("args") or ()
    return ", ".join(name_of(str(playbook)) for playbook in ([called] if isinstance(called, str) else called))


def name_of(playbook: str) -> str:
    """Return the name of a playbook, which is given as a file or as one of a collection."""
    return Path(playbook).stem if playbook.endswith((".yml", ".yaml")) else playbook.rpartition(".")[2]


def arguments(given: Mapping[str, Any]) -> dict[str, str]:
    """Return what was said on the command line. Of others' variables nobody knows whether they are secret."""
    found = {name: _short(value) for name, value in _options(given)}
    for text in given.get("extra_vars") or ():
        for name, value in _variables(str(text)).items():
            found[str(name)] = shown(str(name), value)
    return found


def _options(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in LOCAL:
        value = given.get(name) or ""
        text = value if isinstance(value, str) else ",".join(map(str, value))
        if text and (name, text) != ("tags", "all"):
            yield {"subset": "--limit"}.get(name, f"--{name.replace('_', '-')}"), text


def _variables(text: str) -> Mapping[Any, Any]:
    """Return the variables of one ``-e``; of a file, its name alone."""
    if text.startswith("@"):
        return {text: ""}
    try:
        found = yaml.safe_load(text) if text.startswith(("{", "[")) else parse_kv(text)
    except (AnsibleError, yaml.YAMLError):
        return {}
    return found if isinstance(found, dict) else {}


def shown(name: str, value: Any) -> str:
    """Return the value of a variable as far as it may be written down."""
    if name.startswith("@"):
        return ""
    if not name.startswith(ours()) or SECRET_NAME.search(name) or FREE.search(name) or isinstance(value, (dict, list)):
        return HIDDEN
    # Of a command that is run, its name: what follows may be a password.
    return _short(str(value).split(maxsplit=1)[0] if name == "manage_command" and str(value).strip() else str(value))


@cache
def ours() -> tuple[str, ...]:
    """Return how names begin that are a site's or a verb's."""
    return tuple(sorted(path.stem for path in PLAYBOOKS.glob("*.yml")))


def _short(text: str) -> str:
    plain = CREDENTIALS.sub(f"://{HIDDEN}@", text)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."
