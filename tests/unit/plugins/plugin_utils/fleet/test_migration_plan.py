"""What an operator is shown of migrations, and when a deploy stops for them."""

from __future__ import annotations

import json

import pytest
from ansible_collections.hotclub.django.plugins.plugin_utils.fleet.migration_plan import refusal, shown

PENDING = ["shop.0002_note", "shop.0003_old", "shop.0004_fill"]
PLAN = {
    "findings": [
        {
            "migration": "shop.0003_old",
            "kind": "destroys",
            "statement": 'ALTER TABLE "shop_item" DROP COLUMN "old" CASCADE;',
            "advice": "its values go",
            "rule": "ban-drop-column",
        }
    ],
    "remarks": ["shop.0004_fill was not looked through: its Python is no SQL"],
}


def test_the_plan_names_every_migration_and_what_hurts() -> None:
    assert shown(PENDING, PLAN).splitlines() == [
        "Migrations to apply: shop.0002_note, shop.0003_old, shop.0004_fill",
        '  shop.0003_old destroys: ALTER TABLE "shop_item" DROP COLUMN "old" CASCADE;',
        "    its values go (ban-drop-column)",
        "  shop.0004_fill was not looked through: its Python is no SQL",
    ]


@pytest.mark.parametrize(
    ("policy", "confirmed"), [("tell", []), ("ask", ["shop.0003_old"]), ("ask", ["shop.0003_old", "shop.0009_other"])]
)
def test_a_deploy_goes_on(policy: str, confirmed: list[str]) -> None:
    assert refusal(PLAN, policy, confirmed) is None


@pytest.mark.parametrize("policy", ["tell", "ask", "refuse"])
def test_what_could_not_be_looked_through_is_no_reason_to_stop(policy: str) -> None:
    assert refusal({**PLAN, "findings": []}, policy, []) is None


def test_whoever_is_asked_is_told_how_to_confirm_by_name() -> None:
    refused = refusal(PLAN, "ask", ["shop.0001_x"])
    assert refused and "shop.0003_old (destroys)" in refused.cause
    variable = refused.remedy.split("-e '")[1].split("'")[0]
    assert json.loads(variable) == {"deploy_migrations_confirmed": ["shop.0001_x", "shop.0003_old"]}


def test_a_policy_that_refuses_takes_no_confirmation() -> None:
    refused = refusal(PLAN, "refuse", ["shop.0003_old"])
    assert refused and "site_migrations_policy" in refused.remedy
