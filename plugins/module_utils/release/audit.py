# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Known vulnerabilities of what a release consists of, as uv finds them in a public database."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble
from ansible_collections.hotclub.django.plugins.module_utils.common.processes import run
from ansible_collections.hotclub.django.plugins.module_utils.release.software import CREDENTIALS, Package, lock

PUBLIC_INDEX = "https://pypi.org/simple"
SECONDS = 120
VULNERABLE = 1
WARNING = "warning: "
SHOWN_LENGTH = 600


@dataclass(frozen=True)
class Audit:
    """How releases are audited.

    :param mode: ``off``, ``report`` or ``stop``.
    :param service_url: where the database is asked; empty for OSV's own.
    :param ignored: identifiers of vulnerabilities that the operator has looked at.
    """

    mode: str
    service_url: str
    ignored: Sequence[str]

    def warnings(self, uv: str, packages: Sequence[Package], python: str, environment: Mapping[str, str], user: str) -> list[str]:
        """Return what is to be said of the packages.

        :raises Trouble: with ``stop``, one of them is vulnerable, or nobody can tell.
        """
        if self.mode == "off":
            return []
        try:
            found = self._ask(uv, packages, python, environment, user)
        except Trouble as error:
            if self.mode == "stop":
                raise Trouble(f"{error.cause} Nothing was changed.", error.remedy, error.detail) from error
            return [" ".join(str(error).split())]
        lines = [described(each) for each in found["vulnerabilities"]] + [_warned_of(each) for each in found["adverse_statuses"]]
        if lines and self.mode == "stop":
            raise Trouble(
                f"{len(lines)} of what this release would install is known to be unsafe. Nothing was changed.",
                "Update the project's requirements, or its lock, and deploy again. What you have looked at and can live with "
                "goes into site_audit_ignored, by its identifier.",
                "\n".join(lines),
            )
        return lines

    def _ask(
        self, uv: str, packages: Sequence[Package], python: str, environment: Mapping[str, str], user: str
    ) -> dict[str, Any]:
        index = CREDENTIALS.sub(r"\1", environment.get("UV_DEFAULT_INDEX", "")) or PUBLIC_INDEX
        with tempfile.TemporaryDirectory(prefix="audit-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            for file, text in zip(("pyproject.toml", "uv.lock"), lock(packages, python, index), strict=True):
                (folder / file).write_text(text, encoding="utf-8")
                (folder / file).chmod(0o644)
            command = [uv, "audit", "--frozen", "--output-format", "json", "--python-version", python]
            command += ["--preview-features", "audit-command,json-output"]
            command += [word for ignored in self.ignored for word in ("--ignore", ignored)]
            command += ["--service-url", self.service_url] if self.service_url else []
            done = run(command, user=user, environment=environment, cwd=name, timeout=SECONDS)
        if done.code not in (0, VULNERABLE):
            raise Trouble(
                "Nobody can tell whether this release has known vulnerabilities.",
                "Give this host access to the database, name a mirror of it in site_audit_service_url, "
                "or set site_audit_mode to report or off.",
                "\n".join(line for line in done.stderr.splitlines() if not line.startswith(WARNING))[-SHOWN_LENGTH:],
            )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def described(vulnerability: Mapping[str, Any]) -> str:
    """Return a vulnerability in one line: what has it, what it is called, what it is, and what has it no longer."""
    package = vulnerability["dependency"]
    names = ", ".join([vulnerability["id"], *vulnerability.get("aliases", [])])
    summary = f": {' '.join(vulnerability['summary'].split())}" if vulnerability.get("summary") else ""
    fixed = ", ".join(vulnerability.get("fix_versions", [])) or "no version yet"
    return f"{package['name']} {package['version']} has {names}{summary} (fixed in {fixed})"


def _warned_of(adverse: Mapping[str, Any]) -> str:
    """Return in one line what the package index itself says against a project."""
    name = adverse.get("name") or adverse.get("dependency", {}).get("name", "a package")
    reason = f": {' '.join(adverse['reason'].split())}" if adverse.get("reason") else ""
    return f"{name} is {adverse.get('status', 'unfit')}, says the package index{reason}"
