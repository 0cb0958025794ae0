"""Programs that would count the machine's processors by themselves are told how many the host may use."""

from __future__ import annotations

import pytest

from tests.unit.conftest import render_template


@pytest.mark.parametrize(
    ("role", "template", "processors", "line"),
    [
        ("nginx", "etc/nginx/nginx.conf.j2", 3, "\nworker_processes 3;\n"),
        ("haproxy", "etc/haproxy/haproxy.cfg.j2", 3, "\n    nbthread 3\n"),
        # It takes no more by itself.
        ("haproxy", "etc/haproxy/haproxy.cfg.j2", 96, "\n    nbthread 64\n"),
    ],
)
def test_as_many_as_the_host_may_use(role: str, template: str, processors: int, line: str) -> None:
    facts = {"processor_vcpus": processors, "distribution_release": "trixie"}
    assert line in render_template(role, template, ansible_facts=facts)
