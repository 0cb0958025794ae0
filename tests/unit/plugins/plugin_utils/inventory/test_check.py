"""What the check of the inventory says about real inventories, read by Ansible's own loader."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import constants, context
from ansible.parsing.splitter import parse_kv
from ansible_collections.hotclub.django.plugins.action.check_inventory import COLLECTION, message
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.check import check_inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.derivation import sources
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Option, check_value, limits
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.reader import InventoryReader

SINGLE = "[lb]\nweb1\n[app]\nweb1\n[db]\nweb1\n"
GOOD = {"site_name": "journal", "site_domain": "journal.example.org", "site_source": "https://git.example.org/journal.git"}

Problems = Callable[..., list[str]]


@pytest.fixture
def problems(tmp_path: Path, inventory_vars: Callable[..., dict[str, Any]]) -> Problems:
    """Return a function that checks an inventory: its hosts, what it sets for all of them, and more files."""

    def check(
        variables: dict[str, Any] | None = None,
        hosts: str = SINGLE,
        files: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
        base: dict[str, Any] = GOOD,
    ) -> list[str]:
        written = {"hosts": hosts, "group_vars/all.yml": yaml.safe_dump(base | (variables or {}))} | (files or {})
        task_vars = inventory_vars(tmp_path, written, extra)
        reader = InventoryReader(COLLECTION, task_vars["loader"], task_vars["groups"], task_vars["hostvars"])
        return check_inventory(reader.inventory(), reader.rules)

    return check


def only(found: list[str]) -> str:
    """Return the one problem that was found."""
    assert len(found) == 1, found
    return found[0]


def test_a_good_inventory_has_no_problem(problems: Problems) -> None:
    assert problems() == []


def test_workers_are_checked_by_name_key_and_range(problems: Problems) -> None:
    good = {"name": "mail", "kind": "celery", "queues": ["mail"], "processes": 2, "environment": {"COLOUR": "green"}}
    assert problems({"site_workers": [good, {"name": "feeds", "command": "python manage.py feeds"}]}) == []

    found = problems({"site_workers": [good | {"processes": 0}, {"name": "feeds", "kind": "celry", "colour": "x"}]})
    assert len(found) == 3
    for said in ("site_workers[0].processes", "site_workers[1].colour", "did you mean celery?"):
        assert [line for line in found if said in line] != [], (said, found)
    assert '"Feeds" is not the name of a worker' in only(problems({"site_workers": [{"name": "Feeds", "kind": "rq"}]}))


# Those of plugins are asked in tests/unit/inventories/.
@pytest.mark.parametrize("name", sorted(path.parent.name for path in (COLLECTION / "inventories").glob("*/hosts.yml")))
def test_the_inventories_that_we_ship_have_no_problem(name: str, problems: Problems, tmp_path: Path) -> None:
    files = {path.name: path.read_text() for path in (COLLECTION / "inventories" / name).iterdir() if path.is_file()}

    assert problems(hosts="", base={}, files=files) == []


def test_everything_is_said_at_once(problems: Problems) -> None:
    found = problems(
        {"site_domain": "http://a.example.org", "site_keep_releases": "many", "site_sorce": "x"}, hosts="[lb]\nweb1\n[db]\nweb1\n"
    )

    assert [line.split(" ")[0] for line in found] == ["group", "site_sorce", "site_domain", "site_keep_releases"]
    assert message(found).startswith("The inventory has 4 problems. Nothing has been changed.\n- group app: ")


def test_a_problem_says_where_it_was_written(problems: Problems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = only(problems(files={"host_vars/web1.yml": "---\nsite_minimum_free_mb: lots\n"}))

    assert found.startswith("site_minimum_free_mb (host_vars/web1.yml:2, web1): ")


def test_a_value_that_would_be_cut_at_its_first_space_is_refused(problems: Problems) -> None:
    extra = parse_kv("manage_command=createsuperuser --noinput")
    found = only(problems(extra=extra))

    assert found.startswith("the command line: what comes behind a space in a value after -e belongs to no variable")
    assert "--noinput\"'" in found

    assert problems(extra=parse_kv('manage_command="createsuperuser --noinput"')) == []


class TestBecomingRoot:
    """By what has been tried."""

    def test_another_way_is_refused_by_name(self, problems: Problems) -> None:
        hosts = SINGLE.replace("[db]\nweb1", "[db]\ndb1 ansible_become_method=doas")
        found = only(problems(hosts=hosts))

        assert found.startswith('ansible_become_method (db1): is "doas", and runs become root by sudo or su alone. Install sudo')

    @pytest.mark.parametrize("method", ["sudo", "su", "ansible.builtin.su", "{{ 'su' }}", "{{ ansible_facts['way'] }}"])
    def test_what_has_been_tried(self, problems: Problems, method: str) -> None:
        assert problems({"ansible_become_method": method}) == []

    @pytest.mark.parametrize("way", ["command line", "configuration"])
    def test_the_inventory_is_not_alone_in_saying_how(
        self, problems: Problems, monkeypatch: pytest.MonkeyPatch, way: str
    ) -> None:
        monkeypatch.setattr(context, "CLIARGS", {"become_method": "community.general.doas" if way == "command line" else None})
        if way == "configuration":
            monkeypatch.setattr(constants, "DEFAULT_BECOME_METHOD", "pbrun")
        assert ("doas" if way == "command line" else "pbrun") in only(problems())


class TestTiers:
    """Groups and hosts."""

    def test_an_empty_tier(self, problems: Problems) -> None:
        assert only(problems(hosts="[lb]\nweb1\n[app]\n[db]\nweb1\n")) == (
            "group app: has no host, so nothing runs the project. "
            "Put a host into the group app; a single server is in lb, app, db alike."
        )

    def test_a_misspelt_tier(self, problems: Problems) -> None:
        found = problems(hosts="[lb]\nweb1\n[apps]\nweb1\n[db]\nweb1\n")

        assert "Did you mean app where the inventory says apps?" in only(found)

    def test_a_tier_under_another_name(self, problems: Problems) -> None:
        found = problems(hosts="[lb]\nweb1\n[app]\nweb1\n[databases]\nd1\n")

        assert "Did you mean db where the inventory says databases?" in found[0]
        assert found[1] == "host d1: is in no tier, only in databases. Did you mean the group db?"

    def test_hosts_of_no_tier_are_left_alone_whatever_is_set_for_them(self, problems: Problems) -> None:
        others = "[europe]\nspare nginx_of_theirs=1 site_name=other\n[mail]\nmail1\n"

        assert problems(hosts=SINGLE + others) == []

    def test_groups_of_one_s_own_are_welcome(self, problems: Problems) -> None:
        assert problems(hosts="[lb]\nweb1\n[app:children]\napps_north\n[apps_north]\nweb1\n[db]\nweb1\n[europe]\nweb1\n") == []

    def test_two_databases(self, problems: Problems) -> None:
        assert "Put three hosts into it, or three small ones into the group dcs" in only(problems(hosts=SINGLE + "db2\n"))


class TestNames:
    """Variables that nothing reads, or that are worked out."""

    @pytest.mark.parametrize(
        ("wrong", "right"),
        [("site_domian", "site_domain"), ("sitename", "site_name"), ("privat_address", "private_address")],
    )
    def test_a_misspelt_name(self, problems: Problems, wrong: str, right: str) -> None:
        found = only(problems({wrong: "x"}))

        assert found.startswith(wrong)
        assert f"Did you mean {right}?" in found

    def test_a_name_with_a_role_s_prefix(self, problems: Problems) -> None:
        assert "there is no such variable" in only(problems({"gunicorn_flavour": "x"}))

    def test_names_of_others_pass(self, problems: Problems) -> None:
        assert (
            problems(
                {
                    "gunicorn_flavour": "x",
                    "nginx_vhosts": [],
                    "nginx_vhost_root": "x",
                    "site_foreign_variables": ["gunicorn_flavour", "nginx_vhost*"],
                }
            )
            == []
        )

    def test_other_variables_are_none_of_our_business(self, problems: Problems) -> None:
        assert problems({"ntp_servers": [], "company": "x"}) == []

    def test_a_value_of_an_unknown_variable_is_not_shown(self, problems: Problems) -> None:
        assert "hunter2" not in only(problems({"site_database_pasword": "hunter2"}))

    def test_a_derived_variable(self, problems: Problems) -> None:
        found = only(problems({"nginx_site_name": "x"}))

        assert found.endswith("is worked out from the inventory and can't be set. Set site_name instead.")

    def test_the_tiers_themselves(self, problems: Problems) -> None:
        assert only(problems({"site_tiers": {}})).endswith("Remove it: groups and private_address say it already.")

    def test_sources_are_followed_as_far_as_needed(self) -> None:
        wiring = {"a": "{{ b }}", "b": "{{ site_x }}", "c": "{{ c }} {{ groups }}"}

        assert sources("a", wiring, ["site_x"]) == ["site_x"]
        assert sources("c", wiring, ["site_x"]) == []


class TestRequired:
    """What must be set."""

    def test_nothing_set(self, problems: Problems) -> None:
        found = problems(base={})

        assert [line.split(" ")[0] for line in found] == ["site_name", "site_domain", "site_source"]

    def test_set_for_a_tier_only(self, problems: Problems) -> None:
        base = {name: value for name, value in GOOD.items() if name != "site_domain"}
        found = problems(
            base=base, hosts=SINGLE.replace("[db]\nweb1", "[db]\ndb1"), files={"group_vars/app.yml": "site_domain: a.example.org"}
        )

        assert only(found) == "site_domain (db1): is not set. Set it for all hosts, for example in group_vars/all.yml."


class TestTypes:
    """Types, choices, ranges and nested options."""

    @pytest.mark.parametrize(
        ("variables", "said"),
        [
            ({"site_keep_releases": "five"}, '"five" is text, not a whole number'),
            ({"site_keep_releases": 2.5}, "2.5 is a number, not a whole number"),
            ({"site_keep_releases": True}, "true is a boolean, not a whole number"),
            ({"site_keep_releases": 1}, "1 is out of range. Write a number of at least 2."),
            ({"site_health_timeout_seconds": 0}, "0 is out of range. Write a number from 1 to 3600."),
            ({"site_aliases": "a.example.org"}, "is text, not a list"),
            ({"site_env": ["A=b"]}, "(hidden) is a list, not a dictionary"),
            ({"site_unmade_migrations_allowed": "false"}, "is text, not a boolean"),
            ({"site_interface": "wgsi"}, "did you mean wsgi?"),
            ({"site_version": 1.1}, "3.10 becomes 3.1). Put it in quotes."),
            ({"site_version": None}, 'is empty (null). Write "" for an empty text'),
            ({"site_packages": ["curl", ["a"]]}, "site_packages[1] ("),
            ({"site_packages": ["curl", ["a"]]}, '["a"] is a list, not text. Write a single text.'),
        ],
    )
    def test_a_wrong_value(self, problems: Problems, variables: dict[str, Any], said: str) -> None:
        assert said in only(problems(variables))

    def test_a_number_as_text_of_the_command_line(self, problems: Problems) -> None:
        assert problems(extra={"site_keep_releases": "7", "site_version": "5"}) == []

    def test_nested_keys(self) -> None:
        option = Option(
            "users",
            "list",
            elements="dict",
            options={"name": Option("name", required=True), "limit": Option("limit", "int", least=0)},
        )

        said = [
            (complaint.subject, complaint.wrong)
            for complaint in check_value(option, [{"nam": "x", "limit": -1}, {"name": "a"}], "users")
        ]

        assert said == [
            ("users[0].nam", "there is no such key"),
            ("users[0].name", "is missing"),
            ("users[0].limit", "-1 is out of range"),
        ]

    def test_a_dictionary_that_holds_a_secret_is_not_shown(self) -> None:
        option = Option("users", "list", elements="dict", options={"password": Option("password", secret=True)})

        said = next(check_value(option, "alice:hunter2", "users"))

        assert "hunter2" not in said.wrong + said.remedy

    @pytest.mark.parametrize(
        ("description", "expected"),
        [
            ("The port. From 1 to 65535.", (1, 65535)),
            ("At least 2. More is better.", (2, None)),
            ("At most 9.", (None, 9)),
            ("From 1 to many.", (None, None)),
        ],
    )
    def test_limits_come_from_the_description(self, description: str, expected: tuple[int | None, int | None]) -> None:
        assert limits(description) == expected


class TestMeaning:
    """Values of the right type that still can't work."""

    @pytest.mark.parametrize(
        ("variables", "said"),
        [
            ({"site_name": "My-Site"}, "for example my_site."),
            ({"site_name": "x"}, "is not a site name"),
            ({"site_name": "a" * 25}, "is not a site name"),
            ({"site_name": "postgres"}, "the hosts themselves use. Choose another one, for example postgres_site."),
            ({"site_name": "replication"}, "the hosts themselves use"),
            ({"site_domain": "https://www.example.org"}, "has neither scheme nor path. Write www.example.org."),
            ({"site_domain": "www.example.org/blog"}, "Write www.example.org."),
            ({"site_domain": "www.example.org:8080"}, "has a port. Write www.example.org."),
            ({"site_domain": "Example.org"}, "Write example.org."),
            ({"site_domain": "müller.example"}, "Write xn--mller-kva.example."),
            ({"site_domain": "a b.example.org"}, "is not a domain name"),
            ({"site_domain": "-a.example.org"}, "is not a domain name"),
            ({"site_domain": "*.example.org"}, "Write each name by itself."),
            ({"site_domain": "192.0.2.7"}, "Write a domain name here, and the address in site_aliases."),
            ({"site_domain": ""}, "is empty"),
            ({"site_aliases": ["192.0.2.7", "::1", "b.example.org", "http://c.example.org"]}, "Write c.example.org."),
            ({"site_source": "journal"}, "is neither a git URL nor an absolute path"),
            ({"site_source": "/nowhere/at/all"}, "is no directory on this machine"),
            ({"site_source": "ext::sh -c id"}, "is neither a git URL nor an absolute path"),
            ({"site_source": "--upload-pack=id"}, "is neither a git URL nor an absolute path"),
            (
                {"site_source": "https://forge.example/me/app/tree/main"},
                "Write https://forge.example/me/app.git, and the branch in site_version.",
            ),
            ({"site_version": "--help"}, "can't be a branch, a tag or a commit"),
            ({"site_version": "a b"}, "can't be a branch, a tag or a commit"),
            ({"site_project_path": "../other"}, "leads out of the project"),
            ({"site_shared_paths": ["data", "/etc"]}, '"/etc" leads out of the project'),
            ({"site_settings_module": "mysite/settings.py"}, "Write mysite.settings."),
            ({"site_application": "mysite.wsgi:"}, None),
            ({"site_application": "my site"}, "for example mysite.wsgi:application"),
            ({"site_static_url": "assets"}, "Write it with a slash at both ends: /assets/"),
            ({"site_static_url": "https://cdn.example.org/static/"}, "Write it with a slash at both ends: /static/"),
            ({"site_media_private_paths": [".", "invoices", "shop/papers"]}, None),
            ({"site_media_private_paths": ["/invoices/"]}, "Write it without a slash at its ends"),
            ({"site_media_private_paths": ["./invoices"]}, '"./invoices" is not the path of a folder'),
            ({"site_media_private_paths": ["shop/./papers"]}, '"shop/./papers" is not the path of a folder'),
            ({"site_media_private_paths": ["a/../b"]}, '"a/../b" is not the path of a folder'),
            ({"site_health_path": "healthz"}, "Write a path that begins with a slash"),
            ({"site_health_statuses": ["2xx"]}, '"2xx" is no HTTP status'),
            ({"site_health_statuses": [200, "300-399"]}, None),
            ({"site_health_statuses": ["399-200"]}, "is no HTTP status"),
            ({"site_hook_before_build": "hooks/build.yml"}, 'Write "{{ inventory_dir }}/../hooks/build.yml"'),
            ({"site_hook_after_switch": "/nowhere.yml"}, "does not exist on this machine"),
            ({"site_ca_bundle_path": "/nowhere.pem"}, "does not exist on this machine"),
            ({"site_database_name": "My-Db"}, "is not a plain name"),
            ({"site_database_user": "postgres"}, "is a name that PostgreSQL itself uses"),
            ({"site_secret_key_fallbacks": ["one,two"]}, "has a comma"),
            ({"site_secrets_path": "secrets"}, "is not an absolute path"),
            ({"site_env": {"1A": "x"}}, "can't be the name of an environment variable"),
            ({"site_env": {"DEBUG": False}}, "the value of DEBUG is not text"),
            ({"site_env": {"HOSTS": ["a", "b"]}}, "the value of HOSTS is not text"),
            ({"site_env": {"KEY": "a\0b"}}, "the value of KEY has a zero byte"),
            ({"private_address": "10.0.0.300"}, '"10.0.0.300" is not a domain name'),
        ],
    )
    def test_a_value_that_can_not_work(self, problems: Problems, variables: dict[str, Any], said: str | None) -> None:
        found = problems(variables)

        assert (said in only(found)) if said else found == []

    @pytest.mark.parametrize(
        "source",
        [
            "git@forge.example:me/app.git",
            "ssh://git@forge.example:2222/me/app.git",
            "forge.example:app.git",
            "file:///srv/git/app.git",
            "http://forge.example/app",
        ],
    )
    def test_sources_that_git_understands(self, problems: Problems, source: str) -> None:
        assert problems({"site_source": source}) == []

    def test_a_directory_as_the_source(self, problems: Problems, tmp_path: Path) -> None:
        assert problems({"site_source": str(tmp_path)}) == []
        assert problems({"site_source": "{{ inventory_dir }}"}) == []

    def test_a_hook_beside_the_inventory(self, problems: Problems) -> None:
        assert problems({"site_hook_before_build": "{{ inventory_dir }}/hook.cfg"}, files={"hook.cfg": "[]"}) == []


