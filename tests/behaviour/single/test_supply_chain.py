"""What is deployed is what somebody trusted has signed, its parts are listed, and known holes in them are told."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.behaviour.kit import vulnerabilities
from tests.behaviour.kit.lab import Machine
from tests.behaviour.kit.pace import at_pace
from tests.behaviour.kit.sites import Site
from tests.behaviour.kit.versions import versions

pytestmark = [pytest.mark.debian13, pytest.mark.about("release_build", "signatures", "audit")]

SIGNED = "/srv/signed"
# Three people with a key, one of them unknown to the operator, and what they make of the versions of the project.
SIGN = """
set -e
export HOME=/srv/signed/home GNUPGHOME=/srv/signed/gpg
export GIT_AUTHOR_NAME=Anna GIT_AUTHOR_EMAIL=anna@example.org GIT_COMMITTER_NAME=Anna GIT_COMMITTER_EMAIL=anna@example.org
rm -rf /srv/signed && mkdir -p /srv/signed/home && mkdir -m 0700 /srv/signed/gpg && cd /srv/signed
for who in anna eve; do ssh-keygen -q -t ed25519 -N '' -C $who -f $who; done
gpg --batch --quiet --passphrase '' --quick-generate-key greta@example.org ed25519 sign never
gpg --batch --armor --export > greta.asc
git clone --quiet file:///srv/git/plain.git work && cd work
sign() { git checkout --quiet --detach $1 && git "${@:4}" commit --quiet --amend --no-edit -S"$3" && git tag $2; }
sign v2 by-anna /srv/signed/anna -c gpg.format=ssh
sign v3 by-greta greta@example.org
sign v3 by-eve /srv/signed/eve -c gpg.format=ssh
git clone --quiet --bare . ../plain.git && gpgconf --kill all && chmod -R go=rX /srv/signed/plain.git
"""


@pytest.fixture
def signing(plain: Site, app: Machine) -> Iterator[dict[str, Any]]:
    """A repository with signed commits, and the variables of a site that trusts two of the three who signed."""
    app.run("apt-get -qq -y --no-install-recommends install gpg gpg-agent gpgconf >/dev/null")
    app.run(f"bash -c {shlex.quote(SIGN)}")
    # To judge, what the collection installs is enough.
    app.run("apt-get -qq -y purge gpg-agent >/dev/null")
    keys = [app.run(f"cat {SIGNED}/{name}") for name in ("anna.pub", "greta.asc")]
    yield {"site_source": f"file://{SIGNED}/plain.git", "site_source_signing_keys": keys}
    app.run(f"rm -rf {SIGNED}")


def test_only_what_a_trusted_key_has_signed_is_deployed(plain: Site, signing: dict[str, Any]) -> None:
    plain.at("v1")
    before = plain.releases()
    refused = plain.deploy("by-eve", **signing).must_fail()
    assert refused.says("signed by none of the keys in site_source_signing_keys", "Nothing was changed"), refused
    assert plain.releases() == before and plain.serves() == "v1"
    for version, serves in (("by-anna", "v2"), ("by-greta", "v3")):
        plain.deploy(version, **signing).must_succeed()
        assert plain.serves() == serves, version


def test_a_release_has_its_bill_of_materials(plain: Site) -> None:
    serving, _, _ = versions(plain)
    release = plain.current()
    bill = json.loads(plain.app.run(f"cat {plain.root}/releases/{release}/sbom.cdx.json"))
    listed = {component["name"]: component["version"] for component in bill["components"] if component["type"] == "library"}
    script = (
        "import importlib.metadata as m, json, re;"
        "print(json.dumps({re.sub('[-_.]+', '-', d.name).lower(): d.version for d in m.distributions()}))"
    )
    installed = json.loads(plain.app.run(f"{plain.root}/releases/{release}/venv/bin/python -I -c {shlex.quote(script)}"))
    assert listed == installed and {"django", "gunicorn", "psycopg"} <= set(listed), f"{serving}: {listed}"
    assert bill["metadata"]["component"]["version"] == plain.describe(release)["commit"]


@pytest.fixture
def database(app: Machine) -> Iterator[str]:
    """A database of vulnerabilities on the host, which knows one in Django; its address."""
    script = base64.b64encode(Path(vulnerabilities.__file__).read_bytes()).decode()
    app.run(f"echo {script} | base64 -d > /run/vulnerabilities.py")
    app.run("systemd-run --quiet --collect --unit vulnerabilities python3 /run/vulnerabilities.py 127.0.0.1 8991 django")
    app.run(f"timeout {at_pace(10):.0f} sh -c 'until ss -Hltn sport = :8991 | grep -q LISTEN; do sleep 0.1; done'")
    yield "http://127.0.0.1:8991/"
    app.run("systemctl stop vulnerabilities; rm -f /run/vulnerabilities.py")


def test_a_requirement_with_a_known_hole_is_told_or_stops_the_deploy(plain: Site, database: str) -> None:
    serving, wanted, _ = versions(plain)
    before = plain.releases()
    stopped = plain.deploy(wanted, site_audit_mode="stop", site_audit_service_url=database).must_fail()
    assert stopped.says(vulnerabilities.IDENTIFIER, vulnerabilities.ALIAS, "Nothing was changed", "site_audit_ignored"), stopped
    assert plain.releases() == before and plain.serves() == serving

    told = plain.deploy(wanted, site_audit_mode="report", site_audit_service_url=database).must_succeed()
    assert told.says("django", vulnerabilities.IDENTIFIER), told
    assert plain.serves() == wanted


def test_what_a_host_says_is_never_an_expression(plain: Site, workspace: Path) -> None:
    """A taken-over host could answer with templates, which the controller would carry out."""
    mark = workspace / "ran-on-the-controller"
    expression = f"{{{{ lookup('pipe', 'touch {mark}') }}}}"
    described = f"{plain.root}/releases/{plain.current()}/RELEASE.json"
    plain.app.run(f"cp -p {described} {described}.kept")
    try:
        for key in ("version", "commit", "python", "django", "source", "built_by"):
            program = (
                f"import json; p = '{described}'; d = json.load(open(p)); d['{key}'] = {expression!r}; json.dump(d, open(p, 'w'))"
            )
            plain.app.run(f"python3 -c {shlex.quote(program)}")
        status = plain.play("status")
        deployed = plain.play("deploy", "--check", site_version="v1")
    finally:
        plain.app.run(f"mv {described}.kept {described}")
    assert "lookup('pipe'" in status.message, status
    assert not mark.exists(), f"the controller ran what the host said:\n{status}\n{deployed}"
