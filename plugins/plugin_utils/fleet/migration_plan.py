# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an operator is shown before migrations are applied, and whether they may be."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble


def shown(pending: Sequence[str], plan: Mapping[str, Any]) -> str:
    """Return the plan as a text: the migrations, and below them what in them hurts, by name."""
    return "\n".join([f"Migrations to apply: {', '.join(pending)}", *_lines(plan)])


def _lines(plan: Mapping[str, Any]) -> Iterator[str]:
    for each in plan.get("findings", []):
        yield f"  {each['migration']} {each['kind']}: {each['statement']}"
        yield f"    {each['advice']} ({each['rule']})"
    yield from (f"  {remark}" for remark in plan.get("remarks", []))


def refusal(plan: Mapping[str, Any], policy: str, confirmed: Sequence[str]) -> Trouble | None:
    """Return why the migrations may not be applied; nothing where they may.

    :param policy: tell, ask or refuse.
    :param confirmed: the migrations that the operator has named for this run.
    """
    hurting: dict[str, list[str]] = {}
    for each in plan.get("findings", []):
        if policy != "tell" and not (policy == "ask" and each["migration"] in confirmed):
            hurting.setdefault(each["migration"], []).append(each["kind"])
    if not hurting:
        return None
    told = ", ".join(f"{name} ({' and '.join(dict.fromkeys(kinds))})" for name, kinds in hurting.items())
    cause = f"The plan above names migrations that hurt a site that serves: {told}. Nothing was migrated or switched."
    if policy == "ask":
        variable = json.dumps({"deploy_migrations_confirmed": [*confirmed, *hurting]})
        return Trouble(cause, f"If that may be, deploy again with -e '{variable}'; else change them as the plan advises.")
    return Trouble(
        cause,
        "Change them as the plan advises, push, and deploy again; or set site_migrations_policy to ask, and confirm them "
        "by name.",
    )