class TestVirtualAddresses:
    """What balancers need of one another to share addresses."""

    @pytest.mark.parametrize(
        ("first", "second", "addresses", "said"),
        [
            ("10.0.0.1", "10.0.0.2", ["192.0.2.10/24"], None),
            ("10.0.0.1", "10.0.0.2", ["192.0.2.10/24", "2001:db8::10/64"], None),
            ("fd00::1", "fd00::2", ["2001:db8::10/64"], None),
            ("10.0.0.1", "10.0.0.2", [], None),
            (
                "10.0.0.1",
                "10.0.0.2",
                ["2001:db8::10/64"],
                "site_virtual_addresses: has none of IPv4, in which the balancers reach one another. Add one",
            ),
            (
                "10.0.0.1",
                "balancer.example.org",
                ["192.0.2.10/24"],
                'site_virtual_addresses (web2): needs balancers that reach one another by addresses, and "balancer.example.org"',
            ),
            (
                "10.0.0.1",
                "fd00::2",
                ["192.0.2.10/24"],
                "private_address (web1, web2): is IPv4 on some balancers and IPv6 on others.",
            ),
            ("10.0.0.1", "10.0.0.2", ["192.0.2.10"], '"192.0.2.10" does not say how large'),
        ],
    )
    def test_of_either_family(self, problems: Problems, first: str, second: str, addresses: list[str], said: str | None) -> None:
        # What is no balancer may stand first.
        hosts = f"[db]\na1\n[app]\na1\n[lb]\nweb1 private_address={first}\nweb2 private_address={second}\n"

        found = problems({"site_virtual_addresses": addresses}, hosts=hosts)

        assert said in only(found) if said else found == []


