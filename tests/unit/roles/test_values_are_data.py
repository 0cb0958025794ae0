"""Whatever the check of the inventory lets pass stays in its place: no value ends a line, a block, a string or a command."""

from __future__ import annotations

import ast
import re
import shlex
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.module_utils.postgresql.sharing import Part, settings_text
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import filled, parse, render, resolve
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Option, check_value, read_options
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.rules import RULES
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.strategies import SearchStrategy
from yaml import safe_load

from tests.unit.conftest import CHECKOUT, render_template, wiring

# Beside what the other tools keep.
set_hypothesis_home_dir(CHECKOUT / ".cache" / "hypothesis")
# Rendering is not quick, and the machine may be busy.
settings.register_profile("data", deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
settings.load_profile("data")

ATTACKS = [
    "\n", "\r", "\t", "\0", "\x85", "\u2028", " ", ";", "}", "{", '"', "'", "`", "\\", "$", "#", "|", "&", "<", ">", "%", "%i",
    "=", ",", "(", ")", "..", "../", "/", ":", "@", "!", "*", "?", "~", "-", "--", "\ud800", "é", "\u202e",
    "$(touch /tmp/x)", "${HOME}", "`id`", "{{ 7*7 }}", "{% raw %}", "{# #}", "; return 200", "} server {",
    "\n[Service]\nExecStart=/bin/sh", "\nlocal all all trust", "\\' x", "'; DROP TABLE x; --", "-oProxyCommand=x",
    "--upload-pack=x", "ext::sh -c x", "\\\n",
]  # fmt: skip

SPECS: dict[str, Option] = {
    name: option
    for path in sorted(CHECKOUT.glob("roles/*/meta/argument_specs.yml"))
    for name, option in read_options(safe_load(path.read_text(encoding="utf-8"))).items()
}


def attacked(*good: str) -> SearchStrategy[str]:
    """Texts that are good, that hold an attack, or that are anything."""
    attack = st.sampled_from(ATTACKS)
    part = st.one_of(attack, st.sampled_from(good), st.text(max_size=5))
    whole = st.lists(part, min_size=1, max_size=4).map("".join)
    return st.one_of(
        st.sampled_from(good),
        st.tuples(st.sampled_from(good), attack).map("".join),
        st.tuples(st.sampled_from(good), attack, st.sampled_from(good)).map("".join),
        st.tuples(attack, st.sampled_from(good)).map("".join),
        whole,
    )


def passes(name: str, value: Any) -> bool:
    """Whether the check of the inventory has nothing against a value."""
    option = SPECS.get(name, Option(name))
    return not list(check_value(option, value, name)) and not (name in RULES and list(RULES[name](value)))


# What each may look like. Everything else that passes has to be as harmless.
GOOD: dict[str, tuple[str, ...]] = {
    "private_address": ("10.0.0.1", "fd00::1", "app1.internal"),
    "site_name": ("shop", "a_1"),
    "site_domain": ("shop.example.org",),
    "site_static_url": ("/static/", "/a/b/"),
    "site_media_url": ("/media/",),
    "site_media_path": ("/srv/shop/shared/media",),
    "site_media_s3_endpoint_url": ("https://s3.example.org", "http://10.0.0.9:9000"),
    "site_media_s3_bucket": ("shop-media",),
    "site_media_s3_region": ("eu-central-1",),
    "site_health_path": ("/healthz", "/", "/a?b=c"),
    "site_database_name": ("shop",),
    "site_database_user": ("shop",),
    "site_balance_hash_key": ("header:X-Tenant", "path"),
    "site_settings_module": ("shop.settings",),
    "site_application": ("shop.wsgi:application",),
    "site_version": ("main", "v1.2", "feature/x"),
    "site_source": ("https://git.example.org/shop.git", "git@git.example.org:shop.git", "ssh://git@host/shop"),
    "gunicorn_worker_class": ("sync", "asgi"),
    "keepalived_interface": ("eth0", "bond0.12"),
    "os_locale": ("C.UTF-8",),
    "os_timezone": ("Etc/UTC", "Europe/Zurich"),
    "os_security_updates_reboot_time": ("03:30", "now"),
    "python_version": ("3.12",),
    "python_uv_version": ("0.13.9",),
    "postgresql_version": ("17",),
}
LISTS: dict[str, tuple[str, ...]] = {
    "site_media_private_paths": ("invoices", "a/b"),
    "site_aliases": ("www.example.org", "203.0.113.7", "2001:db8::1"),
    "site_health_statuses": ("200", "200-399"),
    "site_virtual_addresses": ("10.0.0.100/24", "fd00::9/64"),
    "site_maintenance_allowed_addresses": ("203.0.113.0/24",),
    "nginx_trusted_proxies": ("10.0.0.0/8",),
    "site_packages": ("libpq5",),
    "site_build_packages": ("gcc",),
    "site_python_packages": ("whitenoise~=6.0",),
    "gunicorn_writable_paths": ("/srv/shop/cache",),
    "os_packages": ("htop",),
    "os_time_servers": ("ntp.example.org", "10.0.0.3"),
    "os_security_updates_excluded": ("postgresql-.*",),
    "python_uv_hashes": ("0" * 64,),
}
# These are handed to git, pip and Django as they are, never to a file or a shell; they may not look like an option.
ARGUMENTS = {"site_source", "site_version", "site_python_packages"}
# Patterns of apt and the query of a path are in quotes or alone in their word.
IN_QUOTES = {"os_security_updates_excluded"}
HARMLESS = set(string.ascii_letters + string.digits + "._~@+,=/:-[]%?&!*()$")


@pytest.mark.parametrize("name", sorted(GOOD | LISTS))
def test_what_passes_means_nothing_to_any_program(name: str) -> None:
    good = (GOOD | LISTS)[name]

    @settings(max_examples=120)
    @given(attacked(*good))
    def check(value: str) -> None:
        if not passes(name, [value] if name in LISTS else value):
            return
        assert not re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]", value), repr(value)
        assert not value.startswith("-"), repr(value)
        assert "::" not in value or name != "site_source", f"git would run {value!r}"
        if name not in ARGUMENTS | IN_QUOTES:
            assert set(value) <= HARMLESS, repr(value)
        assert '"' not in value or name in ARGUMENTS, repr(value)

    for each in good:
        assert passes(name, [each] if name in LISTS else each), each
    check()


