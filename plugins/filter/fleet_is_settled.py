# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a fleet is as it should be, from what its hosts have said of themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

RELEASE = "django.settle: "


def fleet_is_settled(surveys: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether nothing differs on any host, and all have the same release.

    :param surveys: what M(hotclub.django.survey) returned, for every host of the site.
    """
    found = list(surveys)
    answers = [answer for survey in found for name, answer in survey.get("answers", {}).items() if name.startswith(RELEASE)]
    releases = {answer.get("release", "") for answer in answers}
    missing = any(answer.get("missing") for answer in answers)
    return bool(found) and all(survey.get("settled") for survey in found) and len(releases) == 1 and all(releases) and not missing


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., bool]]:
        """Return the filters of this file by name."""
        return {"fleet_is_settled": fleet_is_settled}
