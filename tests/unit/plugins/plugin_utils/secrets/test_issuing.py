"""Certificates of the internal authority: when they are issued, what is in them, and that they fit their keys at all times."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import ssl
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.steps.host_certificates import STEPS
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets import authority as authorities
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.issuing import Issuing
from cryptography import x509

NOW = datetime.now(UTC).replace(microsecond=0)
PASSPHRASE = "a passphrase for tests"
OWNER, GROUP = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
DEFAULTS: dict[str, Any] = {
    "names": [],
    "common_name": "",
    "usages": ["server"],
    "owner": OWNER,
    "group": GROUP,
    "key_mode": "0600",
    "combined": False,
    "days": 90,
    "renew_before_days": 30,
    "only_missing": False,
    "certificate": "",
    "private_key": "",
}


class Host:
    """A host whose certificates are in a folder here, and the calls that it got."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.steps: list[str] = []
        self.seen: list[str] = []

    def ask(self, step: str, certificates: list[dict[str, Any]]) -> dict[str, Any]:
        self.steps.append(step)
        self.seen.append(str(certificates))
        full = [{"chain": "", "authority": "", "private_key": ""} | item for item in certificates]
        return STEPS[step](full, False)


Issue = Callable[..., dict[str, Any]]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


@pytest.fixture
def issue(host: Host, tmp_path: Path) -> Issue:
    """Return a function that does what one task does, for the shop's certificate with changes."""

    def run(now: datetime = NOW, passphrase: str = PASSPHRASE, checking: bool = False, **changes: Any) -> dict[str, Any]:
        host.steps.clear()
        certificate = DEFAULTS | {"path": str(host.folder), "names": ["shop.example.org", "10.0.0.5"]} | changes
        issuing = Issuing(str(tmp_path / "authority"), "shop", passphrase, [certificate], host.ask, lambda: now)
        return issuing.carry_out(checking=checking, showing=True)

    return run


def served(host: Host) -> x509.Certificate:
    return x509.load_pem_x509_certificate((host.folder / "fullchain.pem").read_bytes())


def only_reason(result: dict[str, Any]) -> str:
    (issued,) = result["issued"]
    (reason,) = issued["reasons"]
    return str(reason)


def test_a_certificate_is_issued_once_and_then_costs_one_call(host: Host, issue: Issue) -> None:
    assert only_reason(issue()) == "there is none"
    assert host.steps == ["look", "request", "install"]

    assert issue()["changed"] is False
    assert host.steps == ["look"]


def test_openssl_verifies_it_for_its_names_and_its_purpose_alone(host: Host, issue: Issue) -> None:
    issue()
    verify = ["verify", "-x509_strict", "-CAfile", str(host.folder / "authority.pem")]
    chain = str(host.folder / "fullchain.pem")

    assert run(["openssl", *verify, "-purpose", "sslserver", "-verify_hostname", "shop.example.org", chain]).code == 0
    assert run(["openssl", *verify, "-purpose", "sslserver", "-verify_ip", "10.0.0.5", chain]).code == 0
    assert run(["openssl", *verify, "-verify_hostname", "other.example.org", chain]).code != 0
    assert run(["openssl", *verify, "-purpose", "sslclient", chain]).code != 0


def test_the_key_stays_on_the_host_and_is_its_owners_alone(host: Host, issue: Issue) -> None:
    result = issue(combined=True)

    key = (host.folder / "privkey.pem").read_text()
    assert "PRIVATE KEY" in key
    assert key not in str(result) + "".join(host.seen)
    for name in ("privkey.pem", "combined.pem"):
        assert stat.S_IMODE((host.folder / name).stat().st_mode) == 0o600
    assert not (host.folder / "next").exists()