@pytest.mark.parametrize(
    "name", sorted(name for name, option in SPECS.items() if option.type in ("str", "path") and not option.choices)
)
def test_no_text_of_an_inventory_holds_a_line_break(name: str) -> None:
    for attack in ("a\nb", "a\rb", "a\0b", "\x85", "a\u2028b", "a\n", "\ud800"):
        assert not passes(name, attack), repr(attack)


@pytest.mark.parametrize(
    "source",
    [
        "ext::sh -c 'touch /tmp/x'", "ext::sh", "fd::17", "--upload-pack=touch", "-u", "-oProxyCommand=x:y", "ssh://-oProxyCommand=x/y",
        "file:///srv/a\n--upload-pack=x", "https://host/a b", "git@host:a b", "helper::https://host/x", "",
    ],
)  # fmt: skip
def test_a_source_that_would_have_git_run_something_is_refused(source: str) -> None:
    assert not passes("site_source", source)


# Files with the values in them


SHOP: dict[str, Any] = {
    "ansible_facts": {"processor_vcpus": 2, "memtotal_mb": 2048, "all_ipv6_addresses": ["::1"]},
    "ansible_managed": "managed",
}
Shape = Callable[[str], Any]


def variables(drawn: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the wiring makes of an inventory for each of the roles, in short."""
    site = drawn["site_name"]
    return {
        "nginx": {
            "nginx_site_name": site,
            "nginx_server_names": [drawn["site_domain"], *drawn["site_aliases"]],
            "nginx_upstream_servers": [{"address": f"unix:/run/{site}/http.sock"}],
            "nginx_static_url": drawn["site_static_url"],
            "nginx_static_path": f"/srv/{site}/static",
            "nginx_media_url": drawn["site_media_url"],
            "nginx_media_private_paths": drawn["site_media_private_paths"],
            "nginx_media_path": drawn["site_media_path"],
            "nginx_media_proxy_url": f"{drawn['site_media_s3_endpoint_url']}/{drawn['site_media_s3_bucket']}/",
            "nginx_trusted_proxies": drawn["nginx_trusted_proxies"],
            "nginx_maintenance_enabled": True,
            "nginx_maintenance_allowed_addresses": drawn["site_maintenance_allowed_addresses"],
        },
        "haproxy": {
            "haproxy_site_name": site,
            "haproxy_socket_path": f"/run/haproxy-sites/{site}.sock",
            "haproxy_servers": [
                {"name": "app1", "address": "10.0.0.1:8000", "weight": 1, "backup": False, "drained": False},
            ],
            "haproxy_balance_method": "hash",
            "haproxy_balance_hash_key": drawn["site_balance_hash_key"],
            "haproxy_check_host": drawn["site_domain"],
            "haproxy_check_path": drawn["site_health_path"],
            "haproxy_check_statuses": drawn["site_health_statuses"],
        },
        "keepalived": {
            "keepalived_site_name": site,
            "keepalived_addresses": drawn["site_virtual_addresses"],
            "keepalived_address": drawn["private_address"],
            "keepalived_peers": [drawn["private_address"]],
            "keepalived_interface": drawn["keepalived_interface"],
        },
        "gunicorn": {
            "gunicorn_site_name": site,
            "gunicorn_workers": 3,
            "gunicorn_worker_class": drawn["gunicorn_worker_class"],
            "gunicorn_trusted_proxies": [drawn["private_address"]],
            "gunicorn_writable_paths": drawn["gunicorn_writable_paths"],
        },
        "postgresql": {
            "postgresql_access_name": site,
            "postgresql_databases": [{"name": drawn["site_database_name"], "owner": drawn["site_database_user"]}],
            "postgresql_allowed_clients": [
                {
                    "database": drawn["site_database_name"],
                    "user": drawn["site_database_user"],
                    "address": drawn["private_address"],
                }
            ],
        },
        "os": {
            name: drawn[name]
            for name in (
                "os_locale",
                "os_timezone",
                "os_time_servers",
                "os_security_updates_excluded",
                "os_security_updates_reboot_time",
            )
        },
    }


ORDINARY: dict[str, Any] = {
    **{name: good[0] for name, good in GOOD.items()},
    **{name: [good[0]] for name, good in LISTS.items()},
}


def nginx_shape(text: str) -> list[Any]:
    """The directives, how many words each has, and how they are nested; comments are left out."""
    words: list[str] = []
    stack: list[list[Any]] = [[]]
    for token in nginx_tokens(text):
        if token == ";":
            stack[-1].append((words[0], len(words)))
            words = []
        elif token == "{":
            stack[-1].append((words[0] if words else "", len(words)))
            words = []
            stack.append([])
        elif token == "}":
            assert not words, f"a block ends within {words}"
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            words.append(token)
    assert len(stack) == 1 and not words, "the file ends within a block"
    return stack[0]


def nginx_tokens(text: str) -> Iterator[str]:
    pattern = re.compile(
        r"""\s+|\#[^\n]*|(?P<token>[;{}](?!\w*\})|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|\$\{|[^\s;{}"'\\])(?:\\.|\$\{\w+\}|[^\s;{\\])*)"""
    )
    place = 0
    while place < len(text):
        match = pattern.match(text, place)
        assert match, f"no token at {text[place : place + 40]!r}"
        if match["token"]:
            yield match["token"]
        place = match.end()


