# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a host comes by its certificates: it is looked at, it makes keys, the controller signs, it installs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets import authority as authorities
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.authority import Authority, Wanted

# What the host must know of a certificate.
PLACE = ("path", "owner", "group", "key_mode", "combined")

Ask = Callable[[str, list[dict[str, Any]]], dict[str, Any]]


class StepFailedError(Trouble):
    """The host couldn't take a step; its answer says why."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer.get("msg", ""))
        self.answer = answer


@dataclass(frozen=True)
class Planned:
    """A certificate that is to be put in place, and why."""

    described: Mapping[str, Any]
    found: Mapping[str, Any]
    reasons: Sequence[str]

    @property
    def path(self) -> str:
        """Its folder."""
        return str(self.described["path"])

    @property
    def wanted(self) -> Wanted:
        """What the authority is asked for."""
        return wanted_of(self.described)

    @property
    def is_given(self) -> bool:
        """Whether somebody else has issued it."""
        return bool(self.described["certificate"])

    @property
    def place(self) -> dict[str, Any]:
        """Where the host has it."""
        return {key: self.described[key] for key in PLACE}


@dataclass(frozen=True)
class Issuing:
    """All certificates of one host, and the authority that signs them."""

    authority_path: str
    authority_name: str
    authority_passphrase: str = field(repr=False)
    certificates: Sequence[Mapping[str, Any]] = field(repr=False)
    ask: Ask = field(repr=False)
    now: Callable[[], datetime] = authorities.utc_now

    def carry_out(self, checking: bool, showing: bool) -> dict[str, Any]:
        """Issue what is missing, and return what a task returns."""
        self._refuse_nonsense()
        looked = self.ask("look", [{key: item[key] for key in PLACE} for item in self.certificates])
        authority = authorities.read(Path(self.authority_path)) if self.authority_path else None
        planned = self._planned(looked["found"], authority)
        after: dict[str, str] = {}
        if planned and not checking:
            after = self._issue(planned)
        return {
            "changed": bool(looked["changed"] or planned),
            "permitted": looked["permitted"],
            "issued": [{"path": item.path, "reasons": list(item.reasons)} for item in planned],
            **({"diff": self._diff(planned, after, looked["permitted"])} if showing else {}),
        }

    def _refuse_nonsense(self) -> None:
        for item in self.certificates:
            if bool(item["certificate"]) != bool(item["private_key"]):
                raise Trouble(f"The certificate for {item['path']} is given without its key, or the key without it.")
            if not item["certificate"] and not self.authority_path:
                raise Trouble(f"The certificate for {item['path']} is to be issued. Set authority_path.")
            if not item["certificate"] and not item["names"] and not item["common_name"]:
                raise Trouble(f"The certificate for {item['path']} has neither names nor a common name.")
            authorities.canonical(item["names"])

    def _planned(self, found: Sequence[Mapping[str, Any]], authority: Authority | None) -> list[Planned]:
        planned = [
            Planned(item, there, self._reasons(item, there, authority))
            for item, there in zip(self.certificates, found, strict=True)
        ]
        return [item for item in planned if item.reasons]

    def _reasons(self, item: Mapping[str, Any], found: Mapping[str, Any], authority: Authority | None) -> list[str]:
        if item["certificate"]:
            same = found["chain"].strip() == item["certificate"].strip() and found["key_fits"] and found["complete"]
            return [] if same else ["another one is given"]
        reasons = authorities.reasons_to_issue(
            found["chain"], found["key_fits"], found["authority"], wanted_of(item), authority, self.now()
        )
        return reasons or ([] if found["complete"] or item["only_missing"] else ["a file of it is missing"])

    def _issue(self, planned: Sequence[Planned]) -> dict[str, str]:
        """Have every certificate put in place, and return what was."""
        to_sign = [item for item in planned if not item.is_given]
        signed: dict[str, str] = {}
        trusted = ""
        if to_sign:
            authority = authorities.ensure(Path(self.authority_path), self.authority_name, self.authority_passphrase, self.now())
            trusted = authority.trusted
            requests = self.ask("request", [item.place for item in to_sign])["requests"]
            signed = {
                item.path: authority.sign(request, item.wanted, self.authority_passphrase, self.now())
                for item, request in zip(to_sign, requests, strict=True)
            }
        chains = {item.path: item.described["certificate"].strip() + "\n" for item in planned if item.is_given} | signed
        self.ask(
            "install",
            [
                {
                    **item.place,
                    "chain": chains[item.path],
                    "authority": "" if item.is_given else trusted,
                    "private_key": item.described["private_key"],
                }
                for item in planned
            ],
        )
        return chains

    def _diff(self, planned: Sequence[Planned], after: Mapping[str, str], permitted: Sequence[str]) -> list[dict[str, str]]:
        certificates = [
            {
                "before_header": f"{item.path}/fullchain.pem",
                "after_header": f"{item.path}/fullchain.pem ({'; '.join(item.reasons)})",
                "before": authorities.described(item.found["chain"]),
                "after": authorities.described(after[item.path]) if item.path in after else self._described_plan(item),
            }
            for item in planned
        ]
        permissions = [
            {"before_header": file, "after_header": file, "before": "(other permissions)\n", "after": "(its permissions)\n"}
            for file in permitted
        ]
        return certificates + permissions

    def _described_plan(self, item: Planned) -> str:
        if item.is_given:
            return authorities.described(item.described["certificate"])
        return authorities.described_plan(item.wanted, self.authority_name, self.now())


def wanted_of(item: Mapping[str, Any]) -> Wanted:
    """Return what the authority must know of a certificate."""
    return Wanted(
        names=tuple(item["names"]),
        common_name=item["common_name"],
        usages=tuple(item["usages"]),
        days=item["days"],
        renew_before_days=item["renew_before_days"],
        only_missing=item["only_missing"],
    )
