"""What the unit tests share: the checkout is the collection, and Ansible's own loaders read it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

CHECKOUT = Path(__file__).parents[2]

init_plugin_loader([str(CHECKOUT / ".collections")])


def load_inventory(
    folder: Path, files: dict[str, str], extra_vars: dict[str, Any] | None = None, vault: list[tuple[str, Any]] | None = None
) -> dict[str, Any]:
    """Write an inventory, let Ansible read it, and return what a task would see of it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    loader = DataLoader()
    loader.set_vault_secrets(vault)
    inventory = InventoryManager(loader=loader, sources=[str(folder)])
    manager = VariableManager(loader=loader, inventory=inventory)
    manager._extra_vars = extra_vars or {}
    return {"groups": inventory.get_groups_dict(), "hostvars": HostVars(inventory, manager, loader), "loader": loader}


def wiring() -> dict[str, Any]:
    """What the role site works out for all others, as Ansible reads it: every file of the folder."""
    loader = DataLoader()
    known: dict[str, Any] = {}
    for path in loader.find_vars_files(str(CHECKOUT / "roles" / "site" / "vars"), "main", extensions=["", ".yml"]):
        known |= loader.load_from_file(path, trusted_as_template=True)
    return known


@pytest.fixture
def inventory_vars() -> Callable[..., dict[str, Any]]:
    """Return a function that loads an inventory from the text of its files."""
    return load_inventory


def evaluate_for_role(role: str, expression: str, **variables: Any) -> Any:
    """Return the value of an expression as Ansible works it out, with the role's own defaults and constants."""
    folder = CHECKOUT / "roles" / role
    loader = DataLoader()
    given: dict[str, Any] = {"role_path": str(folder)}
    for name in ("defaults", "vars"):
        if (folder / name / "main.yml").is_file():
            given |= loader.load_from_file(str(folder / name / "main.yml"), trusted_as_template=True)
    variables["ansible_facts"] = {"processor_vcpus": 2} | variables.get("ansible_facts", {})
    return Templar(loader, given | variables).template(trust_as_template(expression))


def render_template(role: str, path: str, **variables: Any) -> str:
    """Render a template of a role as Ansible does, with the role's own defaults and constants."""
    lookup = f"lookup('ansible.builtin.template', '{CHECKOUT}/roles/{role}/templates/{path}')"
    text: str = evaluate_for_role(role, f"{{{{ {lookup} }}}}", **variables)
    return text


@pytest.fixture
def evaluate() -> Callable[..., Any]:
    """Return a function that works out an expression of a role."""
    return evaluate_for_role


@pytest.fixture
def render() -> Callable[..., str]:
    """Return a function that renders a template of a role."""
    return render_template
