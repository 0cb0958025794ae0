# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be wrong with a certificate of the operator's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ansible.errors import AnsibleError
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory import own_certificate
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.findings import Findings
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.model import Inventory
from ansible_collections.hotclub.django.plugins.plugin_utils.inventory.options import Complaint
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import utc_now


def check_certificate(inventory: Inventory, findings: Findings) -> None:
    """Refuse a certificate of the operator's own that visitors could not be shown."""
    said = {(setting.host, setting.name): setting.value for setting in inventory.settings if setting.broken is None}
    known: dict[tuple[str, str, tuple[str, ...]], list[Complaint]] = {}
    for host in inventory.hosts:
        if said.get((host, "site_tls_mode")) != "own":
            continue
        certificate, key = (str(said.get((host, name)) or "") for name in (own_certificate.CERTIFICATE, own_certificate.KEY))
        names = tuple(str(name) for name in (said.get((host, "site_domain")), *(said.get((host, "site_aliases")) or ())) if name)
        case = (certificate, key, names)
        if case not in known:
            known[case] = list(_certificate_complaints(certificate, key, names, inventory.read))
        for complaint in known[case]:
            findings.add(complaint, hosts=[host])


def _certificate_complaints(certificate: str, key: str, names: Iterable[str], read: Callable[[str], str]) -> Iterator[Complaint]:
    texts = []
    for name, value in ((own_certificate.CERTIFICATE, certificate), (own_certificate.KEY, key)):
        if not value:
            yield Complaint(name, "is not set, and site_tls_mode is own", own_certificate.FROM_FILE)
            return
        try:
            texts.append(read(value) if value.startswith("/") else value)
        except (OSError, AnsibleError) as error:
            yield Complaint(name, f"can't be read: {reason(error)}", own_certificate.FROM_FILE)
            return
    yield from own_certificate.complaints(texts[0], texts[1], names, utc_now())


def reason(error: Exception) -> str:
    """Return the first line of an error's message."""
    return str(error).splitlines()[0].rstrip(".")