class TestSecrets:
    """No message shows one."""

    @pytest.mark.parametrize(
        "variables",
        [
            {"site_secret_key": "hunter2"},
            {"site_secret_key": "django-insecure-hunter2-hunter2-hunter2"},
            {"site_database_password": ["hunter2"]},
            {"site_deploy_key": "hunter2"},
            {"site_submodule_deploy_keys": {"git@git.example.org:you/": "hunter2"}},
            {"site_submodule_deploy_keys": {"hunter2": "-----BEGIN OPENSSH PRIVATE KEY-----"}},
            {"site_env": "hunter2"},
            {"site_env": {"KEY": ["hunter2"]}},
            {"site_source": "https://me:hunter2@forge.example/app.git"},
            {"site_source": "https://hunter2@forge.example/app.git"},
            {"site_package_index_url": "me:hunter2@packages.example"},
        ],
    )
    def test_a_wrong_secret_is_not_shown(self, problems: Problems, variables: dict[str, Any]) -> None:
        assert "hunter2" not in only(problems(variables))

    def test_secrets_are_not_kept_where_ansible_looks_for_hosts(self, problems: Problems) -> None:
        found = only(problems({"site_secrets_path": "{{ inventory_dir }}/secrets/{{ site_name }}"}))

        assert "each secret would become a host" in found
        assert found.endswith('Write "{{ inventory_dir }}/.secrets/journal".')
        assert problems({"site_secrets_path": "{{ inventory_dir }}/.secrets"}) == []
        assert problems({"site_secrets_path": "/srv/secrets"}) == []

    def test_generated_secrets_leave_the_inventory_as_it_is(
        self, tmp_path: Path, inventory_vars: Callable[..., dict[str, Any]]
    ) -> None:
        path = yaml.safe_load((COLLECTION / "roles/site/defaults/main.yml").read_text())["site_secrets_path"]
        kept = path.replace("{{ inventory_dir }}/", "").replace("{{ site_name }}", "journal")

        groups = inventory_vars(tmp_path, {"hosts": SINGLE, f"{kept}/secret_key": "hunter2"})["groups"]

        assert groups["all"] == ["web1"]

    def test_secrets_that_differ_are_not_shown(self, problems: Problems) -> None:
        found = problems(hosts="[lb]\nweb1\n[app]\nweb1 site_database_password=hunter2\n[db]\ndb1\n")

        assert only(found).startswith("site_database_password: differs between hosts: (hidden) on web1; not set on db1.")