def test_a_program_can_load_both_files(host: Host, issue: Issue) -> None:
    issue(combined=True)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(host.folder / "fullchain.pem", host.folder / "privkey.pem")
    context.load_cert_chain(host.folder / "combined.pem")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"names": ["shop.example.org"]}, "it is for 10.0.0.5, shop.example.org, not for shop.example.org"),
        ({"usages": ["server", "client"]}, "its purpose is server, not client, server"),
        ({"common_name": "shop"}, "its subject is shop.example.org, not shop"),
        ({"now": NOW + timedelta(days=61)}, f"it ends on {NOW + timedelta(days=90):%Y-%m-%d}"),
        ({"renew_before_days": 400}, f"it ends on {NOW + timedelta(days=90):%Y-%m-%d}"),
    ],
)
def test_what_is_no_longer_right_is_issued_anew(issue: Issue, host: Host, changes: dict[str, Any], reason: str) -> None:
    issue()
    before = served(host).serial_number

    assert only_reason(issue(**changes)) == reason
    assert served(host).serial_number != before


def test_the_same_names_written_otherwise_are_the_same(issue: Issue) -> None:
    issue(names=["Shop.example.org", "2001:db8:0::1"])

    assert issue(names=["2001:DB8::1", "shop.example.org", "shop.example.org"])["changed"] is False


def test_names_beyond_ascii_and_very_long_ones(issue: Issue, host: Host) -> None:
    long = f"{'a' * 60}.example.org"
    issue(names=[long, "bücher.example"])

    assert authorities.names_of(served(host)) == [long, "xn--bcher-kva.example"]
    assert authorities.common_name(served(host)) == ""
    assert issue(names=[long, "bücher.example"])["changed"] is False


def test_another_authority_means_another_certificate(issue: Issue, tmp_path: Path) -> None:
    issue()
    shutil.rmtree(tmp_path / "authority")

    assert only_reason(issue()) == "another authority has issued it"
    assert issue()["changed"] is False


def test_peers_can_be_made_to_trust_a_second_authority(issue: Issue, host: Host, tmp_path: Path) -> None:
    issue()
    other = authorities.ensure(tmp_path / "other", "other", PASSPHRASE, NOW)
    with (tmp_path / "authority" / "authority.crt").open("a") as file:
        file.write(other.trusted)

    assert only_reason(issue()) == "other authorities are trusted now"
    assert other.trusted in (host.folder / "authority.pem").read_text()
    assert issue()["changed"] is False


def test_the_time_of_whom_to_trust_is_that_of_its_last_change(issue: Issue, host: Host, tmp_path: Path) -> None:
    """Programs that read it at their start alone start anew by it, and not because a certificate was renewed."""
    issue()
    own = tmp_path / "authority" / "authority.crt"
    trusted, first = host.folder / "authority.pem", 1_700_000_000
    os.utime(trusted, (first, first))
    assert issue(now=NOW + timedelta(days=80))["changed"]
    assert trusted.stat().st_mtime == first
    authorities.ensure(tmp_path / "another", "another", PASSPHRASE, NOW)
    another = (tmp_path / "another" / "authority.crt").read_text()
    one = own.read_text()
    own.write_text(one + another)
    assert issue(now=NOW + timedelta(days=80))["changed"]
    second = trusted.stat().st_mtime
    assert second > first
    # The same two in the other order.
    os.utime(trusted, (first, first))
    issue(now=NOW + timedelta(days=160))
    assert trusted.stat().st_mtime == first


def test_a_lost_key_is_made_up_for(issue: Issue, host: Host) -> None:
    issue()
    key = host.folder / "privkey.pem"
    key.resolve().unlink()

    assert only_reason(issue()) == "its key is not on the host"
    assert key.is_file()


def test_a_key_that_others_could_read_is_closed_again(issue: Issue, host: Host) -> None:
    issue()
    (host.folder / "privkey.pem").chmod(0o644)

    assert issue()["permitted"] == [str(host.folder / "privkey.pem")]
    assert stat.S_IMODE((host.folder / "privkey.pem").stat().st_mode) == 0o600
    assert issue()["changed"] is False


def test_check_mode_says_what_would_be_issued_and_makes_nothing(issue: Issue, host: Host, tmp_path: Path) -> None:
    result = issue(checking=True)

    assert result["changed"] and "names: 10.0.0.5, shop.example.org\n" in result["diff"][0]["after"]
    assert not host.folder.exists() and not (tmp_path / "authority").exists()