def words_shape(text: str) -> list[Any]:
    """The keyword of each line and how many words follow, as HAProxy, keepalived and pg_hba.conf read lines."""
    lines = [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]
    return [(words[0] if re.fullmatch(r"[\w{}-]+", words[0]) else "a value", len(words)) for words in lines]


def keepalived_shape(text: str) -> list[Any]:
    """The same of keepalived's lines, whichever list an address stands in and what follows it: that is its family's."""
    return sorted(words_shape(text.replace(" preferred_lft 0", "")))


def unit_shape(text: str) -> list[str]:
    """Sections and keys, as systemd reads lines."""
    return [line.partition("=")[0] for line in text.splitlines() if line and not line.startswith("#")]


def python_shape(text: str) -> list[str]:
    """Names that are set, each to a plain value, and the code between them."""
    names = []
    for statement in ast.parse(text).body:
        if isinstance(statement, (ast.Import, ast.FunctionDef, ast.Try)):
            names.append(ast.unparse(statement))
            continue
        assert isinstance(statement, ast.Assign), ast.dump(statement)
        ast.literal_eval(statement.value)
        names.append(ast.unparse(statement.targets[0]))
    return names


def lines_shape(text: str) -> int:
    return len(text.splitlines())


def quoted_shape(text: str) -> list[str]:
    """What is outside of quotes, as apt reads its settings."""
    return re.split(r'"[^"\n]*"', text)