class TestExpressions:
    """Values that are worked out from others."""

    def test_one_s_own_variables_and_defaults(self, problems: Problems) -> None:
        assert (
            problems(
                {
                    "zone": "example.org",
                    "site_domain": "{{ site_name }}.{{ zone }}",
                    "site_minimum_free_mb": "{{ 2 * site_keep_releases }}",
                }
            )
            == []
        )

    def test_the_result_is_checked(self, problems: Problems) -> None:
        assert '"https://journal" is an address of a page' in only(problems({"site_domain": "https://{{ site_name }}"}))

    def test_the_wiring_s_variables(self, problems: Problems) -> None:
        assert problems({"site_env": {"DB_HOST": "{{ site_database_host }}", "DB_NAME": "{{ site_database_name }}"}}) == []

    @pytest.mark.parametrize(
        "expression",
        ["{{ ansible_facts['memtotal_mb'] // 4 }}", "{{ ansible_memtotal_mb // 4 }}", "{{ ansible_facts.x.y | int }}"],
    )
    def test_what_needs_facts_is_left_to_the_roles(self, problems: Problems, expression: str) -> None:
        assert problems({"site_minimum_free_mb": expression}) == []

    def test_a_value_that_is_looked_up_by_name(self, problems: Problems) -> None:
        hosts = "[lb]\nweb1 kind=a\n[app]\nweb2 kind=b\n[db]\nweb1\n"
        found = problems(
            {"count_a": 3, "count_b": "many", "site_keep_releases": "{{ lookup('vars', 'count_' ~ kind) }}"}, hosts=hosts
        )

        assert '"many" is text, not a whole number' in only(found)

    def test_an_undefined_name(self, problems: Problems) -> None:
        assert "can't be worked out: 'nothing' is undefined" in only(problems({"site_minimum_free_mb": "{{ nothing }}"}))

    def test_hosts_that_disagree(self, problems: Problems) -> None:
        found = problems({"site_domain": "{{ inventory_hostname }}.example.org"}, hosts=SINGLE.replace("[db]\nweb1", "[db]\ndb1"))

        assert 'site_domain: differs between hosts: "web1.example.org" on web1; "db1.example.org" on db1.' in only(found)


