# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which packages the hosts of a fleet have in different versions, although they run the same release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.hotclub.django.plugins.module_utils.release.git_pins import is_pin


def package_differences(releases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return a phrase for each package that hosts with the same version of Python have in different versions.

    A lock may name different versions for different interpreters, and says the same to everybody otherwise: releases with a lock
    are not compared.

    :param releases: the same release as each host describes it, by host.
    """
    versions: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for host, release in releases.items():
        if release.get("locked", True):
            continue
        interpreter = ".".join(str(release.get("python", "")).split(".")[:2])
        for name, version in release.get("packages", {}).items():
            # A commit is the same for every interpreter.
            versions[(name, "" if is_pin(version) else interpreter)][str(version)].append(str(host))
    return [
        f"{name}: " + ", ".join(f"{version} on {' and '.join(hosts)}" for version, hosts in sorted(found.items()))
        for (name, _interpreter), found in sorted(versions.items())
        if len(found) > 1
    ]


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters of this file by name."""
        return {"package_differences": package_differences}