FILES: list[tuple[str, str, Shape]] = [
    ("nginx", "etc/nginx/sites-enabled/_site_.conf.j2", nginx_shape),
    ("nginx", "etc/nginx/snippets/_site_.conf.j2", nginx_shape),
    ("haproxy", "etc/haproxy/sites/_site_.cfg.j2", words_shape),
    ("keepalived", "etc/keepalived/sites/_site_.conf.j2", keepalived_shape),
    ("gunicorn", "srv/_site_/etc/gunicorn.conf.py.j2", python_shape),
    ("gunicorn", "etc/systemd/system/_site_@.service.j2", unit_shape),
    ("postgresql", "etc/postgresql/_version_/main/pg_hba.d/50-_access_.conf.j2", words_shape),
    ("os", "etc/systemd/timesyncd.conf.d/50-hotclub.conf.j2", unit_shape),
    ("os", "etc/apt/apt.conf.d/90hotclub.j2", quoted_shape),
    ("os", "etc/locale.conf.j2", lines_shape),
    ("os", "etc/timezone.j2", lines_shape),
]


@pytest.mark.parametrize(("role", "path", "shape"), FILES, ids=[path.rpartition("/")[2] for _, path, _ in FILES])
def test_no_value_changes_the_shape_of_a_file(role: str, path: str, shape: Shape) -> None:
    """An ordinary inventory and an attacked one differ in words alone, never in what is said."""
    names = sorted(GOOD | LISTS)

    def shaped(drawn: Mapping[str, Any]) -> str:
        text = render_template(role, path, **SHOP, **variables(drawn)[role])
        return repr(shape(text)).replace(drawn["site_name"], "SITE")

    expected = shaped(ORDINARY)

    @settings(max_examples=25)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        # One at a time: several together would seldom all pass.
        name = data.draw(st.sampled_from(names))
        value = data.draw(attacked(*(GOOD | LISTS)[name]))
        drawn: Any = [value] if name in LISTS else value
        assume(passes(name, drawn))
        assert shaped({**ORDINARY, name: drawn}) == expected, f"{name} is {value!r}"

    check()


# Places that take any text

WIRING = wiring()


def systemd_reads(text: str) -> dict[str, str]:
    """What systemd takes from an environment file of quoted assignments (parse_env_file of its source)."""
    found, rest = {}, text
    while rest:
        name, _, rest = rest.partition('="')
        value, escaped = "", False
        for place, character in enumerate(rest):
            if escaped:
                value += character if character in '"\\`$' else "" if character == "\n" else "\\" + character
                escaped = False
            elif character == "\\":
                escaped = True
            elif character == '"':
                rest = rest[place + 1 :]
                break
            else:
                # A line break, too.
                value += character
        assert rest.startswith("\n"), f"the value ends early in {text!r}"
        found[name], rest = value, rest[1:]
    return found