def test_an_inventory_that_lacks_hosts_is_refused(problems: Problems) -> None:
    hosts = "[lb]\nweb1\n[app]\nweb1\nweb2\n[db]\nweb1\n"
    more = {"site_media_storage": "none"}

    assert problems({**more, "site_minimum_hosts": {"app": 2, "worker": 0}}, hosts=hosts) == []
    found = only(problems({**more, "site_minimum_hosts": {"app": 3}}, hosts=hosts))
    assert "site_minimum_hosts" in found and "the group app has 3 hosts at least, and the inventory has 2" in found
    assert '"apps" is no tier' in only(problems({**more, "site_minimum_hosts": {"apps": 1}}, hosts=hosts))
    assert "no number of hosts" in only(problems({**more, "site_minimum_hosts": {"app": "two"}}, hosts=hosts))


def test_two_hundred_hosts_take_less_than_two_seconds(problems: Problems) -> None:
    hosts = "[lb]\nh0\n[db]\nh0\n[app]\n" + "\n".join(
        f"h{number} private_address=10.0.{number // 200}.{number % 200 + 1}" for number in range(200)
    )
    variables = {
        "site_domain": "{{ site_name }}.example.org",
        "site_env": {"DB_HOST": "{{ site_database_host }}"},
        "site_aliases": ["b.example.org"],
        "site_media_storage": "none",
    }

    start = time.process_time()
    found = problems(variables, hosts=hosts)

    assert found == []
    assert time.process_time() - start < 2


