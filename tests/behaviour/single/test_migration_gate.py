"""What migrations do to a site that serves is told before they are applied, and a deploy can be made to wait for a word."""

from __future__ import annotations

import pytest

from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions

pytestmark = [pytest.mark.debian13, pytest.mark.about("release_migrate", "django")]


def test_migrations_that_hurt_are_named_and_wait_until_they_are_confirmed(plain: Site) -> None:
    """The release `hurts` adds an index, for which writes wait, and a column without which what serves can't insert rows."""
    serving, _, _ = versions(plain)
    shape = plain.database.shape
    run = plain.deploy("hurts", site_migrations_policy="ask").must_fail()
    assert run.says("journal.0002_hurts locks: CREATE INDEX", "journal_entry", "AddIndexConcurrently"), run
    assert run.says("journal.0002_hurts breaks: ALTER TABLE", "DROP DEFAULT", "db_default"), run
    assert run.says('"deploy_migrations_confirmed": ["journal.0002_hurts"]', "Nothing was migrated"), run
    assert not run.says("not looked through"), run
    assert plain.serves() == serving and plain.database.shape == shape
    has_squawk = f"ls {plain.root}/releases/*/venv/bin/squawk {plain.root}/venvs/*/bin/squawk"
    assert not plain.app.succeeds(has_squawk), "squawk is in a virtualenv of the project"
