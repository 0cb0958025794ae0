"""Deploys an application to a lab host, uses it, and changes its release under load."""

from __future__ import annotations

import json
import secrets
import statistics
import struct
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from lab import docker, hosts, playbooks, repository
from lab.corpus.browser import Browser, File, Page
from lab.corpus.cases import Case, case, names
from lab.errors import LabError
from lab.hosts import LabHost
from lab.inventory import Lab, open_lab
from lab.paths import GIT, STATE
from lab.steps import heading, step
from lab.workflow import bring_up, overlay_variables
from tests.load.generator import Plan, constant_load
from tests.load.verdict import judge

SUITE = "trixie"
INVENTORY = "single"
PREFIX = "corpus-"
SITE, DOMAIN = "shop", "shop.example.org"
ROOT = f"/srv/{SITE}"
RESULTS = STATE / "results" / "corpus"
# What a host of two processors serves beside a deploy; less of a page that takes long, or on a machine that has other work.
RATE = 5.0
# Of one processor, what the requests may take.
SHARE = 0.25
TRIALS = 7
LOAD_SECONDS = 900.0


@dataclass(frozen=True)
class Result:
    """What became of an application, as a row of the table."""

    name: str
    title: str
    runs: int
    variables: int
    first_seconds: float
    deploy_seconds: float
    rollback_seconds: float
    uploaded: bool
    requests: int
    failed: int
    beyond: Sequence[str]


def corpus(wanted: Sequence[str]) -> int:
    """Prove applications one after the other, each on a host of its own; print the table of all that were proved."""
    troubles: dict[str, LabError] = {}
    for known in [case(name) for name in wanted or names()]:
        heading(known.title)
        try:
            _keep(_prove(known))
        except LabError as trouble:
            troubles[known.name] = trouble
            sys.stderr.write(f"\n{trouble}\n{trouble.detail}\n")
    sys.stdout.write(f"\n{table(results())}\n\n{beyond(results())}\n")
    return 1 if troubles else 0


def results() -> list[Result]:
    """Return what is known of each application from its last proof."""
    return [Result(**json.loads(path.read_text(encoding="utf-8"))) for path in sorted(RESULTS.glob("*.json"))]


def table(known: Sequence[Result]) -> str:
    """Return the table of the documentation."""
    rows = [
        "| application | runs | variables | first run | deploy | rollback | upload | requests failed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for each in known:
        seconds = " | ".join(f"{value:.0f} s" for value in (each.first_seconds, each.deploy_seconds, each.rollback_seconds))
        upload = "yes" if each.uploaded else "has none"
        rows.append(
            f"| {each.title} | {each.runs} | {each.variables} | {seconds} | {upload} | {each.failed} of {each.requests} |"
        )
    return "\n".join(rows)


def beyond(known: Sequence[Result]) -> str:
    """Return what each needs beyond a web process, as the documentation lists it."""
    return "\n".join(f"- {each.title}: {'; '.join(each.beyond) or 'nothing'}" for each in known)


def _keep(result: Result) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{result.name}.json").write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")


def _prove(known: Case) -> Result:
    lab = open_lab(INVENTORY, PREFIX)
    source = GIT / f"{known.name}.git"
    repository.commit_folder(source, known.site, {})
    hosts.remove(lab)
    bring_up(lab, SUITE)
    variables = {**overlay_variables(lab), "site_source": f"file:///srv/git/{source.name}", **known.variables}
    hosts.connect(lab, variables)
    (host,) = hosts.hosts(lab)
    first = _timed(lab, "site")
    browser = _signed_in(lab, host, known)
    uploaded = _uploaded(browser, host, known)
    released = _release(host)
    repository.commit_folder(source, known.site, {"EDITION": f"{time.time()}\n"})
    with constant_load(_plan(lab, host, known.visited, _rate(browser, known.visited))) as load:
        deploy = _timed(lab, "deploy")
        _expect(_release(host) != released, "The deploy has left the release as it was.")
        rollback = _timed(lab, "rollback")
        _expect(_release(host) == released, "The rollback has not brought the first release back.")
    verdict = judge(load.finish())
    _expect(_is_in(browser.get(known.admin), known), "Whoever had signed in no longer is.")
    if verdict.failed:
        sys.stdout.write(f"{verdict}\n")
    with step("Remove the host"):
        hosts.remove(lab)
    return Result(
        name=known.name,
        title=known.title,
        runs=known.runs,
        variables=known.count,
        first_seconds=round(first, 1),
        deploy_seconds=round(deploy, 1),
        rollback_seconds=round(rollback, 1),
        uploaded=uploaded,
        requests=verdict.requests,
        failed=len(verdict.failed),
        beyond=list(known.beyond),
    )