class TestReferences:
    """Names in the values of site_env."""

    def test_those_that_the_site_has_are_fine(self, problems: Problems) -> None:
        values = {"A": "${SECRET_KEY}", "B": "${STATIC_ROOT}/x", "C": "${A}", "D": "$${WHATEVER}", "E": "${SECRET_KEY_FALLBACKS}"}
        assert problems({"site_env": values}) == []

    def test_one_that_means_nothing_is_named_with_what_was_meant(self, problems: Problems) -> None:
        found = only(problems({"site_env": {"MY_KEY": "${SECRT_KEY}"}}))

        assert "the value of MY_KEY refers to ${SECRT_KEY}, which no variable of the site is called" in found
        assert "Did you mean ${SECRET_KEY}?" in found
        assert "$${" in found

    def test_what_may_be_a_part_of_a_password_is_not_shown(self, problems: Problems) -> None:
        found = only(problems({"site_env": {"TOKEN": "abc${d3f}ghi"}}))

        assert "d3f" not in found
        assert "TOKEN" in found

    def test_what_only_a_cluster_gets_is_refused_on_one_server(self, problems: Problems) -> None:
        assert "${PGSSLROOTCERT}" in only(problems({"site_env": {"CA": "${PGSSLROOTCERT}"}}))

    def test_two_that_wait_for_one_another_are_refused(self, problems: Problems) -> None:
        assert "refers to itself" in only(problems({"site_env": {"A": "${B}", "B": "${A}"}}))


