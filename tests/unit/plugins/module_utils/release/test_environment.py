"""Environment files: what we write is what we read back, and what systemd reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import redact
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import (
    parse,
    parts_of,
    render,
    resolve,
    secrets,
    unknown,
)
from ansible_collections.hotclub.django.plugins.module_utils.release.layout import Site

AWKWARD = {
    "PLAIN": "value",
    "SPACES": "two words",
    "QUOTES": "she said \"no\" and 'yes'",
    "BACKSLASH": r"C:\temp\n",
    "DOLLAR": "$HOME and `date`",
    "LINES": 'first\nsecond\n\nA="not a variable"',
    "EMPTY": "",
    "PERCENT": "%2F%%",
    "UNICODE": "grüße",
}


def test_every_value_survives_the_way_through_the_file() -> None:
    assert parse(render(AWKWARD)) == AWKWARD


def test_values_that_are_not_text_are_written_as_python_prints_them() -> None:
    assert render({"DEBUG": False, "PORT": 5432}) == 'DEBUG="False"\nPORT="5432"\n'


def test_comments_are_no_variables() -> None:
    assert parse('# A="b"\n\nC="d"\n') == {"C": "d"}


def test_a_name_that_no_process_could_read_is_refused() -> None:
    with pytest.raises(ValueError, match="MY-NAME"):
        render({"MY-NAME": "x"})


def test_each_line_of_a_key_is_a_secret() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nIBADAN\n-----END PRIVATE KEY-----\n"
    assert set(secrets({"SIGNING_KEY": key})) == {key, "MIIEvQ", "IBADAN"}


def test_passwords_inside_addresses_are_secrets() -> None:
    found = secrets({"DATABASE_URL": "postgres://shop:hunter22@db/shop", "DEBUG": "False", "MAIL": "smtp://me:letmein@mail"})
    assert "hunter22" in found
    assert "letmein" in found
    assert redact("password hunter22 refused", found) == "password ******** refused"


GIVEN = {"SECRET_KEY": "s3${cr}et$", "DATABASE_URL": "postgres://shop@db/shop", "MEDIA_ROOT": "/media"}


class TestReferences:
    """What an operator maps for a project refers to what every site gets."""

    def test_each_is_filled_in_and_what_it_is_filled_with_is_not_looked_into(self) -> None:
        fixed, of_release = resolve(GIVEN, {"MY_KEY": "${SECRET_KEY}", "DB": "${DATABASE_URL}?a=$b", "OTHER": "${MY_KEY}!"})

        assert fixed == GIVEN | {"MY_KEY": GIVEN["SECRET_KEY"], "DB": "postgres://shop@db/shop?a=$b", "OTHER": "s3${cr}et$!"}
        assert of_release == {}

    def test_those_of_a_release_wait_for_it(self) -> None:
        fixed, of_release = resolve(
            GIVEN, {"ASSETS": "${STATIC_ROOT}/x", "KEY": "${SECRET_KEY}${ASSETS}", "MEDIA_ROOT": "${STATIC_ROOT}"}
        )

        assert fixed == {name: GIVEN[name] for name in ("SECRET_KEY", "DATABASE_URL")}
        assert of_release == {
            "ASSETS": ["", "STATIC_ROOT", "/x"],
            "KEY": ["s3${cr}et$", "STATIC_ROOT", "/x"],
            "MEDIA_ROOT": ["", "STATIC_ROOT", ""],
        }

    def test_a_value_may_build_on_the_one_that_it_replaces(self) -> None:
        assert resolve(GIVEN, {"DATABASE_URL": "${DATABASE_URL}?x=1"})[0]["DATABASE_URL"] == "postgres://shop@db/shop?x=1"

    def test_there_is_a_way_to_write_the_signs_themselves(self) -> None:
        values = {"A": "$${SECRET_KEY}", "B": "$$", "C": "5$ {x}", "D": "$HOME ${", "E": "${}"}
        assert resolve(GIVEN, values)[0] == GIVEN | {"A": "${SECRET_KEY}", "B": "$$", "C": "5$ {x}", "D": "$HOME ${", "E": "${}"}

    def test_former_keys_may_be_named_before_there_are_any(self) -> None:
        assert resolve(GIVEN, {"OLD": "${SECRET_KEY_FALLBACKS}"})[0]["OLD"] == ""

    def test_a_name_that_means_nothing_is_refused(self) -> None:
        assert unknown(GIVEN, {"A": "${SECRT_KEY} ${A}", "B": "${STATIC_ROOT}"}) == {"A": ["SECRT_KEY"]}
        with pytest.raises(ValueError, match=r"\$\{SECRT_KEY\}"):
            resolve(GIVEN, {"A": "${SECRT_KEY}"})

    @pytest.mark.parametrize("mapped", [{"A": "${A}"}, {"A": "${B}", "B": "${A}"}])
    def test_two_that_wait_for_one_another_are_refused(self, mapped: dict[str, str]) -> None:
        with pytest.raises(ValueError, match="refers to itself"):
            resolve(GIVEN, mapped)


class TestReleases:
    """What the processes of a release are given."""

    @pytest.fixture
    def site(self, tmp_path: Path) -> Site:
        site = Site("shop", tmp_path)
        (tmp_path / "etc").mkdir()
        site.environment_file.write_text(render({"SECRET_KEY": "key ${STATIC_ROOT}"}), encoding="utf-8")
        for release in ("1", "2"):
            site.release(release).mkdir(parents=True)
            own = {"STATIC_ROOT": f"/srv/{release}/static", "SITE_APPLICATION": "shop.wsgi:application"}
            (site.release(release) / "release.env").write_text(render(own), encoding="utf-8")
        self.map(site, ASSETS="${STATIC_ROOT}/x")
        return site

    def map(self, site: Site, **values: str) -> None:
        parts = {name: parts_of(value) for name, value in values.items()}
        site.release_environment_file.write_text(json.dumps(parts), encoding="utf-8")

    def written(self, site: Site, release: str) -> dict[str, str]:
        return parse((site.release(release) / "release.env").read_text(encoding="utf-8"))

    def test_each_has_its_own_values(self, site: Site) -> None:
        for release in ("1", "2"):
            assert site.fill_in(release, checking=True)
            assert site.fill_in(release)
            assert not site.fill_in(release)
            assert self.written(site, release)["ASSETS"] == f"/srv/{release}/static/x"
            assert site.environment(release)["ASSETS"] == f"/srv/{release}/static/x"
            assert site.environment(release)["SECRET_KEY"] == "key ${STATIC_ROOT}"

    def test_what_is_added_later_reaches_those_that_are_built_and_what_is_gone_leaves_them(self, site: Site) -> None:
        site.fill_in("1")
        self.map(site, OTHER="${STATIC_ROOT}/y")
        assert site.environment("1")["OTHER"] == "/srv/1/static/y"
        assert site.fill_in("1")

        assert set(self.written(site, "1")) == {"STATIC_ROOT", "SITE_APPLICATION", "OTHER"}

    def test_a_host_prepared_by_an_older_version_has_them_in_its_environment(self, site: Site) -> None:
        site.release_environment_file.unlink()
        values = {"ASSETS": "${STATIC_ROOT}/x", "SECRET_KEY": "${OTHER}"}
        site.environment_file.write_text(render(values), encoding="utf-8")

        assert site.environment("1")["ASSETS"] == "/srv/1/static/x"
        assert site.environment("1")["SECRET_KEY"] == "${OTHER}"
        # As the build of that version has written it: nothing to do, so nothing is restarted.
        own = "".join(
            line + "\n" for line in reversed(render({**self.written(site, "1"), "ASSETS": "/srv/1/static/x"}).splitlines())
        )
        (site.release("1") / "release.env").write_text(own, encoding="utf-8")
        assert not site.fill_in("1")
