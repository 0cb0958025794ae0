# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a project gets, out of what every site gets and what the operator maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.hotclub.django.plugins.module_utils.release.environment import resolve


def project_environment(given: Mapping[str, object], mapped: Mapping[str, object], of_release: bool = False) -> dict[str, Any]:
    """Return the variables of a project with every ``${NAME}`` filled in.

    :param given: what every site gets, taken as it is.
    :param mapped: what the operator adds or says instead, which may refer to it.
    :param of_release: those that mean another thing in each release, in parts, instead of all others.
    :raises AnsibleFilterError: a name is not known.
    """
    try:
        return dict(resolve(given, mapped)[1 if of_release else 0])
    except ValueError as error:
        raise AnsibleFilterError(f"{error}. Correct it in site_env.") from error


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters of this file by name."""
        return {"project_environment": project_environment}
