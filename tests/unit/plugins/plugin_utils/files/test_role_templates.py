"""A role's folder of templates: which files it becomes, and how they are rendered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.machine.host_files import (
    ABSENT,
    FILE,
    Wanted,
)
from ansible_collections.hotclub.django.plugins.plugin_utils.files.rendering import Renderer
from ansible_collections.hotclub.django.plugins.plugin_utils.files.role_templates import Options, wanted_set


def role_with(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        file = folder / "templates" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return folder / "templates"


def rendered(templates: Path, variables: Mapping[str, Any] | None = None, **options: Any) -> dict[str, Wanted]:
    nothing: dict[str, Any] = {name: {} for name in ("names", "present", "permissions")}
    nothing |= {name: [] for name in ("secret", "directories", "links", "absent", "left_alone")} | {"subtree": ""}
    loader = DataLoader()
    values = {name: trust_as_template(value) if isinstance(value, str) else value for name, value in (variables or {}).items()}
    renderer = Renderer(Templar(loader=loader, variables=values), templates, loader)
    return {item.path: item for item in wanted_set(templates, Options(**(nothing | options)), renderer.render)}


def test_the_tree_becomes_paths_with_names_and_permissions(tmp_path: Path) -> None:
    templates = role_with(
        tmp_path,
        {
            "etc/sites/_site_.conf.j2": "{{ ansible_managed | comment }}\nname {{ site }};\n",
            "etc/_site_/key": "{{ not rendered }}",
            "usr/local/bin/tool": "#!/bin/sh\n",
            "usr/local/bin/__pycache__/tool.pyc": "",
        },
    )
    (templates / "usr/local/bin/tool").chmod(0o755)

    wanted = rendered(
        templates,
        {"site": "shop"},
        names={"_site_": "shop"},
        secret=["etc/_site_/key"],
        permissions={"etc/sites/_site_.conf": {"group": "www-data", "mode": "0640"}},
    )

    assert sorted(wanted) == ["/etc/shop/key", "/etc/sites/shop.conf", "/usr/local/bin/tool"]
    site = wanted["/etc/sites/shop.conf"]
    assert (site.content, site.owner, site.group, site.mode) == (
        b"#\n# Ansible managed\n#\nname shop;\n",
        "root",
        "www-data",
        0o640,
    )
    assert (wanted["/etc/shop/key"].content, wanted["/etc/shop/key"].mode) == (b"{{ not rendered }}", 0o600)
    assert wanted["/usr/local/bin/tool"].mode == 0o755


@pytest.mark.parametrize(
    ("template", "content"),
    [
        (
            "#jinja2: lstrip_blocks: True\na {\n    {% for x in items %}\n    {{ x }};\n    {% endfor %}\n}\n",
            "a {\n    1;\n    2;\n}\n",
        ),
        ("{% for x in items %}\n{{ x }}\n{% endfor %}\n", "1\n2\n"),
        ("path = \\{{ word }}\\n\n", "path = \\x\\n\n"),
        ("", ""),
        ("to {{ template_destpath }}\n", "to /etc/file\n"),
        ("{{ derived }}\n", "x and x\n"),
    ],
)
def test_templates_render_as_ansible_renders_them(tmp_path: Path, template: str, content: str) -> None:
    templates = role_with(tmp_path, {"etc/file.j2": template})

    wanted = rendered(templates, {"items": [1, 2], "word": "x", "derived": "{{ word }} and {{ word }}"})

    assert wanted["/etc/file"].content.decode() == content


def test_values_from_outside_are_not_rendered_again(tmp_path: Path) -> None:
    templates = role_with(tmp_path, {"etc/file.j2": "{{ answer.text }}\n"})

    assert rendered(templates, {"answer": {"text": "{{ 1 + 1 }}"}})["/etc/file"].content == b"{{ 1 + 1 }}\n"


def test_the_inventory_may_say_what_ansible_managed_is(tmp_path: Path) -> None:
    templates = role_with(tmp_path, {"etc/file.j2": "{{ ansible_managed }}\n"})

    assert rendered(templates, {"ansible_managed": "Ours"})["/etc/file"].content == b"Ours\n"


def test_a_missing_variable_names_the_template(tmp_path: Path) -> None:
    templates = role_with(tmp_path, {"etc/file.j2": "{{ nothing_here }}\n"})

    with pytest.raises(AnsibleActionFail, match=r"/templates/etc/file.j2 can't be rendered for /etc/file"):
        rendered(templates)


def test_files_and_folders_can_be_switched_off_without_rendering_them(tmp_path: Path) -> None:
    templates = role_with(tmp_path, {"etc/a.j2": "{{ nothing_here }}", "etc/d/b": "", "etc/d/c": "", "etc/e": ""})

    wanted = rendered(templates, present={"etc/a": False, "etc/d": "false", "etc/e": True})

    assert {path: item.kind for path, item in wanted.items()} == {
        "/etc/a": ABSENT,
        "/etc/d/b": ABSENT,
        "/etc/d/c": ABSENT,
        "/etc/e": FILE,
    }


def test_a_part_of_the_tree(tmp_path: Path) -> None:
    templates = role_with(tmp_path, {"etc/a/x": "", "etc/b/x": ""})

    assert list(rendered(templates, subtree="etc/a", secret=["etc/b/x"])) == ["/etc/a/x"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"secret": ["etc/fiel"]}, r"secret: etc/fiel is not below"),
        ({"present": {"etc/fiel": False}}, r"present: etc/fiel is not below"),
        ({"permissions": {"etc/file": {"mode": 420}}}, r'mode of /etc/file is 420; write it quoted and octal, such as "0644"'),
        ({"absent": ["etc/file"]}, r"'etc/file' is no absolute path"),
        ({"subtree": "srv"}, r"subtree: srv is no folder"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    templates = role_with(tmp_path, {"etc/file": ""})

    with pytest.raises(Trouble, match=message):
        rendered(templates, **options)


def test_a_file_of_each_element_is_written_once_for_every_one(tmp_path: Path) -> None:
    templates = role_with(
        tmp_path, {"etc/_site_-_worker_.unit.j2": "{{ site }} runs {{ item.command }}\n", "etc/_site_.conf.j2": "{{ site }}\n"}
    )
    workers = [{"name": "mail", "command": "a {{ site }}"}, {"name": "thumbs", "command": "b"}]

    wanted = rendered(
        templates, {"site": "shop"}, names={"_site_": "shop"}, each={"_worker_": workers}, secret=["etc/_site_-_worker_.unit"]
    )

    # What an element says is data.
    assert {path: file.content for path, file in wanted.items()} == {
        "/etc/shop-mail.unit": b"shop runs a {{ site }}\n",
        "/etc/shop-thumbs.unit": b"shop runs b\n",
        "/etc/shop.conf": b"shop\n",
    }
    assert wanted["/etc/shop-mail.unit"].mode == 0o600
    assert list(rendered(templates, {"site": "shop"}, names={"_site_": "shop"}, each={"_worker_": []})) == ["/etc/shop.conf"]


def test_a_name_that_looks_like_another_placeholder_stays_as_it_is(tmp_path: Path) -> None:
    templates = role_with(tmp_path, {"etc/_site_-_worker_.unit": ""})

    wanted = rendered(templates, names={"_site_": "my_worker_shop"}, each={"_worker_": [{"name": "a_site_b"}]})

    assert list(wanted) == ["/etc/my_worker_shop-a_site_b.unit"]