def test_a_pool_is_refused_where_nothing_would_use_it_or_it_would_lead_elsewhere(problems: Problems) -> None:
    assert (
        problems({"site_database_pool": "transaction", "site_env": {"DATABASE_URL": "${DATABASE_URL}?application_name=x"}}) == []
    )
    found = only(problems({"site_database_pool": "session", "site_settings_mode": "project"}))
    assert "site_settings_mode: project" in found and "site_settings_mode: layered" in found
    assert problems({"site_database_pool": "none", "site_settings_mode": "project"}) == []
    elsewhere = {"DATABASE_URL": "postgres://a:b@db.example.org/shop"}
    assert "does not lead to" in only(problems({"site_database_pool": "session", "site_env": elsewhere}))
    assert "site_database_pool_size" in only(problems({"site_database_pool_size": 0}))
    assert "site_database_pool" in only(problems({"site_database_pool": "statement"}))
    several = "[lb]\nweb1\n[app]\nweb1\n[db]\nd1\nd2\nd3\n"
    assert "d1, d2, d3" in only(problems({"site_database_pool": "session"}, hosts=several))


WITHOUT_DATABASE = "[lb]\nweb1\n[app]\nweb1\n"
MANAGED = {"site_database_server": "db.example.net:5433", "site_database_password": "given"}