def test_the_diff_shows_what_becomes_of_a_certificate(issue: Issue) -> None:
    issue()
    (part,) = issue(names=["shop.example.org"])["diff"]

    assert "names: 10.0.0.5, shop.example.org\n" in part["before"]
    assert "names: shop.example.org\n" in part["after"]
    assert "PRIVATE" not in str(part)


def test_a_reader_always_finds_a_pair_that_fits(issue: Issue, host: Host) -> None:
    issue()
    current = host.folder / "current"
    broken: list[str] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            version = current.resolve()
            try:
                ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(version / "fullchain.pem", version / "privkey.pem")
            except FileNotFoundError:
                # Two renewals later, the pair that was current is gone.
                assert current.resolve() != version
            except ssl.SSLError as error:
                broken.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        issue(renew_before_days=400)
    over.set()
    reader.join()

    assert not broken
    assert len(list((host.folder / "versions").iterdir())) == 2


def test_a_certificate_that_stands_in_leaves_whatever_is_there(issue: Issue, tmp_path: Path) -> None:
    assert only_reason(issue(only_missing=True)) == "there is none"
    shutil.rmtree(tmp_path / "authority")

    assert issue(only_missing=True, names=["other.example.org"])["changed"] is False
    assert only_reason(issue(only_missing=True, now=NOW + timedelta(days=91))).startswith("it ends on")


def test_a_given_certificate_is_installed_as_it_is(issue: Issue, host: Host, tmp_path: Path) -> None:
    other = Host(tmp_path / "elsewhere")
    certificate = DEFAULTS | {"path": str(other.folder), "names": ["shop.example.org"]}
    Issuing(str(tmp_path / "theirs"), "theirs", PASSPHRASE, [certificate], other.ask).carry_out(checking=False, showing=False)
    pair = {
        "certificate": (other.folder / "fullchain.pem").read_text(),
        "private_key": (other.folder / "privkey.pem").read_text(),
    }

    assert only_reason(issue(**pair)) == "another one is given"
    assert (host.folder / "privkey.pem").read_text() == pair["private_key"]
    assert issue(**pair)["changed"] is False
    assert not (tmp_path / "authority").exists()


def test_the_authority_is_the_controllers_alone_and_its_key_is_encrypted(issue: Issue, tmp_path: Path) -> None:
    issue()
    folder = tmp_path / "authority"
    certificate = x509.load_pem_x509_certificate((folder / "authority.crt").read_bytes())
    limits = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "authority.key").stat().st_mode) == 0o600
    assert "BEGIN ENCRYPTED PRIVATE KEY" in (folder / "authority.key").read_text()
    assert (limits.ca, limits.path_length) == (True, 0)


def test_hosts_that_come_at_the_same_time_get_the_same_authority(tmp_path: Path) -> None:
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(authorities.ensure(tmp_path / "authority", "shop", PASSPHRASE, NOW).trusted))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 8 and len(set(made)) == 1


def test_a_wrong_passphrase_says_what_to_restore(issue: Issue) -> None:
    issue()

    with pytest.raises(
        Trouble, match=r"authority\.key can't be read with its passphrase(.|\n)*Restore the key and the passphrase"
    ):
        issue(passphrase="another", names=["other.example.org"])


def test_a_run_without_work_needs_no_passphrase(issue: Issue) -> None:
    issue()

    assert issue(passphrase="another")["changed"] is False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"names": []}, "neither names nor a common name"),
        ({"private_key": "a key"}, "given without its key, or the key without it"),
        ({"passphrase": ""}, "Set authority_passphrase"),
        ({"names": ["a..ü"]}, "neither a host's name nor an address"),
    ],
)
def test_what_can_not_be_is_refused(issue: Issue, host: Host, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Trouble, match=message):
        issue(**changes)
    assert not host.folder.exists()


def test_an_account_that_is_missing_is_named(issue: Issue) -> None:
    with pytest.raises(Trouble, match=r"for nobody-knows:.*no such account"):
        issue(owner="nobody-knows")
