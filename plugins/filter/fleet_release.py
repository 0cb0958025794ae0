# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The release that a fleet is meant to run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any


def fleet_release(
    here: Mapping[str, Mapping[str, Any]], elsewhere: Iterable[Mapping[str, Any]] = (), which: str = "release"
) -> dict[str, Any]:
    """Return the release that most hosts have; of two that equally many have, the older one.

    A deploy that was cut off leaves some hosts with the new release. The older one is on all of them, so the way back is sure.

    :param here: what M(hotclub.django.release_state) returned, by host of the play.
    :param elsewhere: what it returned for hosts outside of the play, as a loop registers it.
    :param which: ``release`` for the one that serves, ``before`` for the one to go back to.
    :returns: ``id``, ``version``, ``commit``, ``python``, ``packages``, and the ``hosts`` that have it; no id when none has any.
    """
    answers = {str(host): answer for host, answer in here.items()}
    answers |= {str(answer["item"]): answer for answer in elsewhere if "release" in answer}
    counted = Counter(answer[which] for answer in answers.values() if answer.get(which))
    if not counted:
        return {"id": "", "version": "", "commit": "", "python": "", "packages": {}, "hosts": []}
    chosen = min(counted, key=lambda release: (-counted[release], release))
    facts = next(answer["known"][chosen] for answer in answers.values() if chosen in answer["known"])
    hosts = [host for host, answer in answers.items() if chosen in answer["built"]]
    return {
        "id": chosen,
        "version": facts["version"],
        "commit": facts["commit"],
        # Hosts that were deployed to by an earlier version don't tell.
        "python": facts.get("python", ""),
        "packages": facts.get("packages", {}),
        "hosts": hosts,
    }


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the filters of this file by name."""
        return {"fleet_release": fleet_release}
