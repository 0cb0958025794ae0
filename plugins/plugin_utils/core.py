# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the collection uses of ansible-core beyond its plugins' base classes: all of it is here, since any version may move it."""

from __future__ import annotations

import gc
from collections import ChainMap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible.release import __version__ as version

# The versions that the tests have run with, from the oldest to the newest. meta/runtime.yml has the oldest, too.
OLDEST, NEWEST = (2, 19), (2, 19)
TESTED = " to ".join(dict.fromkeys(f"{major}.{minor}" for major, minor in (OLDEST, NEWEST)))

# About 10 MiB at most.
OBJECTS_BETWEEN_COLLECTIONS = 50_000

try:
    from ansible import constants, context
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.parsing.splitter import parse_kv
    from ansible.parsing.vault import (
        AnsibleVaultError,
        EncryptedString,
        VaultLib,
        VaultSecretsContext,
        get_file_vault_secret,
        match_encrypt_secret,
    )
    from ansible.template import Templar, generate_ansible_template_vars, is_trusted_as_template, trust_as_template
    from ansible.utils.display import Display
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager
except ImportError as error:
    raise ImportError(
        f"hotclub.django can't run with ansible-core {version}, which differs from the tested {TESTED} in what it uses: {error}. "
        f"Install ansible-core {TESTED}, or a newer release of the collection."
    ) from error

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:
    # Messages then say what is wrong, and not in which line.
    Origin = None

try:
    from ansible._internal._templating._engine import TemplateOptions
    from ansible._internal._templating._lazy_containers import _AnsibleLazyTemplateMixin
    from ansible._internal._templating._utils import TemplateContext
except ImportError:
    # What variables mean is then worked out wherever they are used.
    TemplateContext = None

__all__ = (
    "AnsibleVaultError",
    "DataLoader",
    "EncryptedString",
    "HostVars",
    "InventoryManager",
    "Templar",
    "VariableManager",
    "VaultLib",
    "get_file_vault_secret",
    "is_trusted_as_template",
    "match_encrypt_secret",
    "parse_kv",
    "trust_as_template",
    "version",
)


def untested(running: str = version) -> list[str]:
    """Return what the operator should know of the version that runs: nothing when it was tested."""
    if release(running) <= NEWEST:
        return []
    return [
        f"ansible-core {running} is newer than what hotclub.django was tested with, {TESTED}. Try your inventory on a test host."
    ]


def release(running: str) -> tuple[int, int]:
    """Return the release that a version belongs to: (2, 19) for 2.19.14."""
    major, minor, *_patch = running.split(".")
    return int(major), int(minor)


def spare_collections() -> None:
    """Have Python look for unused cycles of objects more rarely in this process, and in those that it starts for tasks.

    By default it looks after each 700 new objects. Ansible keeps hundreds of thousands, the parsed playbooks above all, which are
    looked through again and again; in a process that was just started for a task, looking also copies their memory.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 50)


def folder_of_run() -> Path:
    """Return a folder of this run alone, which all of its processes share and which goes with it."""
    return Path(constants.DEFAULT_LOCAL_TMP)


def configured_vault() -> list[tuple[str, Any]]:
    """Return the vault passwords that this run was given."""
    context = VaultSecretsContext.current(optional=True)
    return list(context.secrets or []) if context else []


def origin_of(value: Any) -> Any:
    """Return where a value was written, with path, line_num and description; None when Ansible doesn't know it."""
    return None if Origin is None else Origin.get_tag(value)


def templar_with(
    templar: Templar, variables: dict[str, Any] | ChainMap[str, Any], searchpath: Sequence[str] | None = None
) -> Templar:
    """Return a templar like this one, with other variables and other folders of templates."""
    folders = {} if searchpath is None else {"searchpath": list(searchpath)}
    return templar.copy_with_new_env(available_variables=variables, **folders)


def remembering(templar: Templar, variables: dict[str, Any]) -> Templar:
    """Return a templar with other variables, of which each is worked out once, however often others are made of it.

    Ansible copies all variables for each expression, and forgets with it what they mean.
    """
    new = templar_with(templar, variables)
    if TemplateContext is not None:
        engine = new._engine
        with TemplateContext(template_value=None, templar=engine, options=TemplateOptions.DEFAULT):
            new.available_variables = _AnsibleLazyTemplateMixin._try_create(variables)
    return new


def variables_of_template(named: str, source: Path, destination: str) -> dict[str, Any]:
    """Return template_path and its like, and ansible_managed unless the inventory says what it is."""
    found: dict[str, Any] = generate_ansible_template_vars(path=named, fullpath=str(source), dest_path=destination)
    return found


def around_display(wrap: Callable[[Callable[..., None]], Callable[..., None]]) -> None:
    """Have all that Ansible displays from now on, warnings too, go through a function.

    :param wrap: takes the function that displays, and returns the one that is called in its place.
    """
    display = Display()
    display.display = wrap(display.display)


def what_runs(playbook: Any) -> tuple[str, list[str]]:
    """Return a playbook's name, and what makes one run of it like another: inventories, limits, tags, whether it only checks."""
    options = context.CLIARGS
    words = [str(options.get(name) or "") for name in ("inventory", "subset", "tags", "skip_tags", "start_at_task", "check")]
    path = Path(str(getattr(playbook, "_file_name", "") or "playbook"))
    return path.stem, [str(path), str(Path.cwd()), *words]