@settings(max_examples=200)
@given(st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True), attacked("value", "a=b", "x y"), max_size=4))
def test_whatever_passes_is_what_systemd_hands_over(environment: dict[str, str]) -> None:
    assume(passes("site_env", environment))
    text = render(environment)
    assert systemd_reads(text) == environment
    assert parse(text) == environment


@settings(max_examples=150)
@given(attacked("value", "$$", "${STATIC_ROOT}", "${SECRET}", "${", "}"), attacked("value", "$$", "$", "${", "}", "\\"))
def test_nothing_but_what_refers_to_something_is_filled_in(value: str, text: str) -> None:
    # What every site gets may be anything, and is never looked into; what the operator maps may refer to it.
    literal = text.replace("${", "$${")
    fixed, of_release = resolve({"SECRET": value}, {"OWN": literal, "BOTH": "a${SECRET}b${STATIC_ROOT}c${SECRET}"})
    assert fixed == {"SECRET": value, "OWN": text}
    assert filled(of_release["BOTH"], {"STATIC_ROOT": "/static"}) == f"a{value}b/staticc{value}"


@settings(max_examples=25)
@given(attacked("on", "1GB", "a'b", r"a\b", "'", "\\"))
def test_a_setting_of_postgresql_stays_in_its_quotes(value: str) -> None:
    assume(passes("postgresql_settings", {"work_mem": value}))
    text = settings_text("17", {"shop": Part()}, {"work_mem": value})
    (line,) = [line for line in text.split("\n") if line.startswith("work_mem")]
    # The lexer of postgresql.conf: in quotes, a backslash and a quote stand for the next character.
    quoted = re.fullmatch(r"work_mem = '((?:[^'\\\n]|\\.|'')*)'", line)
    assert quoted, line
    assert re.sub(r"\\(.)|''", lambda found: found[1] or "'", quoted[1]) == value


@settings(max_examples=25)
@given(attacked("x", "INFO"))
def test_a_setting_of_gunicorn_is_a_value_of_python(value: str) -> None:
    assume(passes("gunicorn_settings", {"loglevel": value}))
    given_ = {**variables(ORDINARY)["gunicorn"], "gunicorn_settings": {"loglevel": value}}
    tree = ast.parse(render_template("gunicorn", "srv/_site_/etc/gunicorn.conf.py.j2", **SHOP, **given_))
    last = [statement for statement in tree.body if isinstance(statement, ast.Assign)][-1]
    assert isinstance(ast.literal_eval(last.value), str)


def database_url(password: str, host: str) -> SplitResult:
    """The parts of the address of a database."""
    site = {"site_database_user": "shop", "site_database_password": password, "site_database_host": host}
    told = {**site, "site_database_port": 5432, "site_database_name": "shop", "site_database_login": "shop"}
    return urlsplit(
        str(Templar(DataLoader(), WIRING | told).template(trust_as_template("{{ __site_environment.DATABASE_URL }}")))
    )


@settings(max_examples=25)
@given(attacked("word", "p@ss/w:rd", "50%", "a b", "#", "?"))
def test_a_database_password_of_any_kind_stays_in_its_place_of_the_url(password: str) -> None:
    assume(passes("site_database_password", password))
    parts = database_url(password, "127.0.0.1")
    assert (unquote(parts.password or ""), parts.hostname, parts.port, parts.path) == (password, "127.0.0.1", 5432, "/shop")


@pytest.mark.parametrize("host", ["10.0.0.31", "db.example.org", "2001:db8::31"])
def test_a_database_of_either_family_is_named_in_the_url(host: str) -> None:
    parts = database_url("word", host)
    assert (parts.hostname, parts.port) == (host, 5432)
