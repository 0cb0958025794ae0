# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What was found of each database server, as a text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.postgresql.diagnosis import SUBJECTS


def diagnosis_text(diagnoses: Mapping[str, Mapping[str, Any]], site: str) -> str:
    """Return what was found, server by server and subject by subject, each finding with its advice in the line below.

    :param diagnoses: what ``postgresql_diagnosis`` has found, by host; of a host that can't be asked, ``problem`` alone.
    :param site: name of the site.
    """
    return "\n\n".join("\n".join(_lines(host, said, site)) for host, said in diagnoses.items())


def _lines(host: str, said: Mapping[str, Any], site: str) -> Iterator[str]:
    if "problem" in said:
        yield f"{site} on {host} can't be diagnosed: {said['problem']}"
        return
    role = "a copy" if said["is_copy"] else "the primary"
    yield (
        f"{site} on {host}: database {said['database']}, {said['megabytes']} MiB, PostgreSQL {said['version']} ({role}), "
        f"{said['connections']} of {said['max_connections']} connections, counted since {said['since']}"
    )
    for subject in SUBJECTS:
        found = [finding for finding in said["findings"] if finding["subject"] == subject]
        yield f"{subject.upper()}{'' if found else ': nothing'}"
        for finding in found:
            yield f"  {finding['what']}"
            yield f"    {finding['advice']}"