def test_a_database_that_somebody_else_runs_takes_the_place_of_the_group(problems: Problems) -> None:
    assert problems(MANAGED, hosts=WITHOUT_DATABASE) == []
    assert "site_database_server: <its address>" in only(problems(hosts=WITHOUT_DATABASE))
    assert "only one of them can have the database" in only(problems(MANAGED))


def test_a_database_that_somebody_else_runs_needs_its_password(problems: Problems) -> None:
    found = only(problems({"site_database_server": "db.example.net"}, hosts=WITHOUT_DATABASE))
    assert found.startswith("site_database_password") and "ansible-vault" in found


def test_what_means_something_for_such_a_database_alone_is_refused_without_one(problems: Problems) -> None:
    assert "site_database_server is empty" in only(problems({"site_database_tls_mode": "verify-ca"}))


def test_a_certificate_without_the_right_name_needs_a_named_authority(
    problems: Problems, tmp_path_factory: pytest.TempPathFactory
) -> None:
    loose = {**MANAGED, "site_database_tls_mode": "verify-ca"}
    found = only(problems(loose, hosts=WITHOUT_DATABASE))
    assert found.startswith("site_database_tls_mode") and "Set site_database_ca_path to a file" in found
    assert "site_database_ca_path is empty" in only(problems({**loose, "site_database_ca_path": ""}, hosts=WITHOUT_DATABASE))
    authority = tmp_path_factory.mktemp("provider") / "provider.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\n", encoding="utf-8")
    named = {"site_database_ca_path": str(authority)}
    assert problems({**loose, **named}, hosts=WITHOUT_DATABASE) == []
    assert problems({**MANAGED, "site_database_tls_mode": "verify-full"}, hosts=WITHOUT_DATABASE) == []


@pytest.mark.parametrize("server", ["db.example.net:0", "db.example.net:x", "postgres://db.example.net", "2001:db8::7", "db_1"])
def test_an_address_that_leads_nowhere_is_refused(problems: Problems, server: str) -> None:
    found = only(problems({**MANAGED, "site_database_server": server}, hosts=WITHOUT_DATABASE))
    assert found.startswith("site_database_server")
