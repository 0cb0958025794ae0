"""The page that the status writes, in a browser: nothing on it keeps anybody from reading it. Needs npm on this machine."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.behaviour.kit.sites import Site

AXE = "axe-core@4.10.3"
# What axe finds, as the browser is asked to print the page.
LOOK = (
    "axe.run(document).then(found => { const told = document.createElement('pre'); told.id = 'found';"
    "told.textContent = JSON.stringify(found.violations.map(one => [one.id, one.impact])) + found.passes.length;"
    "document.body.appendChild(told); });"
)
BROWSER = (
    "timeout 120 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --virtual-time-budget=20000 "
    "--window-size={size} {mode} --dump-dom file://{path} 2>/dev/null"
)


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("axe")
    subprocess.run(["npm", "pack", "--silent", AXE], cwd=folder, check=True, capture_output=True, timeout=120)
    subprocess.run(["tar", "--extract", "--gzip", "--file", *folder.glob("*.tgz")], cwd=folder, check=True)
    return (folder / "package" / "axe.min.js").read_text(encoding="utf-8")


def test_the_page_can_be_read_by_everybody_and_asks_nobody_for_anything(plain: Site, repositories: Path, axe: str) -> None:
    # Where the hosts see it as well.
    page = repositories / "status.html"
    plain.play("status", status_page=str(page)).must_succeed()
    plain.app.run("DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium fonts-dejavu-core")
    text = page.read_text(encoding="utf-8")
    policy = re.compile(r"<meta http-equiv=[^>]*>")
    assert policy.search(text), "the page lets scripts run"
    looked = policy.sub("", text).replace("</body>", f"<script>{axe}</script><script>{LOOK}</script></body>")
    page.with_name("looked.html").write_text(looked, encoding="utf-8")
    for size, mode in (("1400,1000", ""), ("420,900", ""), ("1400,1000", "--force-dark-mode")):
        told = plain.app.run(BROWSER.format(size=size, mode=mode, path="/srv/git/looked.html"))
        [(violations, passes)] = re.findall(r'<pre id="found">(\[.*?\])(\d+)</pre>', told)
        assert json.loads(violations) == [] and int(passes) > 5, (size, mode, violations)