def _timed(lab: Lab, playbook: str) -> float:
    started = time.monotonic()
    playbooks.play(lab, playbook)
    return time.monotonic() - started


def _signed_in(lab: Lab, host: LabHost, known: Case) -> Browser:
    """Make an account, and sign in with it."""
    password = secrets.token_urlsafe(24)
    given = {f"DJANGO_SUPERUSER_{name.upper()}": value for name, value in known.account.items()}
    given["DJANGO_SUPERUSER_PASSWORD"] = password
    playbooks.play(lab, "manage", {"manage_command": "createsuperuser --noinput", "manage_environment": given})
    with step(f"Sign in at {known.sign_in}"):
        browser = Browser(host.address, DOMAIN, lab.authority)
        page = browser.get(known.sign_in)
        name, secret = login_fields(page)
        browser.send(known.sign_in, {name: known.account.get("username") or known.account["email"], secret: password})
        page = browser.get(known.admin)
        _expect(_is_in(page, known), f"{known.admin} does not let in who has signed in: {page.status} at {page.path}")
    return browser


def login_fields(page: Page) -> tuple[str, str]:
    """Return the names of a form's fields for an account and its password."""
    for secret in ("password", "login-password"):
        for name in ("username", "email", "login_email", "login-username"):
            if f'name="{secret}"' in page.text and f'name="{name}"' in page.text:
                return name, secret
    raise LabError(f"{page.path} ({page.status}) has no form to sign in with.")


def _is_in(page: Page, known: Case) -> bool:
    return page.status == 200 and page.path.split("?")[0] == known.admin


def _uploaded(browser: Browser, host: LabHost, known: Case) -> bool:
    """Send the forms of an application; its file must lie among what outlives releases, and be readable by a visitor."""
    before = _files(host)
    for number, wanted in enumerate(known.steps, start=1):
        with step(f"Send the form of {wanted['page']}"):
            files = {wanted["file"]: File("corpus.png", "image/png", picture())} if "file" in wanted else {}
            page = browser.send(wanted["page"], wanted.get("fields", {}), files)
            wrong = "errorlist" in page.text or "is-invalid" in page.text or "has-error" in page.text
            if page.status >= 400 or wrong:
                saved = RESULTS / f"{known.name}-{number}.html"
                saved.parent.mkdir(parents=True, exist_ok=True)
                saved.write_text(page.text, encoding="utf-8")
                raise LabError(f"{wanted['page']} answered {page.status} at {page.path}. The page: {saved}")
    if known.steps:
        _expect(bool(_files(host) - before), f"The upload left no file in {ROOT}/shared.")
    return bool(known.steps)


def _files(host: LabHost) -> set[str]:
    return set(docker.output(host.container, "find", f"{ROOT}/shared", "-type", "f", "-size", "+0").splitlines())


def picture(side: int = 64) -> bytes:
    """Return a picture that any application takes for one."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x20\x80\x40" * side) * side
    chunks: Iterator[tuple[bytes, bytes]] = iter([(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


def _release(host: LabHost) -> str:
    return docker.output(host.container, "readlink", f"{ROOT}/current").strip()


def _rate(browser: Browser, path: str) -> float:
    """Return how many times a second a page may be asked for."""
    took = []
    for _number in range(TRIALS):
        started = time.monotonic()
        browser.get(path)
        took.append(time.monotonic() - started)
    return rate(took)


def rate(took: Sequence[float]) -> float:
    """Return how many times a second a page may be asked for that took so many seconds each time."""
    return min(RATE, SHARE / statistics.median(took))


def _plan(lab: Lab, host: LabHost, path: str, each_second: float) -> Plan:
    url = f"https://{host.address}{path}"
    return Plan(url=url, host=DOMAIN, authority=str(lab.authority), rate=each_second, seconds=LOAD_SECONDS, post_every=0)


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LabError(otherwise)
